package export

import (
	"archive/zip"
	"io"
	"path"
	"time"
)

// zipPack is a zip archive (PKWARE's APPNOTE, zip64 where it is needed). Media is stored as
// it is, since it does not get smaller; texts are deflated.
type zipPack struct{ w *zip.Writer }

func newZip(w io.Writer) zipPack { return zipPack{zip.NewWriter(w)} }

func (z zipPack) add(f File, r io.Reader) error {
	h := &zip.FileHeader{Name: f.Path, Method: zip.Store, Modified: timeOf(f.Created)}
	if isText(f.Path) {
		h.Method = zip.Deflate
	}
	h.SetMode(0o644)
	w, err := z.w.CreateHeader(h)
	if err != nil {
		return err
	}
	_, err = io.Copy(w, r)
	return err
}

// A local header, a descriptor, an entry of the directory with what zip64 adds.
func (z zipPack) overhead(f File) int64 { return 220 + 2*int64(len(f.Path)) }

func (z zipPack) close() error { return z.w.Close() }

func isText(name string) bool {
	switch path.Ext(name) {
	case ".json", ".xmp", ".txt":
		return true
	}
	return false
}

// timeOf is a time that every format can hold: whole seconds from 1980 on, in UTC.
func timeOf(t time.Time) time.Time {
	first := time.Date(1980, time.January, 1, 0, 0, 0, 0, time.UTC)
	if t.Before(first) {
		return first
	}
	return t.UTC().Truncate(time.Second)
}
