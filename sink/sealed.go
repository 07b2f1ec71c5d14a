package sink

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
)

const (
	sealedExt = ".sealed"
	// headKept is how many first bytes are kept in memory for Head: those of a sealed file
	// cannot be read back, and reading back a small one is a system call.
	headKept = 4 << 10
)

// Sealer encrypts. What is written to the stream it returns comes to dst as ciphertext, to
// the last byte when the stream is closed; dst stays open. A stream may also be left
// unclosed, when its bytes are not wanted any more. Many streams may be open at once.
type Sealer interface {
	Seal(dst io.Writer) (io.WriteCloser, error)
}

// WithSealer is what [Dir.BeginSealed] needs.
func WithSealer(s Sealer) Option { return func(d *Dir) { d.sealer = s } }

// sealed is a Writer whose bytes reach the disk as ciphertext only. What is on disk can be
// continued by nobody but the stream that began it, so nothing of it outlives the Writer.
type sealed struct {
	file   *partial // the ciphertext
	out    *bufio.Writer
	stream io.WriteCloser // nil when nothing more can be written
	whole  bool           // Finish has written its end

	sum       hash.Hash
	offset    int64
	head      []byte
	validator string
	size      int64
}

var _ Writer = (*sealed)(nil)

// BeginSealed is Begin for a file that is encrypted on its way to the disk. The Writer
// tells of the bytes that are written to it, and its Stored of the file as it stands. It
// takes nothing over: bytes that an earlier run left of key, which may not be encrypted,
// are removed. Its Suspend keeps nothing.
func (d *Dir) BeginSealed(key string) (Writer, error) {
	if d.sealer == nil {
		return nil, errors.New("the sink was opened without a sealer")
	}
	if err := d.forget(key); err != nil {
		return nil, err
	}
	p := &partial{dir: d, key: key, name: partialName(key) + sealedExt, sum: sha256.New(), size: -1}
	f, err := d.partials.OpenFile(p.name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o666)
	if err != nil {
		return nil, spaceOr(err)
	}
	p.file = f
	w := &sealed{file: p, out: bufio.NewWriterSize(p, headKept), sum: sha256.New(), size: -1}
	if err := w.start(); err != nil {
		return nil, errors.Join(err, w.Discard())
	}
	return w, nil
}

// forget removes what an earlier run left of key, so that a power cut does not bring it back.
func (d *Dir) forget(key string) error {
	removed, err := d.discard(key)
	if err != nil || !removed {
		return err
	}
	return d.partials.SyncDir(".")
}

// start begins a ciphertext on an empty file.
func (w *sealed) start() (err error) {
	w.stream, err = w.file.dir.sealer.Seal(w.out)
	return err
}

func (w *sealed) Write(b []byte) (int, error) {
	if w.stream == nil {
		return 0, fmt.Errorf("write to a sealed file that has ended: %w", os.ErrClosed)
	}
	n, err := w.stream.Write(b)
	w.sum.Write(b[:n])
	w.head = append(w.head, b[:min(n, headKept-len(w.head))]...)
	w.offset += int64(n)
	return n, err
}

func (w *sealed) Offset() int64           { return w.offset }
func (w *sealed) Resume() (string, int64) { return w.validator, w.size }
func (w *sealed) Sum() string             { return hex.EncodeToString(w.sum.Sum(nil)) }

// Stored is right to the last byte after Finish.
func (w *sealed) Stored() (size int64, sha256 string) { return w.file.Stored() }

func (w *sealed) Head(n int) ([]byte, error) {
	return bytes.Clone(w.head[:min(n, len(w.head))]), nil
}

// Expect tells the file no validator, since without one nothing is noted of it for a later
// run. The room is that of the plaintext: a ciphertext is hardly longer.
func (w *sealed) Expect(validator string, size int64) error {
	w.validator, w.size = validator, size
	if size >= 0 {
		size += w.file.offset - w.offset
	}
	return w.file.Expect("", size)
}

// Reset begins a new ciphertext, under a new key: no two texts may share one.
func (w *sealed) Reset() error {
	w.stream, w.whole = nil, false
	if err := w.file.Reset(); err != nil {
		return err
	}
	w.out.Reset(w.file)
	w.sum.Reset()
	w.head = w.head[:0]
	w.offset, w.validator, w.size = 0, "", -1
	return w.start()
}

func (w *sealed) Finish() error {
	if w.stream == nil {
		return fmt.Errorf("finish a sealed file that has ended: %w", os.ErrClosed)
	}
	err := w.stream.Close()
	w.stream = nil // and its buffers with it: the file may wait for its group
	if err == nil {
		err = w.out.Flush()
	}
	w.whole = err == nil
	return errors.Join(err, w.file.Finish())
}

func (w *sealed) Suspend() error { return w.Discard() }

func (w *sealed) Discard() error {
	w.stream = nil
	return w.file.Discard()
}
