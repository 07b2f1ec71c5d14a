package pack

import (
	"archive/tar"
	"errors"
	"io"
	"iter"

	"civitar/export"
)

// tarForm is POSIX pax.
type tarForm struct{}

var _ form = tarForm{}

const tarBlock = 512

func (tarForm) add(w *out, c content, r io.Reader) (member, error) {
	m := member{At: w.at, Path: c.path, Size: c.size, Packed: c.size, Modified: export.TimeOf(c.modified)}
	t := tar.NewWriter(w)
	if err := t.WriteHeader(headerOf(c)); err != nil {
		return m, err
	}
	m.Head = w.at - m.At
	err := copyTar(t, r, c.size)
	m.Length = w.at - m.At
	return m, err
}

func headerOf(c content) *tar.Header {
	return &tar.Header{Typeflag: tar.TypeReg, Name: c.path, Size: c.size, Mode: 0o644, ModTime: export.TimeOf(c.modified), Format: tar.FormatPAX}
}

// copyTar writes a member's content, and fills its last block.
func copyTar(t *tar.Writer, r io.Reader, size int64) error {
	if _, err := copyTo(t, r, size); err != nil {
		return err
	}
	return t.Flush()
}

func (tarForm) next(r io.ReaderAt, at, size int64) (member, error) {
	from := io.NewSectionReader(r, at, size-at)
	h, err := tar.NewReader(from).Next()
	if err != nil {
		return member{}, tarFault(at, err)
	}
	head, err := from.Seek(0, io.SeekCurrent)
	if err != nil {
		return member{}, err
	}
	m, err := memberOf(at, h)
	switch {
	case err != nil:
		return m, err
	case m.Size > size-at-head: // also where it would overflow what follows
		return m, short(at)
	}
	m.Head, m.Packed = head, m.Size
	m.Length = head + (m.Size+tarBlock-1)/tarBlock*tarBlock
	if m.end() > size {
		return m, short(at)
	}
	return m, nil
}

// memberOf is what a header says.
func memberOf(at int64, h *tar.Header) (member, error) {
	m := member{At: at, Path: h.Name, Size: h.Size, Modified: h.ModTime.UTC()}
	if h.Typeflag != tar.TypeReg {
		return m, damaged(at, "%q is no regular file", h.Name)
	}
	if m.Path == blankPath {
		m.Path = ""
		return m, nil
	}
	return m, checkPath(at, m.Path)
}

func tarFault(at int64, err error) error {
	switch {
	case errors.Is(err, io.EOF):
		return errEnd
	case errors.Is(err, io.ErrUnexpectedEOF):
		return short(at)
	}
	return damaged(at, "%v", err)
}

func (tarForm) open(r io.ReaderAt, m member) (io.ReadCloser, error) {
	return io.NopCloser(io.NewSectionReader(r, m.At+m.Head, m.Size)), nil
}

// blank writes files of zeros of the name blankPath. Headers that readers pass over would show
// less, but some readers take few of them in a row.
func (tarForm) blank(w io.Writer, m member) error {
	return pieces(w, m.Length, tarBlock, 4<<30, func(length int64) error {
		size := length - tarBlock
		if err := tar.NewWriter(w).WriteHeader(headerOf(content{path: blankPath, size: size})); err != nil {
			return err
		}
		return zeros(w, size)
	})
}

func (tarForm) finish(w io.Writer, _ int64, _ iter.Seq2[member, error]) error {
	return zeros(w, 2*tarBlock)
}

// pieces writes blanks, one after the other, where one has a least and a greatest length.
func pieces(w io.Writer, length, least, most int64, one func(length int64) error) error {
	for length > 0 {
		n := min(length, most)
		if left := length - n; left > 0 && left < least {
			n -= least
		}
		if err := one(n); err != nil {
			return err
		}
		length -= n
	}
	return nil
}
