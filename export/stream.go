package export

import (
	"context"
	"io"
)

// Stream makes one package on a writer that is no file.
type Stream struct {
	format Format
	pack   pack
	result Result
}

// NewStream begins a package. A bag needs a file of its own to note things in, and is made by
// a [Writer] only.
func NewStream(format Format, w io.Writer, about About) (*Stream, error) {
	p, err := newPack(format, w, about)
	return &Stream{format: format, pack: p}, err
}

// Add takes in a file of the archive.
func (s *Stream) Add(ctx context.Context, f File, from Files) error {
	f, r, err := open(ctx, s.format, from, f)
	if err != nil {
		return err
	}
	defer r.Close()
	if err := s.pack.add(f, r); err != nil {
		return err
	}
	s.result.Files++
	s.result.Bytes += f.Size
	return nil
}

// Close ends the package.
func (s *Stream) Close(context.Context) (Result, error) { return s.result, s.pack.close() }

// Discard leaves it as it is: cut off.
func (s *Stream) Discard() error { return nil }
