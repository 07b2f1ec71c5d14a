package export

import (
	"archive/tar"
	"errors"
	"io"

	"github.com/klauspost/compress/zstd"
)

// tarPack is a tar archive (POSIX pax), compressed or not.
type tarPack struct {
	w     *tar.Writer
	under io.Closer // the compressor, nil for none
	held  int64     // bytes that the compressor holds back at most
}

func newTar(w io.Writer) tarPack { return tarPack{w: tar.NewWriter(w)} }

func newTarZst(w io.Writer) (tarPack, error) {
	// One goroutine: where blocks end must not depend on how fast the machine is.
	z, err := zstd.NewWriter(w, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedDefault), zstd.WithEncoderCRC(true))
	if err != nil {
		return tarPack{}, err
	}
	return tarPack{tar.NewWriter(z), z, 128 << 10}, nil
}

func (t tarPack) add(f File, r io.Reader) error {
	h := &tar.Header{Typeflag: tar.TypeReg, Name: f.Path, Size: f.Size, Mode: 0o644, ModTime: TimeOf(f.Created), Format: tar.FormatPAX}
	if err := t.w.WriteHeader(h); err != nil {
		return err
	}
	_, err := io.Copy(t.w, r)
	if errors.Is(err, tar.ErrWriteTooLong) {
		err = &ChangedError{Path: f.Path, Why: "has grown since it was recorded"}
	}
	return err
}

func (t tarPack) room(f File) int64 {
	const header, padding, end = 512, 511, 1024
	pax := header + 1024 + int64(len(f.Path)) // records for what the header cannot hold
	n := header + pax + f.Size + padding + end + t.held
	if t.under != nil {
		n += n>>12 + 64 // what does not get smaller gets a little larger
	}
	return n
}

func (t tarPack) close() error {
	err := t.w.Close()
	if t.under != nil {
		err = errors.Join(err, t.under.Close())
	}
	return err
}
