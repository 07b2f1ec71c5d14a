package pack

import (
	"archive/tar"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"iter"
	"sync"

	"github.com/klauspost/compress/zstd"

	"civitar/export"
)

// zstForm is tar in zstd (RFC 8878), one frame a member, so that every member can be found,
// read and cut off by itself. A blank is made of skippable frames, which no reader shows.
type zstForm struct {
	encoder  *zstd.Encoder // made when the first file is added
	text     bytes.Buffer  // a small member as tar, and as it is packed
	packed   []byte
	decoders sync.Pool
}

var _ form = (*zstForm)(nil)

// smallFile is up to where a member is packed in memory, and how much readers need of it of one
// that is larger.
const smallFile = 1 << 20

func (z *zstForm) add(w *out, c content, r io.Reader) (member, error) {
	m := member{At: w.at, Path: c.path, Size: c.size, Modified: export.TimeOf(c.modified)}
	err := z.pack(w, c, r)
	m.Length = w.at - m.At
	m.Packed = m.Length
	return m, err
}

func (z *zstForm) pack(w io.Writer, c content, r io.Reader) error {
	e, err := z.ready()
	if err != nil {
		return err
	}
	if c.size <= smallFile {
		z.text.Reset()
		if err := writeTar(&z.text, c, r); err != nil {
			return err
		}
		z.packed = e.EncodeAll(z.text.Bytes(), z.packed[:0])
		_, err := w.Write(z.packed)
		return err
	}
	e.Reset(w)
	if err := writeTar(e, c, r); err != nil {
		return err
	}
	return e.Close()
}

func writeTar(w io.Writer, c content, r io.Reader) error {
	t := tar.NewWriter(w)
	if err := t.WriteHeader(headerOf(c)); err != nil {
		return err
	}
	return copyTar(t, r, c.size)
}

func (z *zstForm) ready() (_ *zstd.Encoder, err error) {
	if z.encoder == nil {
		z.encoder, err = zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(smallFile), zstd.WithLowerEncoderMem(true), zstd.WithEncoderCRC(true))
	}
	return z.encoder, err
}

func (z *zstForm) next(r io.ReaderAt, at, size int64) (member, error) {
	length, skip, err := frame(r, at, size)
	if err != nil || skip {
		return member{At: at, Length: length}, err
	}
	// The head has a checksum of its own: a content that is damaged says nothing against it.
	d, err := z.decoder(io.NewSectionReader(r, at, length), zstd.IgnoreChecksum(true))
	if err != nil {
		return member{}, err
	}
	defer z.decoders.Put(d)
	h, err := tar.NewReader(d).Next()
	if err != nil {
		return member{}, tarFault(at, err)
	}
	m, err := memberOf(at, h)
	m.Length, m.Packed = length, length
	return m, err
}

func (z *zstForm) decoder(r io.Reader, checksum zstd.DOption) (*zstd.Decoder, error) {
	if d, ok := z.decoders.Get().(*zstd.Decoder); ok {
		return d, d.ResetWithOptions(r, checksum)
	}
	return zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(8*smallFile), checksum)
}

// frame tells how long the frame at an offset is, and whether it is one to skip, by the heads
// of its blocks.
func frame(r io.ReaderAt, at, size int64) (length int64, skip bool, err error) {
	if at == size {
		return 0, false, errEnd
	}
	buf := make([]byte, min(zstd.HeaderMaxSize, size-at))
	if _, err := r.ReadAt(buf, at); err != nil && !errors.Is(err, io.EOF) {
		return 0, false, err
	}
	var h zstd.Header
	switch err := h.Decode(buf); {
	case errors.Is(err, io.ErrUnexpectedEOF):
		return 0, false, short(at)
	case err != nil:
		return 0, false, damaged(at, "%v", err)
	}
	length, skip = int64(h.HeaderSize)+int64(h.SkippableSize), h.Skippable
	for last := skip; !last; {
		const head = 3
		if at+length+head > size {
			return 0, false, short(at)
		}
		if _, err := r.ReadAt(buf[:head], at+length); err != nil {
			return 0, false, err
		}
		// RFC 8878, 3.1.1.2: last block, type, size; a run (type 1) is one byte.
		block := int64(buf[0]) | int64(buf[1])<<8 | int64(buf[2])<<16
		last = block&1 == 1
		if block>>1&3 == 1 {
			block = 1 << 3
		}
		length += head + block>>3
	}
	if h.HasCheckSum {
		length += 4
	}
	if at+length > size {
		return 0, false, short(at)
	}
	return length, skip, nil
}

func (z *zstForm) open(r io.ReaderAt, m member) (io.ReadCloser, error) {
	d, err := z.decoder(io.NewSectionReader(r, m.At, m.Length), zstd.IgnoreChecksum(false))
	if err != nil {
		return nil, err
	}
	t := tar.NewReader(d)
	h, err := t.Next()
	if err == nil && (h.Name != m.Path || h.Size != m.Size) {
		err = fmt.Errorf("another member than %s", m.Path)
	}
	if err != nil {
		z.decoders.Put(d)
		return nil, damaged(m.At, "%v", err)
	}
	return &frameReader{t, d, z}, nil
}

// frameReader reads the one file of a frame, and the frame to its end, where its checksum is.
type frameReader struct {
	*tar.Reader
	d *zstd.Decoder
	z *zstForm
}

func (f *frameReader) Read(p []byte) (int, error) {
	n, err := f.Reader.Read(p)
	if errors.Is(err, io.EOF) {
		if _, rest := io.Copy(io.Discard, f.d); rest != nil {
			err = rest
		}
	}
	return n, err
}

func (f *frameReader) Close() error {
	if f.d != nil {
		f.z.decoders.Put(f.d)
		f.d = nil
	}
	return nil
}

func (z *zstForm) blank(w io.Writer, m member) error {
	const head = 8
	return pieces(w, m.Length, head, 1<<31, func(length int64) error {
		h := binary.LittleEndian.AppendUint32(nil, 0x184D2A50) // RFC 8878, 3.1.2
		if _, err := w.Write(binary.LittleEndian.AppendUint32(h, uint32(length-head))); err != nil {
			return err
		}
		return zeros(w, length-head)
	})
}

func (z *zstForm) finish(w io.Writer, _ int64, _ iter.Seq2[member, error]) error {
	e, err := z.ready()
	if err != nil {
		return err
	}
	_, err = w.Write(e.EncodeAll(make([]byte, 2*tarBlock), nil))
	return err
}
