package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"

	"civitar/internal/sandbox"
)

// How stores deal with conditions on what is put. Some refuse them, and some, which is worse,
// pass over them in silence.
const (
	enforces = "enforces"
	refuses  = "refuses"  // as Backblaze B2
	ignores  = "ignores"  // as many a small server
	forMatch = "forMatch" // enforces If-None-Match, and passes over If-Match
)

// middleman stands before a gateway and deals with conditions in its own way. Results wait as
// long as shut is locked.
type middleman struct {
	*gateway
	url     string
	shut    sync.RWMutex
	waiting atomic.Int64 // how many wait, or are on their way
}

func newMiddleman(t *testing.T, way string) *middleman {
	t.Helper()
	g := newGateway(t)
	client := g.client(t)
	to, err := url.Parse(g.endpoint())
	must(t, err)
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(to)
		r.Out.Host = r.In.Host // which is signed
	}, ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) }}
	m := &middleman{gateway: g}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPut && !strings.Contains(r.URL.Path, "/.civitar/") {
			m.waiting.Add(1)
			defer m.waiting.Add(-1)
			m.shut.RLock()
			defer m.shut.RUnlock()
		}
		none, match := r.Header.Get("If-None-Match"), r.Header.Get("If-Match")
		_, object, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
		switch {
		case way == enforces || r.Method != http.MethodPut || none == "" && match == "":
		case way == refuses:
			_, _ = io.Copy(io.Discard, r.Body)
			w.Header().Set("Content-Type", "application/xml")
			w.WriteHeader(http.StatusNotImplemented)
			fmt.Fprint(w, `<?xml version="1.0"?><Error><Code>NotImplemented</Code><Message>A header you provided implies functionality that is not implemented</Message></Error>`)
			return
		case none != "" && way == ignores: // what is signed cannot be taken off: the condition is made true
			if err := client.RemoveObject(r.Context(), theBucket, object, minio.RemoveObjectOptions{}); err != nil {
				t.Error(err)
			}
		case match != "": // the program puts nothing this way that would not stand there already
			_, _ = io.Copy(io.Discard, r.Body)
			w.Header().Set("ETag", `"5d41402abc4b2a76b9719d911017c592"`)
			return
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	m.url = s.URL
	return m
}

func TestStoresWithoutConditions(t *testing.T) {
	t.Parallel()
	onlyOnLinux(t)
	for _, way := range []string{enforces, refuses, ignores, forMatch} {
		t.Run(way, func(t *testing.T) {
			t.Parallel()
			store := newMiddleman(t, way)
			a := newAccount(t, sandbox.Options{Workflows: 40})
			dest, here, there := place("kept", store.url), t.TempDir(), t.TempDir()
			state := filepath.Join(store.folder, theBucket, "kept", ".civitar")
			archive := func(cache string, args ...string) *exec.Cmd {
				return machine(a.program(t, append([]string{"archive", dest, "--json", "--rate=0", "--blob-rate=0"}, args...)...), cache)
			}
			killed := func(cmd *exec.Cmd, meanwhile func()) {
				t.Helper()
				store.shut.Lock()
				out, err := cmd.StdoutPipe()
				must(t, err)
				must(t, cmd.Start())
				if _, err := out.Read(make([]byte, 1)); err != nil { // it is at work
					t.Fatal(err)
				}
				go func() { _, _ = io.Copy(io.Discard, out) }()
				meanwhile()
				must(t, cmd.Process.Kill())
				_ = cmd.Wait()
				store.shut.Unlock()
			}
			mustRun(t, archive(here, "--limit=3"), 0)

			// Another machine is told who holds it, waits for what is left of a lease whose run
			// died, and goes on when that has run out; the machine where it died goes on at once.
			first := archive(here)
			killed(first, func() {
				oneSentence(t, mustRun(t, archive(there), 1), fmt.Sprintf("process %d", first.Process.Pid), "lease")
				if r := mustRun(t, machine(a.program(t, "status", dest), there), 0); !strings.Contains(r.stdout, "A run is going on") {
					t.Errorf("status does not tell that a run is at work: %s", r.stdout)
				}
			})
			oneSentence(t, mustRun(t, archive(there), 1), fmt.Sprintf("process %d", first.Process.Pid), "lease")
			left := leases(t, state)
			if len(left) != 1 {
				t.Fatal(left)
			}
			runOut(t, left[0])
			mustRun(t, archive(there), 0)
			a.Add(3)
			killed(archive(here), func() {})
			mustRun(t, archive(here), 0)
			if left := leases(t, state); len(left) != 0 {
				t.Error("leases stay:", left)
			}
			if s := summaryOf(t, mustRun(t, archive(there, "--full"), 0)); s.Kept != 0 {
				t.Errorf("%d blobs were fetched again", s.Kept)
			}
			mustRun(t, machine(a.program(t, "verify", dest, "--read-data"), t.TempDir()), 0)
		})
	}
}

// TestRunsThatBeginTogether: of runs that begin at once, just one goes on.
func TestRunsThatBeginTogether(t *testing.T) {
	t.Parallel()
	onlyOnLinux(t)
	for _, way := range []string{enforces, refuses, ignores, forMatch} {
		t.Run(way, func(t *testing.T) {
			t.Parallel()
			store := newMiddleman(t, way)
			for round := range 2 {
				a := newAccount(t, sandbox.Options{Workflows: 10})
				store.shut.Lock()
				name := fmt.Sprint("together", round)
				ended := make(chan result, 3)
				var runs [3]*exec.Cmd
				for i := range runs {
					runs[i] = machine(a.program(t, "archive", place(name, store.url), "--rate=0", "--blob-rate=0", "--quiet"), t.TempDir())
				}
				for _, r := range runs {
					go func() { ended <- run(t, r) }()
				}
				limit := time.AfterFunc(time.Minute, func() {
					t.Error("two go on")
					store.shut.Unlock()
				})
				for range 2 { // while one is at work, which cannot end before they have
					if r := <-ended; r.code != 1 || !strings.Contains(r.stderr, "lease") {
						t.Errorf("ended with %d: %s", r.code, r.stderr)
					}
				}
				if limit.Stop() {
					store.shut.Unlock()
				}
				if r := <-ended; r.code != 0 {
					t.Errorf("none of three went on; the last ended with %d: %s", r.code, r.stderr)
				}
				mustRun(t, machine(a.program(t, "verify", place(name, store.url), "--read-data"), t.TempDir()), 0)
				if left := leases(t, filepath.Join(store.folder, theBucket, name, ".civitar")); len(left) != 0 {
					t.Error("leases stay:", left)
				}
			}
		})
	}
}

// leases are those that runs have put, as the gateway's files.
func leases(t *testing.T, state string) []string {
	t.Helper()
	all, err := filepath.Glob(filepath.Join(state, "lease*"))
	must(t, err)
	return all
}

// runOut has a lease be an hour old, by what it says and by the store's clock.
func runOut(t *testing.T, name string) {
	t.Helper()
	data, err := os.ReadFile(name)
	must(t, err)
	ago := time.Now().Add(-time.Hour)
	begin := bytes.Index(data, []byte(`"until":"`))
	if begin < 0 {
		t.Fatalf("%s", data)
	}
	begin += len(`"until":"`)
	end := begin + bytes.IndexByte(data[begin:], '"')
	data = append(append(append([]byte{}, data[:begin]...), ago.UTC().Format(time.RFC3339)...), data[end:]...)
	must(t, os.WriteFile(name, data, 0o666))
	must(t, os.Chtimes(name, ago, ago))
}
