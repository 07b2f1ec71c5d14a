// Package durable holds the steps that make a change of a folder outlast a power cut, and
// the seam by which tests break a disk between any two of them. All access goes through an
// [os.Root], so that no planted link leads out of it.
package durable

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
)

// NewExt ends the name of a file that Replace has not finished. What bears it after a
// crash can be deleted.
const NewExt = ".new"

// Replace gives the file name the content data: whoever reads it, also after a power cut,
// finds the old content or the new, never a mixture. perm is a new file's. Errors are those
// of package os.
func (f *Folder) Replace(name string, data []byte, perm os.FileMode) error {
	return f.ReplaceBy(name, perm, func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	})
}

// ReplaceBy is Replace with a content that need not be in memory as a whole. An error of
// write is passed on, and the file is what it was.
func (f *Folder) ReplaceBy(name string, perm os.FileMode, write func(io.Writer) error) error {
	temp := name + NewExt
	file, err := f.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, perm)
	if err != nil {
		return err
	}
	err = write(file)
	if err == nil {
		err = file.Sync()
	}
	if cerr := file.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = f.Rename(temp, name)
	}
	if err == nil {
		return f.SyncDir(path.Dir(name))
	}
	if rerr := f.Remove(temp); rerr != nil && !errors.Is(rerr, fs.ErrNotExist) {
		err = errors.Join(err, rerr)
	}
	return err
}
