package export

import (
	"archive/zip"
	"io"
	"path"
	"time"
)

// zipPack is a zip archive (PKWARE's APPNOTE, zip64 where it is needed). Media is stored as
// it is, since it does not get smaller; texts are deflated.
type zipPack struct {
	w         *zip.Writer
	directory int64 // bytes, at most, of what the package ends with
}

func newZip(w io.Writer) *zipPack { return &zipPack{w: zip.NewWriter(w)} }

func (z *zipPack) add(f File, r io.Reader) error {
	h := &zip.FileHeader{Name: f.Path, Method: zip.Store, Modified: TimeOf(f.Created)}
	if IsText(f.Path) {
		h.Method = zip.Deflate
	}
	h.SetMode(0o644)
	w, err := z.w.CreateHeader(h)
	if err != nil {
		return err
	}
	z.directory += entryOf(f)
	_, err = io.Copy(w, r)
	return err
}

// entryOf is at most the size of a file's entry in the directory, with what zip64 adds.
func entryOf(f File) int64 { return 96 + int64(len(f.Path)) }

func (z *zipPack) room(f File) int64 {
	const header, descriptor, end, buffer = 48, 24, 22 + 76, 4 << 10
	deflated := f.Size + f.Size>>12 + 64 // what does not get smaller gets a little larger
	return header + int64(len(f.Path)) + deflated + descriptor + z.directory + entryOf(f) + end + buffer
}

func (z *zipPack) close() error { return z.w.Close() }

// IsText tells files that get smaller when they are compressed, by their names.
func IsText(name string) bool {
	switch path.Ext(name) {
	case ".json", ".xmp", ".txt":
		return true
	}
	return false
}

// TimeOf is a time that every format can hold: whole seconds from 1980 on, in UTC.
func TimeOf(t time.Time) time.Time {
	first := time.Date(1980, time.January, 1, 0, 0, 0, 0, time.UTC)
	if t.Before(first) {
		return first
	}
	return t.UTC().Truncate(time.Second)
}
