// Package http1 sends GET requests over plain TCP, in HTTP/1.1 (RFC 9112), for the many small
// blobs of a server without TLS: one beside this machine, or behind a tunnel of its own.
//
// The goroutine that asks also writes and reads. That is all it gains over net/http, whose
// connections have two goroutines of their own, and it is half of what a small answer costs.
// Messages are written and read by net/http nevertheless. What [Transport.Takes] does not
// take (TLS, HTTP/2, proxies, answers compressed behind the caller's back) is net/http's.
package http1

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

// Transport is an [http.RoundTripper] for the requests that Takes takes. Its fields must not
// change once it is in use; any number of goroutines may.
type Transport struct {
	// Dial connects to a host:port.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// HeaderTimeout is how long an answer may take to begin.
	HeaderTimeout time.Duration
	// MaxHeader is the most bytes that an answer's header may have.
	MaxHeader int64
	// MaxIdle is how many connections to one host are kept for later, and IdleTimeout for how long.
	MaxIdle     int
	IdleTimeout time.Duration

	mu   sync.Mutex
	idle map[string][]*conn // by host:port, the last used last
}

// bufferSize takes a small blob and its header in one read.
const bufferSize = 64 << 10

// maxInformational is how many answers of the class 1xx may come before the real one.
const maxInformational = 8

var (
	errHeaderTime  = errors.New("timeout awaiting response headers")
	errHeaderSize  = errors.New("the answer's header is too long")
	errClosed      = errors.New("read of a closed body")
	errUnsolicited = errors.New("an answer that nobody asked for")
)

// Takes tells whether a request is one for RoundTrip: a GET without TLS or a body that says
// itself which encodings it takes, of a host whose name is dialled as it stands.
func Takes(r *http.Request) bool {
	return r.URL.Scheme == "http" && r.Method == http.MethodGet && r.Body == nil && r.Header.Get("Accept-Encoding") != "" &&
		!strings.ContainsFunc(r.URL.Host, func(c rune) bool { return c > '~' })
}

// RoundTrip sends a request and returns when the answer's header is there. The body must be
// read to its end for the connection to serve again; closing it ends a Read under way, and so
// does the end of the request's context. A connection that turns out to have been closed while
// it was idle is replaced by another.
func (t *Transport) RoundTrip(r *http.Request) (*http.Response, error) {
	address := r.URL.Host
	if r.URL.Port() == "" {
		address = net.JoinHostPort(r.URL.Hostname(), "80")
	}
	for {
		c, err := t.take(r.Context(), address)
		if err != nil {
			return nil, err
		}
		used := c.used
		resp, err := c.ask(r)
		if err == nil {
			return resp, nil
		}
		_ = c.Close() // it has failed
		if r.Context().Err() != nil {
			return nil, context.Cause(r.Context())
		}
		if !used || c.heard {
			return nil, err
		}
	}
}

// take is an idle connection, or a new one.
func (t *Transport) take(ctx context.Context, address string) (*conn, error) {
	if c := t.pop(address); c != nil {
		return c, nil
	}
	raw, err := t.Dial(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	c := &conn{Conn: raw, t: t, address: address}
	c.in = bufio.NewReaderSize(&c.limited, bufferSize)
	c.out = bufio.NewWriter(raw)
	c.limited.conn = raw
	return c, nil
}

func (t *Transport) pop(address string) *conn {
	t.mu.Lock()
	defer t.mu.Unlock()
	all := t.idle[address]
	for len(all) > 0 {
		c := all[len(all)-1]
		all = all[:len(all)-1]
		t.idle[address] = all
		if time.Since(c.since) < t.IdleTimeout {
			return c
		}
		_ = c.Close() // so are those before it, which go in their turn
	}
	return nil
}

// put keeps a connection that can serve again.
func (t *Transport) put(c *conn) {
	c.used, c.since = true, time.Now()
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.idle == nil {
		t.idle = map[string][]*conn{}
	}
	if len(t.idle[c.address]) >= t.MaxIdle {
		_ = c.Close() // it is not in use
		return
	}
	t.idle[c.address] = append(t.idle[c.address], c)
}

// CloseIdleConnections closes the connections that are not in use.
func (t *Transport) CloseIdleConnections() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, all := range t.idle {
		for _, c := range all {
			_ = c.Close() // it is not in use
		}
	}
	t.idle = nil
}

