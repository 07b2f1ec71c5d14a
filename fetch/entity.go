package fetch

import (
	"compress/gzip"
	"errors"
	"io"
)

const (
	maxRatio  = 1000     // of a body to its compressed form
	ratioFrom = 64 << 20 // bytes that any body may grow to
)

// entity is a body whose length is checked: an end too early is an error, and not an
// end. An error stays for every later Read.
type entity struct {
	o    *opening
	in   *counter
	body io.Reader
	zip  bool
	at   int64 // offset in the whole entity
	size int64 // of the whole entity, or where its part ends; -1 unknown
	err  error
}

// counter counts the bytes as sent.
type counter struct {
	io.ReadCloser
	n int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.ReadCloser.Read(p)
	c.n += int64(n)
	return n, err
}

func newEntity(o *opening, body io.ReadCloser, at, size int64, zip bool) *entity {
	in := &counter{ReadCloser: body}
	return &entity{o: o, in: in, body: in, zip: zip, at: at, size: size}
}

func (e *entity) Close() error { return e.in.Close() }

func (e *entity) Read(p []byte) (int, error) {
	if e.err != nil || len(p) == 0 {
		return 0, e.err
	}
	if reader, ok := e.body.(*counter); e.zip && ok {
		unzipped, err := gzip.NewReader(reader)
		if err != nil {
			e.err = e.broken(err)
			return 0, e.err
		}
		e.body = unzipped
	}
	n, err := e.body.Read(p)
	e.at += int64(n)
	switch {
	case e.size >= 0 && e.at > e.size:
		n -= int(e.at - e.size)
		e.err = e.fault(ErrUnavailable, errors.New("more bytes than announced"))
	case e.zip && e.at > ratioFrom && e.at > maxRatio*e.in.n:
		n, e.err = 0, e.fault(ErrTooLarge, errors.New("compressed beyond reason"))
	case err == io.EOF && e.size >= 0 && e.at < e.size:
		e.err = e.fault(ErrUnavailable, io.ErrUnexpectedEOF)
	case err == io.EOF:
		e.err = io.EOF
	case err != nil:
		e.err = e.broken(err)
	}
	return max(n, 0), e.err
}

// broken is an error of the stream below, which has the form of this package already,
// or of the decompression above it.
func (e *entity) broken(err error) error {
	var known *Error
	if errors.As(err, &known) {
		return known
	}
	if err == io.EOF {
		err = io.ErrUnexpectedEOF // an empty body is no compressed one
	}
	return e.fault(ErrUnavailable, e.o.c.mute(err))
}

func (e *entity) fault(kind, err error) error {
	return &Error{Op: e.o.op, Kind: kind, Err: err}
}
