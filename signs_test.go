package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"civitar/internal/sandbox"
)

// listener notes what it is told.
type listener struct {
	*httptest.Server
	mu   sync.Mutex
	told []string
	body map[string]string
}

func newListener(t *testing.T) *listener {
	t.Helper()
	l := &listener{body: map[string]string{}}
	l.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		l.mu.Lock()
		defer l.mu.Unlock()
		l.told = append(l.told, r.URL.Path)
		l.body[r.URL.Path] = string(body)
		if r.URL.Path == "/refuse" {
			w.WriteHeader(http.StatusForbidden)
		}
	}))
	t.Cleanup(l.Close)
	return l
}

func (l *listener) heard() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := strings.Join(l.told, " ")
	l.told = nil
	return all
}

// said is what it was last told at a path.
func (l *listener) said(path string) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.body[path]
}

func TestSignsOfARun(t *testing.T) {
	t.Parallel()
	a := newAccount(t, sandbox.Options{Workflows: 20})
	dest := filepath.Join(t.TempDir(), "archive")
	l := newListener(t)
	prom := filepath.Join(t.TempDir(), "civitar.prom")
	args := []string{"--report", "--ping", l.URL + "/ping", "--on-success", l.URL + "/good", "--on-failure", l.URL + "/bad", "--on-change", l.URL + "/changed", "--metrics-file", prom}
	mustRun(t, a.archive(t, dest, args...), 0)
	if got := l.heard(); got != "/ping/start /good /changed /ping" {
		t.Error(got)
	}
	var r struct {
		Outcome string
		Changed bool
		Summary struct{ Kept int64 }
	}
	must(t, json.Unmarshal([]byte(l.said("/good")), &r))
	if r.Outcome != "success" || !r.Changed || r.Summary.Kept == 0 {
		t.Errorf("%+v", r)
	}
	reports, err := filepath.Glob(filepath.Join(dest, "reports", "*"))
	if err != nil || len(reports) != 2 {
		t.Error(reports, err)
	}
	text, err := os.ReadFile(prom)
	if err != nil || !strings.Contains(string(text), fmt.Sprintf(`,state="kept"} %d`, r.Summary.Kept)) || !strings.Contains(string(text), "last_success") {
		t.Errorf("%s %v", text, err)
	}
	mustRun(t, a.program(t, "verify", dest), 0)

	// Nothing new is no change; a fault is a failure, and told as one.
	mustRun(t, a.archive(t, dest, args...), 0)
	if got := l.heard(); got != "/ping/start /good /ping" {
		t.Error(got)
	}
	a.Add(1) // or the token would not be asked for
	cmd := a.archive(t, dest, args...)
	cmd.Env = append(cmd.Env, "CIVITAI_API_TOKEN=wrong-token")
	mustRun(t, cmd, 1)
	if got := l.heard(); got != "/ping/start /bad /ping/fail" || !strings.Contains(l.said("/ping/fail"), "refused the token") || strings.Contains(l.said("/bad"), "wrong-token") {
		t.Error(got, l.said("/ping/fail"))
	}
}

func TestSignsThatFail(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("the commands are a shell's")
	}
	a := newAccount(t, sandbox.Options{Workflows: 8})
	l := newListener(t)
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer taken.Close()
	out := filepath.Join(t.TempDir(), "out")
	mustRun(t, a.archive(t, filepath.Join(t.TempDir(), "archive"), "--on-success", "env > "+out+"; cat >> "+out), 0)
	data, err := os.ReadFile(out)
	if err != nil || strings.Contains(string(data), testToken) || !strings.Contains(string(data), "CIVITAR_OUTCOME=success") || !strings.Contains(string(data), `"outcome": "success"`) {
		t.Errorf("%s %v", data, err)
	}
	for _, c := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"--on-success=exit 7"}, 3, "exit status 7"},
		{[]string{"--on-success=sleep 60", "--hook-timeout=100ms"}, 3, "--hook-timeout"},
		{[]string{"--on-success=" + l.URL + "/refuse?key=s3cr3t"}, 3, "403"},
		{[]string{"--metrics-file=/no/such/folder/x"}, 3, "no such file"},
		{[]string{"--metrics=" + taken.Addr().String()}, 1, "address already in use"},
		{[]string{"--ping=me"}, 2, "--ping"},
	} {
		dest := filepath.Join(t.TempDir(), "archive")
		r := mustRun(t, a.archive(t, dest, append(c.args, "--log-level=error")...), c.code)
		oneSentence(t, result{r.code, "", r.stderr}, c.says)
		if strings.Contains(r.stderr, "s3cr3t") {
			t.Error("a URL's secret is shown")
		}
		if c.code != 3 {
			nothingIn(t, dest)
			continue
		}
		checkWhole(t, a, dest)
	}
}

func TestDaemonServesMetrics(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("signals are sent")
	}
	a := newAccount(t, sandbox.Options{Workflows: 4})
	free, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	address := free.Addr().String()
	must(t, free.Close())
	l := newListener(t)
	cmd := a.program(t, "daemon", "--metrics", address)
	cmd.Env = append(cmd.Env, "XDG_CACHE_HOME="+t.TempDir())
	must(t, os.WriteFile(filepath.Join(cmd.Dir, "civitar.toml"), fmt.Appendf(nil, "[profile.a]\ndest = \"a\"\nrate = 0\nschedule = \"every 1s\"\non-success = [%q]\n", l.URL+"/good"), 0o666))
	said, err := cmd.StderrPipe()
	must(t, err)
	must(t, cmd.Start())
	defer func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }()
	buf := make([]byte, 4096)
	for all := ""; !strings.Contains(all, "run ended"); {
		n, err := said.Read(buf)
		must(t, err)
		all += string(buf[:n])
	}
	answer, err := http.Get("http://" + address + "/metrics")
	must(t, err)
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil || !strings.Contains(string(text), "civitar_last_success_timestamp_seconds{archive=") || !strings.HasPrefix(l.heard(), "/good") {
		t.Errorf("%s %v", text, err)
	}
}
