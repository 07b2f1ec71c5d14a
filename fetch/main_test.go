package fetch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

const testToken = "civitai-0123456789abcdef-secret/+"

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// inMemory is a transport that calls a handler directly, so that fake time works.
type inMemory struct {
	handler http.Handler
	mu      sync.Mutex
	asked   []*http.Request
	at      []time.Time
}

func (t *inMemory) RoundTrip(req *http.Request) (*http.Response, error) {
	t.mu.Lock()
	t.asked = append(t.asked, req)
	t.at = append(t.at, time.Now())
	t.mu.Unlock()
	if err := req.Context().Err(); err != nil {
		return nil, err
	}
	rec := httptest.NewRecorder()
	t.handler.ServeHTTP(rec, req)
	resp := rec.Result()
	resp.Request = req
	if rec.Header().Get("X-Test-Break") != "" {
		return nil, fmt.Errorf("read tcp: %w to %s", io.ErrUnexpectedEOF, req.URL)
	}
	return resp, nil
}

func (t *inMemory) count() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.asked)
}

// client asks a handler at https://api.test.
func client(t *testing.T, h http.HandlerFunc, change ...func(*Config)) (*Client, *inMemory) {
	t.Helper()
	transport := &inMemory{handler: h}
	cfg := Config{BaseURL: "https://api.test", Token: testToken, Transport: transport}
	for _, f := range change {
		f(&cfg)
	}
	c, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c, transport
}

// server asks a handler over a real connection.
func server(t *testing.T, h http.HandlerFunc, change ...func(*Config)) (*Client, *httptest.Server) {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	cfg := Config{BaseURL: s.URL, Token: testToken, Retries: 1}
	for _, f := range change {
		f(&cfg)
	}
	c, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c, s
}

func answer(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		io.WriteString(w, body)
	}
}

func wantKind(t *testing.T, err, kind error) {
	t.Helper()
	if !errors.Is(err, kind) {
		t.Errorf("error %v, want kind %v", err, kind)
	}
}

func noSecret(t *testing.T, what, text string) {
	t.Helper()
	for _, secret := range []string{testToken, "0123456789abcdef", "SECRET"} {
		if strings.Contains(text, secret) {
			t.Errorf("%s tells %q: %s", what, secret, text)
		}
	}
}

var background = context.Background()