// conn is a connection; it serves one request at a time.
type conn struct {
	net.Conn
	t       *Transport
	address string
	limited limited
	in      *bufio.Reader
	out     *bufio.Writer
	used    bool      // by an earlier request
	heard   bool      // a byte has come for the present one
	since   time.Time // idle since then
}

// limited reads from a connection, and while a header is read no more than that may have.
type limited struct {
	conn net.Conn
	left int64 // -1 without a limit
}

func (l *limited) Read(p []byte) (int, error) {
	if l.left < 0 {
		return l.conn.Read(p)
	}
	if l.left == 0 {
		return 0, errHeaderSize
	}
	n, err := l.conn.Read(p[:min(int64(len(p)), l.left)])
	l.left -= int64(n)
	return n, err
}

// ask sends the request and reads the answer's header.
func (c *conn) ask(r *http.Request) (*http.Response, error) {
	c.heard = false
	if c.in.Buffered() > 0 {
		return nil, errUnsolicited
	}
	// Closing it ends whatever the connection does.
	stop := context.AfterFunc(r.Context(), func() { _ = c.Close() })
	resp, err := c.exchange(r)
	if err != nil {
		stop()
		return nil, err
	}
	resp.Body = &body{c: c, in: resp.Body, stop: stop, last: resp.Close}
	return resp, nil
}

func (c *conn) exchange(r *http.Request) (*http.Response, error) {
	if err := c.SetDeadline(time.Now().Add(c.t.HeaderTimeout)); err != nil {
		return nil, err
	}
	if err := r.Write(c.out); err != nil {
		return nil, err
	}
	if err := c.out.Flush(); err != nil {
		return nil, err
	}
	c.limited.left = c.t.MaxHeader + bufferSize
	defer func() { c.limited.left = -1 }()
	for range maxInformational {
		if _, err := c.in.Peek(1); err != nil {
			return nil, headerError(err)
		}
		c.heard = true
		resp, err := http.ReadResponse(c.in, r)
		if err != nil {
			return nil, headerError(err)
		}
		if resp.StatusCode == http.StatusSwitchingProtocols {
			return nil, fmt.Errorf("status %d was not asked for", resp.StatusCode)
		}
		if resp.StatusCode >= 200 {
			return resp, c.SetDeadline(time.Time{})
		}
	}
	return nil, errUnsolicited
}

func headerError(err error) error {
	if timeout := net.Error(nil); errors.As(err, &timeout) && timeout.Timeout() {
		return errHeaderTime
	}
	return err
}

// body is an answer's body; its end, or Close, releases the connection.
type body struct {
	c    *conn
	in   io.ReadCloser
	stop func() bool // takes the context's hand off the connection; false if it is on it
	last bool        // the server closes after this answer

	mu  sync.Mutex
	err error // what every later Read says, when the connection is released
}

func (b *body) Read(p []byte) (int, error) {
	if err := b.ended(); err != nil {
		return 0, err
	}
	n, err := b.in.Read(p)
	if err != nil {
		b.end(err)
	}
	return n, err
}

func (b *body) ended() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.err
}

// Close releases the connection, and ends a Read on another goroutine.
func (b *body) Close() error {
	b.end(errClosed)
	return nil
}

// end releases the connection, which serves again when the body was read to its end.
func (b *body) end(why error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.err != nil {
		return
	}
	b.err = why
	if free := b.stop(); free && why == io.EOF && !b.last && b.c.in.Buffered() == 0 {
		b.c.t.put(b.c)
		return
	}
	_ = b.c.Close() // it is of no more use
}
