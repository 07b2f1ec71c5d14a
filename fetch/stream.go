package fetch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"sync"
	"sync/atomic"
	"time"
)

var errStalled = errors.New("no progress")

// stream is an answer's body whose silence is bounded. The timer runs only inside
// Read: a caller may take all the time it wants between reads.
type stream struct {
	c      *Client
	ctx    context.Context // the caller's
	op     string
	body   io.ReadCloser
	cancel context.CancelCauseFunc
	timer  *time.Timer
	silent atomic.Bool
	err    error // what ended it, kept for every later Read
	closed sync.Once
}

func newStream(ctx context.Context, c *Client, op string, body io.ReadCloser, cancel context.CancelCauseFunc) *stream {
	s := &stream{c: c, ctx: ctx, op: op, body: body, cancel: cancel}
	s.timer = time.AfterFunc(math.MaxInt64, s.giveUp)
	s.timer.Stop()
	return s
}

func (s *stream) Read(p []byte) (int, error) {
	if s.err != nil {
		return 0, s.err
	}
	s.timer.Reset(s.c.stall)
	n, err := s.body.Read(p)
	s.timer.Stop()
	switch {
	case err == nil:
		return n, nil
	case s.ctx.Err() != nil:
		s.err = s.c.trouble(s.ctx, s.op, err)
	case s.silent.Load():
		s.err = &Error{Op: s.op, Kind: ErrUnavailable, Err: fmt.Errorf("%w: no data for %s", errStalled, s.c.stall)}
	case errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF):
		s.err = io.EOF
	default:
		s.err = s.c.trouble(s.ctx, s.op, err)
	}
	return n, s.err
}

// giveUp runs when a Read took too long, and makes it return.
func (s *stream) giveUp() {
	s.silent.Store(true)
	s.cancel(errStalled)
	_ = s.close()
}

// Close releases the connection; it may be called at any time, more than once, also
// to end a Read on another goroutine.
func (s *stream) Close() error {
	s.timer.Stop()
	err := s.close()
	s.cancel(nil)
	return err
}

func (s *stream) close() (err error) {
	s.closed.Do(func() { err = s.body.Close() })
	return err
}
