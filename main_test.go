package main

import (
	"bytes"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"civitar/internal/cli"
	"civitar/internal/sandbox"
)

// beProgram makes the test binary run as civitar itself, so that the tests drive the
// whole program in processes of its own.
const beProgram = "CIVITAR_TEST_BE_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(beProgram) != "" {
		w := cli.System()
		w.Disk, w.Segment = brokenDisk(), smallSegments()
		w.Keyring = nil // the tests' owner may have one
		os.Exit(civitar(w))
	}
	os.Exit(m.Run())
}

// account is a simulated orchestrator that outlives the processes which ask it.
type account struct {
	*sandbox.Server
	url      string
	token    string
	withheld withheld

	changed *sync.Cond // guards open
	open    int        // connections
}

const testToken = "tok-3f9a1c77e2d84b0d9e6b"

func newAccount(t testing.TB, o sandbox.Options) *account {
	t.Helper()
	if o.Token == "" {
		o.Token = testToken
	}
	s := sandbox.New(o)
	a := &account{Server: s, token: o.Token, changed: sync.NewCond(&sync.Mutex{})}
	server := httptest.NewUnstartedServer(s)
	server.Config.ConnState = a.connection
	server.Start()
	t.Cleanup(server.Close)
	a.url = server.URL
	return a
}

func (a *account) connection(_ net.Conn, state http.ConnState) {
	a.changed.L.Lock()
	defer a.changed.L.Unlock()
	switch state {
	case http.StateNew:
		a.open++
	case http.StateClosed, http.StateHijacked:
		a.open--
	}
	a.changed.Broadcast()
}

// settle waits until nobody is connected any more, so that what a killed process had still
// asked for has been counted. Connections are taken up in the order in which they came.
func (a *account) settle(t testing.TB) {
	t.Helper()
	request, err := http.NewRequest(http.MethodGet, a.url, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Close = true
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	a.changed.L.Lock()
	defer a.changed.L.Unlock()
	for a.open > 0 {
		a.changed.Wait()
	}
}

// program prepares one run of civitar in a folder of its own, without limits of pace.
func (a *account) program(t testing.TB, args ...string) *exec.Cmd {
	t.Helper()
	args = inPackage(inBucket(t, args))
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe, args...)
	cmd.Dir = t.TempDir()
	cmd.Env = append(cleanEnv(), beProgram+"=1", "HOME="+cmd.Dir, "XDG_CONFIG_HOME="+cmd.Dir, "CIVITAI_API_URL="+a.url, "CIVITAI_API_TOKEN="+a.token)
	return cmd
}

// archive is civitar archive into dest, as fast as it goes. When the test ends, what it has
// made must hold nothing that the server withholds.
func (a *account) archive(t testing.TB, dest string, args ...string) *exec.Cmd {
	t.Helper()
	if a.Server != nil {
		t.Cleanup(func() { a.checkNothingWithheld(t, dest) })
	}
	return a.program(t, append([]string{"archive", dest, "--rate=0", "--blob-rate=0"}, args...)...)
}

func cleanEnv() []string {
	var env []string
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "CIVITAI_") && !strings.HasPrefix(v, "NO_COLOR") {
			env = append(env, v)
		}
	}
	return env
}

// result is what a run left behind.
type result struct {
	code           int
	stdout, stderr string
}

func run(t testing.TB, cmd *exec.Cmd) result {
	t.Helper()
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return result{cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()}
}

func mustRun(t testing.TB, cmd *exec.Cmd, code int) result {
	t.Helper()
	return wantCode(t, cmd, run(t, cmd), code)
}

func wantCode(t testing.TB, cmd *exec.Cmd, r result, code int) result {
	t.Helper()
	if r.code != code {
		t.Fatalf("%v: exit code %d, want %d\nstdout:\n%s\nstderr:\n%s", cmd.Args[1:], r.code, code, r.stdout, r.stderr)
	}
	return r
}

// files maps every file below dir, by slash-separated path, to its content. Where the archives of
// the tests lie in packages, dir may be in one.
func files(t testing.TB, dir string) map[string][]byte {
	t.Helper()
	if all := packaged(t, dir); all != nil {
		return all
	}
	all := map[string][]byte{}
	if real, err := filepath.EvalSymlinks(dir); err == nil {
		dir = real
	}
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		all[filepath.ToSlash(rel)] = data
		return err
	})
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	return all
}
