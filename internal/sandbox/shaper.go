package sandbox

import (
	"errors"
	"io"
	"net/http"
	"strconv"
	"time"
)

// stop is how a content response ends before its last byte.
type stop int

const (
	stopNot stop = iota
	stopClose
	stopStall
)

var errStopped = errors.New("content stopped by a fault")

// shaper is a content response that can be slow, break off or stall.
type shaper struct {
	*response
	request *http.Request
	rate    int // bytes a second; zero is as fast as it goes
	stop    stop
	total   int // body bytes announced, or about to be sent
	sent    int
	over    bool
}

// Write sends a part of the body. Half of an announced body is its end when a
// stop is due.
func (w *shaper) Write(p []byte) (int, error) {
	if w.over {
		return 0, errStopped
	}
	if w.total == 0 {
		w.total, _ = strconv.Atoi(w.Header().Get("Content-Length"))
	}
	if w.stop == stopNot {
		return w.paced(p)
	}
	left := max(w.total/2-w.sent, 0)
	n, err := w.paced(p[:min(left, len(p))])
	if err != nil || len(p) <= left && w.sent < w.total/2 {
		return n, err
	}
	w.end()
	return n, errStopped
}

// body writes all of a body; errors mean that the client left or a fault
// struck, and there is nothing more to do.
func (w *shaper) body(content io.Reader) { _, _ = io.Copy(w, content) }

// end breaks off: what was written is flushed first, so that the client has
// it in hand.
func (w *shaper) end() {
	w.over = true
	_ = http.NewResponseController(w.response).Flush()
	if w.stop == stopStall {
		<-w.request.Context().Done()
		return
	}
	cut(w.response, false)
}

// paced writes at the limited rate, a twentieth of a second at a time.
func (w *shaper) paced(p []byte) (int, error) {
	if w.rate <= 0 {
		n, err := w.response.Write(p)
		w.sent += n
		return n, err
	}
	const slices = 20
	written := 0
	for part := max(w.rate/slices, 1); len(p) > 0; {
		n, err := w.response.Write(p[:min(part, len(p))])
		written, w.sent, p = written+n, w.sent+n, p[n:]
		if err != nil {
			return written, err
		}
		_ = http.NewResponseController(w.response).Flush()
		if !pause(w.request, time.Second*time.Duration(n)/time.Duration(w.rate)) {
			return written, w.request.Context().Err()
		}
	}
	return written, nil
}
