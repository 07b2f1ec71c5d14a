package main

import (
	"bytes"
	"context"
	"flag"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"civitar/internal/cli"
	"civitar/internal/sandbox"
)

var soak = flag.Int("soak", 5, "how many runs the soak test makes")

// everyFault is all faults that end by themselves, at once. The numbers are primes, so that
// they meet in ever other ways; one gives content without a length now and then.
func everyFault(run int) sandbox.Faults {
	return sandbox.Faults{
		Latency: time.Millisecond, Every429: 31, Blob429: 53, RetryAfter: -1, Every5xx: 11, EveryReset: 13,
		NextCursorName: run%2 == 0, RepeatCursor: true, EmptyPages: true, ExpireListed: run%2 == 1,
		TruncateContent: 17, StallContent: 97, HTMLContent: 19, ChangeEntity: 5,
		NoLength: run%3 == 1, NoRanges: run%5 == 3, GzipContent: run%5 == 4,
	}
}

// soaker runs the program within this process, where leaks show.
type soaker struct {
	*sandbox.Server
	url, dest string
}

func (s *soaker) run(t *testing.T, args ...string) result {
	t.Helper()
	var out, errs bytes.Buffer
	w := cli.World{Stdin: strings.NewReader(""), Stdout: &out, Stderr: &errs, LookupEnv: func(name string) (string, bool) {
		return testToken, name == "CIVITAI_API_TOKEN"
	}}
	code := cli.Main(context.Background(), make(chan struct{}), args, w)
	return result{code, out.String(), errs.String()}
}

// TestSoak archives an account that grows, run after run, from a server with every fault at
// once. In the end the archive holds what the account does, hardly a byte came twice,
// nothing leaked, and the token is nowhere.
func TestSoak(t *testing.T) {
	before, descriptors := goleak.IgnoreCurrent(), openFiles(t)
	a := sandbox.New(sandbox.Options{Workflows: 10, Token: testToken, URLLife: time.Hour})
	server := httptest.NewServer(a)
	s := &soaker{Server: a, url: server.URL, dest: filepath.Join(t.TempDir(), "archive")}
	host := strings.Replace(server.URL, "127.0.0.1", "localhost", 1)

	var received int64
	var said strings.Builder
	for run := range *soak {
		a.Add(6)
		if run%4 == 3 {
			a.FinishProcessing()
		}
		faults := everyFault(run)
		faults.ContentHost = host
		a.SetFaults(faults)
		r := s.run(t, "archive", s.dest, "--json", "--rate=0", "--blob-rate=0", "--page-size=7", "--retries=12", "--stall=300ms",
			"--log-level=debug", "--api-url="+s.url)
		if r.code != 0 {
			t.Fatalf("run %d: exit code %d\n%s", run, r.code, r.stderr[max(len(r.stderr)-2000, 0):])
		}
		received += summaryOf(t, r).Received
		said.WriteString(r.stdout + r.stderr)
		wantClean(t, s.dest)
	}
	checkWhole(t, &account{Server: a}, s.dest)
	checkSidecars(t, &account{Server: a}, s.dest)
	s.checkBytes(t, received)
	s.checkSecrets(t, said.String())
	server.Close()
	if err := goleak.Find(before); err != nil {
		t.Error(err)
	}
	if now := openFiles(t); now > descriptors {
		t.Errorf("%d open descriptors, %d before", now, descriptors)
	}
}

// checkBytes compares what came with what there was to come.
func (s *soaker) checkBytes(t *testing.T, received int64) {
	t.Helper()
	var due int64
	for e := range s.Truth() {
		if e.Disposition == "deliverable" {
			due += e.Size
		}
	}
	again := float64(received-due) / float64(due)
	t.Logf("%d runs, %d workflows, %d bytes, of which %d (%.2f %%) came more than once", *soak, s.Len(), due, received-due, 100*again)
	if again >= 0.05 {
		t.Errorf("%.1f %% of the bytes came more than once", 100*again)
	}
}

func (s *soaker) checkSecrets(t *testing.T, said string) {
	t.Helper()
	if n := s.Stats().TokenLeaks; n != 0 {
		t.Errorf("the token went where it does not belong %d times", n)
	}
	all := files(t, s.dest)
	all["what was said"] = []byte(said)
	for name, data := range all {
		for _, secret := range []string{testToken, "sig=", "sig%3D", "sig\\u003d"} {
			if bytes.Contains(data, []byte(secret)) {
				t.Errorf("%s holds %q", name, secret)
			}
		}
	}
}

// openFiles counts this process's descriptors, where the system tells.
func openFiles(t *testing.T) int {
	t.Helper()
	if runtime.GOOS != "linux" {
		return 0
	}
	all, err := os.ReadDir("/proc/self/fd")
	must(t, err)
	return len(all)
}
