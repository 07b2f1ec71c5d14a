package cli_test

import (
	"bytes"
	"context"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"civitar/internal/cli"
)

// stopsHalfway serves one blob, of which the first transfer never gets past a half.
type stopsHalfway struct {
	content []byte
	half    chan struct{} // closed when the half has been sent

	mu     sync.Mutex
	ranges []string
}

func (s *stopsHalfway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !strings.Contains(r.URL.Path, "/content/") {
		w.Header().Set("Location", "/v2/consumer/blobs/content/token-of-the-content")
		w.WriteHeader(http.StatusPermanentRedirect)
		return
	}
	s.mu.Lock()
	s.ranges = append(s.ranges, r.Header.Get("Range"))
	first := len(s.ranges) == 1
	s.mu.Unlock()
	w.Header().Set("ETag", `"v1"`)
	if !first {
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(s.content))
		return
	}
	w.Header().Set("Content-Length", "2097152")
	_, _ = w.Write(s.content[:1<<20])
	_ = http.NewResponseController(w).Flush()
	close(s.half)
	<-r.Context().Done()
}

func TestBlobDownloadGoesOnAfterAnInterrupt(t *testing.T) {
	random := rand.NewChaCha8([32]byte{1})
	s := &stopsHalfway{content: make([]byte, 2<<20), half: make(chan struct{})}
	_, _ = random.Read(s.content)
	server := httptest.NewServer(s)
	defer server.Close()
	target := filepath.Join(t.TempDir(), "big.bin")
	run := func(drain <-chan struct{}) (int, string) {
		var stdout, stderr bytes.Buffer
		env := map[string]string{"CIVITAI_API_TOKEN": "tok-0123456789abcdef"}
		w := cli.World{Stdin: strings.NewReader(""), Stdout: &stdout, Stderr: &stderr, LookupEnv: func(name string) (string, bool) { v, ok := env[name]; return v, ok }}
		return cli.Main(context.Background(), drain, []string{"blob", "big.bin", "--download", "--output", target, "--api-url", server.URL}, w), stderr.String()
	}

	// The interrupt comes when a part of the half is surely on its way; how much of it has
	// been written by then is the transfer's business.
	drain := make(chan struct{})
	go func() {
		<-s.half
		for {
			parts, _ := filepath.Glob(filepath.Join(target+".part", ".civitar", "partial", "*"))
			if len(parts) > 0 {
				if info, err := os.Stat(parts[0]); err == nil && info.Size() >= 1<<19 {
					close(drain)
					return
				}
			}
			time.Sleep(time.Millisecond)
		}
	}()
	if code, stderr := run(drain); code != 130 {
		t.Fatalf("exit code %d: %s", code, stderr)
	}
	if _, err := os.Stat(target); !os.IsNotExist(err) {
		t.Fatalf("the unfinished file has its name: %v", err)
	}
	if code, stderr := run(make(chan struct{})); code != 0 || !strings.Contains(stderr, "2097152 bytes") {
		t.Fatalf("exit code %d: %s", code, stderr)
	}
	if got, err := os.ReadFile(target); err != nil || !bytes.Equal(got, s.content) {
		t.Errorf("the file is not the blob: %d bytes, %v", len(got), err)
	}
	if left, _ := filepath.Glob(target + ".*"); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	if !strings.HasPrefix(s.ranges[len(s.ranges)-1], "bytes=") {
		t.Errorf("the second run began anew: %q", s.ranges)
	}
}
