package cli_test

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"civitar/internal/cli"
)

// TestEveryCommandTellsEveryError runs each command that looks something up against a
// server that answers all of it with one error of the API's table: each is told in one
// sentence that says what to do, is no empty answer, and has the documented exit code.
func TestEveryCommandTellsEveryError(t *testing.T) {
	commands := [][]string{
		{"test"}, {"user", "12345"}, {"workflows"}, {"workflow", "w"}, {"workflow", "w", "--wait"}, {"step", "w", "0"},
		{"job", "j"}, {"job", "j", "--raw"}, {"results", "w"}, {"blob", "b.png"}, {"blob", "b.png", "--download", "--nsfw", "--output", "-"},
	}
	problem := `{"type":"about:blank","title":"One or more validation errors occurred.","detail":"no","errors":{"query":["too long"]}}`
	for name, c := range map[string]struct {
		status int
		body   string
		says   string
	}{
		"400": {400, problem, "query: too long"},
		"401": {401, `{"title":"Unauthorized"}`, "CIVITAI_API_TOKEN"},
		"403": {403, `{"title":"Forbidden"}`, "(403)"},
		"404": {404, `{"title":"Not Found"}`, "30 days"},
		"410": {410, ``, "30 days"},
		"422": {422, problem, "query: too long"},
		"429": {429, ``, "asks for a slower pace"},
		"500": {500, problem, "cannot be reached"},
		"502": {502, "<html><head><title>Bad gateway</title></head></html>", "an HTML page"},
		"503": {503, "down for maintenance", "down for maintenance"},
	} {
		for _, args := range commands {
			t.Run(name+" "+strings.Join(args, " "), func(t *testing.T) {
				t.Parallel()
				var asked atomic.Int64
				server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					status := c.status
					if status == 429 && asked.Add(1) > 1 {
						status = 401 // limited once: told, waited for, and asked again
					}
					w.Header().Set("Retry-After", "1")
					w.WriteHeader(status)
					_, _ = w.Write([]byte(c.body))
				}))
				defer server.Close()
				env := map[string]string{"CIVITAI_API_TOKEN": "tok-0123456789abcdef"}
				var stdout, stderr bytes.Buffer
				code := cli.Main(context.Background(), make(chan struct{}), slices.Concat(args, []string{"--retries=1", "--api-url=" + server.URL}),
					cli.World{Stdin: strings.NewReader(""), Stdout: &stdout, Stderr: &stderr, LookupEnv: func(name string) (string, bool) { v, ok := env[name]; return v, ok }})
				if code != 1 {
					t.Errorf("exit code %d, want 1", code)
				}
				said := strings.TrimSpace(stderr.String())
				for line := range strings.Lines(said) {
					if !strings.HasPrefix(line, "civitar: ") {
						t.Errorf("not a sentence of the program: %s", line)
					}
				}
				if !strings.Contains(said+stdout.String(), c.says) {
					t.Errorf("does not say %q:\n%s\nstdout:\n%s", c.says, said, stdout.String())
				}
				if strings.Contains(said+stdout.String(), env["CIVITAI_API_TOKEN"]) {
					t.Errorf("the token is shown:\n%s", said)
				}
			})
		}
	}
}
