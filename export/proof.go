package export

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
)

// ChangedError says that a file of the archive is not what the record says.
type ChangedError struct {
	Path string
	Why  string
	Err  error
}

func (e *ChangedError) Error() string { return e.Path + ": " + e.Why }
func (e *ChangedError) Unwrap() error { return e.Err }

// proved reads a file of the archive and ends in a [*ChangedError] unless it is what the
// record says.
type proved struct {
	file File
	r    io.Reader
	n    int64
	sum  hash.Hash
}

func prove(f File, r io.Reader) *proved { return &proved{file: f, r: r, sum: sha256.New()} }

func (p *proved) Read(b []byte) (int, error) {
	n, err := p.r.Read(b)
	p.sum.Write(b[:n])
	p.n += int64(n)
	switch {
	case p.n > p.file.Size:
		return 0, &ChangedError{Path: p.file.Path, Why: fmt.Sprintf("has more than the recorded %d bytes", p.file.Size)}
	case errors.Is(err, io.EOF):
		if p.n < p.file.Size {
			return 0, &ChangedError{Path: p.file.Path, Why: fmt.Sprintf("has %d of %d bytes", p.n, p.file.Size)}
		}
		if sum := p.hex(); sum != p.file.SHA256 {
			return 0, &ChangedError{Path: p.file.Path, Why: "its SHA-256 is " + sum + ", recorded with " + p.file.SHA256}
		}
	case err != nil:
		return n, fmt.Errorf("%s: %w", p.file.Path, err)
	}
	return n, err
}

func (p *proved) hex() string { return hex.EncodeToString(p.sum.Sum(nil)) }

// open opens a file of the archive for a package of a format, to be read whole and proved.
// It completes what the record does not say of the file.
func open(ctx context.Context, format Format, from Files, f File) (File, io.ReadCloser, error) {
	if err := ctx.Err(); err != nil {
		return f, nil, err
	}
	if format.Table() {
		return f, io.NopCloser(bytes.NewReader(nil)), nil
	}
	file, err := from.Open(ctx, f.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return f, nil, &ChangedError{Path: f.Path, Why: "recorded as kept, and not there", Err: err}
	}
	if err != nil {
		return f, nil, err
	}
	if f.SHA256 != "" {
		return f, &obeying{ctx, prove(f, file), file}, nil
	}
	// A sidecar of an early archive, of which neither size nor hash is recorded.
	text, err := io.ReadAll(io.LimitReader(&obeying{ctx, file, file}, largestSidecar+1))
	if err == nil && len(text) > largestSidecar {
		err = &ChangedError{Path: f.Path, Why: fmt.Sprintf("has more than %d bytes, which no sidecar has", largestSidecar)}
	}
	sum := sha256.Sum256(text)
	f.Size, f.SHA256 = int64(len(text)), hex.EncodeToString(sum[:])
	return f, io.NopCloser(bytes.NewReader(text)), errors.Join(err, file.Close())
}

// obeying is a reader that ends with a context.
type obeying struct {
	ctx context.Context
	r   io.Reader
	io.Closer
}

func (o *obeying) Read(p []byte) (int, error) {
	if err := o.ctx.Err(); err != nil {
		return 0, err
	}
	return o.r.Read(p)
}
