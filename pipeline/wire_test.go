package pipeline

import (
	"context"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"civitar/fetch"
	"civitar/internal/durable"
	"civitar/internal/sandbox"
	"civitar/manifest"
	"civitar/sink"
)

// wire is a transport that hands requests to a handler, and lets no byte of an answer come
// before it is read, so that fake time works and nothing is sent in vain.
type wire struct {
	http.Handler
	slow func(nth int64) time.Duration // what a read of the nth answer of content takes longer; nil for nothing

	asked      atomic.Int64 // answers of content
	open, most atomic.Int64 // of those under way, and at most
}

func (w *wire) RoundTrip(req *http.Request) (*http.Response, error) {
	ctx, leave := context.WithCancel(req.Context())
	out, in := io.Pipe()
	a := &answer{header: http.Header{}, begun: make(chan struct{}), body: in}
	go func() {
		w.ServeHTTP(a, req.Clone(ctx))
		a.WriteHeader(http.StatusOK)
		a.end()
	}()
	select {
	case <-a.begun:
	case <-ctx.Done():
		leave()
		out.Close()
		return nil, ctx.Err()
	}
	b := &received{ReadCloser: out, leave: leave, left: ctx.Done()}
	if strings.Contains(req.URL.Path, "/blobs/content/") {
		b.wire, b.nth = w, w.asked.Add(1)
		w.most.Store(max(w.open.Add(1), w.most.Load()))
	}
	return &http.Response{StatusCode: a.status, Header: a.sent, ContentLength: a.length, Body: b, Request: req, ProtoMajor: 1}, nil
}

// answer is what a handler writes to.
type answer struct {
	header, sent   http.Header
	status         int
	length, behind int64 // bytes announced, -1 for none, and written
	begun          chan struct{}
	once           sync.Once
	body           *io.PipeWriter
}

func (a *answer) Header() http.Header { return a.header }
func (a *answer) Flush()              {}

func (a *answer) WriteHeader(status int) {
	a.once.Do(func() {
		a.status, a.sent, a.length = status, a.header.Clone(), -1
		if n, err := strconv.ParseInt(a.header.Get("Content-Length"), 10, 64); err == nil {
			a.length = n
		}
		close(a.begun)
	})
}

func (a *answer) Write(p []byte) (int, error) {
	a.WriteHeader(http.StatusOK)
	n, err := a.body.Write(p)
	a.behind += int64(n)
	return n, err
}

func (a *answer) end() {
	if a.behind < a.length {
		a.body.CloseWithError(io.ErrUnexpectedEOF)
		return
	}
	a.body.Close()
}

// received is an answer's body as the client has it.
type received struct {
	io.ReadCloser
	leave context.CancelFunc
	left  <-chan struct{}
	wire  *wire // nil for what is no content
	nth   int64
	once  sync.Once
}

func (b *received) Read(p []byte) (int, error) {
	if b.wire != nil && b.wire.slow != nil {
		select {
		case <-time.After(b.wire.slow(b.nth)): // of the fake clock
		case <-b.left:
		}
	}
	return b.ReadCloser.Read(p)
}

func (b *received) Close() error {
	b.once.Do(func() {
		if b.wire != nil {
			b.wire.open.Add(-1)
		}
	})
	b.leave()
	return b.ReadCloser.Close()
}

// large is an account of large models and an archive of it, on fake time. Server, client
// and disk are the real ones.
type large struct {
	*sandbox.Server
	*wire
	dest   string
	record *memoryRecord
	keys   sink.Sealer  // nil: nothing is encrypted
	disk   durable.Hook // nil: it is sound
	took   time.Duration
}

const mega = 1 << 20

// onLarge runs a test over an account of models of so many bytes.
func onLarge(t *testing.T, o sandbox.Options, test func(*testing.T, *large)) {
	t.Helper()
	dest := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		o.Now = time.Now
		o.Epoch = time.Now().Add(-time.Hour)
		s := sandbox.New(o)
		test(t, &large{Server: s, wire: &wire{Handler: s}, dest: dest, record: newMemoryRecord()})
	})
}

// run archives, with four connections for a blob and eight transfers if nothing else is said.
func (l *large) run(ctx context.Context, t *testing.T, change ...func(*Config)) (Summary, error) {
	t.Helper()
	client, err := fetch.New(fetch.Config{BaseURL: "http://sandbox.test", Token: sandbox.DefaultToken, Transport: l.wire})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	dir, err := sink.Open(l.dest, sink.WithSealer(l.keys), sink.WithHook(l.disk))
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	cfg := Config{Source: client, Sink: dir, Record: l.record, Workers: 8, Segments: 4, ID: "run"}
	for _, c := range change {
		c(&cfg)
	}
	began := time.Now()
	s, err := Run(ctx, cfg)
	l.took = time.Since(began)
	synctest.Wait() // the server's side of what was left
	if n := l.open.Load(); n != 0 {
		t.Errorf("%d answers are still open", n)
	}
	return s, err
}

// keeps runs, and all of the account must be kept.
func (l *large) keeps(t *testing.T, change ...func(*Config)) {
	t.Helper()
	if s, err := l.run(t.Context(), t, change...); err != nil || s.Kept != s.Seen || s.Seen != int64(l.Len()) {
		t.Fatalf("%+v, %v", s, err)
	}
	l.wantWhole(t)
}

// wantWhole compares each file and what the record says of it with the account.
func (l *large) wantWhole(t *testing.T) {
	t.Helper()
	for e := range l.Truth() {
		b := l.record.workflows[e.Workflow].Blobs[e.Blob]
		if b.State != manifest.Kept || b.SHA256 != e.SHA256 || b.Size != e.Size {
			t.Errorf("recorded: %+v, want %+v", b, e)
			continue
		}
		if got := fileSum(t, filepath.Join(l.dest, filepath.FromSlash(b.Path))); got != e.SHA256 {
			t.Errorf("%s has hash %s, want %s", b.Path, got, e.SHA256)
		}
	}
	partials, err := os.ReadDir(filepath.Join(l.dest, ".civitar", "partial"))
	if err != nil || len(partials) != 0 {
		t.Errorf("left among the partials: %v, %v", partials, err)
	}
}

// again is how many bytes came more often than they had to.
func (l *large) again() int64 {
	n := l.Stats().ContentBytes
	for e := range l.Truth() {
		n -= e.Size
	}
	return n
}
