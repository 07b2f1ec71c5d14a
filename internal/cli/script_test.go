package cli_test

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"civitar/internal/cli"
	"civitar/internal/sandbox"
)

var update = flag.Bool("update", false, "write what the scripts' commands print into the scripts")

// TestMain lets the test binary be civitar, for the scripts' processes.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"civitar": func() {
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
		defer stop()
		w := cli.System()
		w.Keyring = nil // the tests' owner may have one
		os.Exit(cli.Main(ctx, ctx.Done(), os.Args[1:], w))
	}})
}

// TestScripts runs testdata/script: what commands print, byte for byte, on stdout and
// stderr. The scripts' API is http://civitai.test, which a proxy leads to a server of the
// script's own; that keeps its address the same in all that is printed.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script", UpdateScripts: *update, RequireExplicitExec: true, RequireUniqueNames: true,
		Setup: func(env *testscript.Env) error {
			a := &api{account: sandbox.New(sandbox.Options{Workflows: 60})}
			a.serve(a.account)
			server := httptest.NewServer(a)
			env.Defer(server.Close)
			env.Values["api"] = a
			for name, value := range map[string]string{
				"HTTP_PROXY": server.URL, "http_proxy": server.URL, "NO_PROXY": "", "no_proxy": "", "COLUMNS": "100", "TZ": "UTC",
				"HOME": env.WorkDir, "XDG_CONFIG_HOME": env.WorkDir + "/config",
				"CIVITAI_API_URL": "http://civitai.test", "CIVITAI_API_TOKEN": sandbox.DefaultToken, "MANAGER": sandbox.DefaultManagerToken,
			} {
				env.Setenv(name, value)
			}
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"faults": faults, "answer": answer, "asked": asked, "exits": exits, "big": big},
	})
}

// api is a script's server.
type api struct {
	account *sandbox.Server
	handler atomic.Pointer[http.Handler]
	asked   atomic.Int64
}

func (a *api) serve(h http.Handler) { a.handler.Store(&h) }

func (a *api) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.asked.Add(1)
	(*a.handler.Load()).ServeHTTP(w, r)
}

// faults sets the sandbox's, as JSON: faults '{"every5xx":3}'
func faults(ts *testscript.TestScript, _ bool, args []string) {
	var f sandbox.Faults
	if len(args) > 0 {
		ts.Check(json.Unmarshal([]byte(args[0]), &f))
	}
	ts.Value("api").(*api).account.SetFaults(f)
}

// answer makes the server answer everything alike, but pages behind the first from another
// file if one is given: answer STATUS FILE [NEXT] [NAME:VALUE...]
func answer(ts *testscript.TestScript, _ bool, args []string) {
	status, err := strconv.Atoi(args[0])
	ts.Check(err)
	first := ts.ReadFile(args[1])
	next, headers := first, args[2:]
	if len(headers) > 0 && !strings.Contains(headers[0], ":") {
		next, headers = ts.ReadFile(headers[0]), headers[1:]
	}
	ts.Value("api").(*api).serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for _, header := range headers {
			name, value, _ := strings.Cut(header, ":")
			w.Header().Set(name, value)
		}
		body := first
		if r.URL.Query().Get("cursor") != "" {
			body = next
		}
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}))
}

// asked compares the number of requests since the last time: asked 1
func asked(ts *testscript.TestScript, _ bool, args []string) {
	if got := strconv.FormatInt(ts.Value("api").(*api).asked.Swap(0), 10); got != args[0] {
		ts.Fatalf("%s requests, want %s", got, args[0])
	}
}

// exits runs a command that must end with this code: exits 3 civitar ...
func exits(ts *testscript.TestScript, _ bool, args []string) {
	err := ts.Exec(args[1], args[2:]...)
	code := 0
	if exit := new(exec.ExitError); errors.As(err, &exit) {
		code = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if strconv.Itoa(code) != args[0] {
		ts.Fatalf("exit code %d, want %s", code, args[0])
	}
}

// big writes a page of one workflow whose prompt is a megabyte: big FILE
func big(ts *testscript.TestScript, _ bool, args []string) {
	page := `{"items":[{"id":"w","status":"succeeded","metadata":{"params":{"prompt":"` + strings.Repeat("words of ", 1<<20/9) + "1234" + `"}}}]}`
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(page), 0o666))
}
