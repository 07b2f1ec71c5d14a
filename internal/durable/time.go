package durable

import (
	"errors"
	"io/fs"
	"os"
	"time"
)

// SetTime sets when the file was modified; a later Sync makes that durable. No write may
// follow. A time that not every system can hold (before 1970, after 2261) is left out, and
// so is any where the file system lets nobody set times: the bytes are as good without.
func (f *File) SetTime(t time.Time) error {
	if y := t.UTC().Year(); y < 1970 || y > 2261 {
		return nil
	}
	err := f.folder.before(SetTime, f.name)
	if err == nil {
		err = setTime(f, t)
	}
	if errors.Is(err, fs.ErrPermission) || errors.Is(err, errors.ErrUnsupported) {
		return nil
	}
	return err
}

// Changed is when the file that info describes was last changed in any way, its name and
// its times included: a modification time can be set to any moment, this one cannot. It is
// the modification time where that is later, or where the system tells nothing else.
func Changed(root *os.Root, name string, info fs.FileInfo) time.Time {
	if t := changeTime(root, name, info); t.After(info.ModTime()) {
		return t
	}
	return info.ModTime()
}
