package hook

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func TestCommands(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the commands are a shell's")
	}
	out := filepath.Join(t.TempDir(), "out")
	ctx := t.Context()
	if err := Call(ctx, "cat > "+out+"; printf %s \"$CIVITAR_X\" >> "+out, []string{"CIVITAR_X=1", "PATH=" + os.Getenv("PATH")}, []byte("body "), ""); err != nil {
		t.Fatal(err)
	}
	if data, err := os.ReadFile(out); err != nil || string(data) != "body 1" {
		t.Error(string(data), err)
	}
	err := Call(ctx, "echo no such thing >&2; exit 3", nil, nil, "")
	if err == nil || !strings.Contains(err.Error(), "exit status 3 (no such thing)") {
		t.Error(err)
	}
	short, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
	defer cancel()
	began := time.Now()
	if err := Call(short, "sleep 60 & sleep 60", nil, nil, ""); err == nil || !strings.Contains(err.Error(), "--hook-timeout") {
		t.Error(err)
	}
	if time.Since(began) > 30*time.Second {
		t.Error("what it had started was waited for")
	}
}

func TestURLs(t *testing.T) {
	var asked atomic.Int64
	answers := []int{503, 429, 200}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if r.Method != http.MethodPost || string(body) != "{}" || r.Header.Get("Content-Type") != "application/json" {
			t.Errorf("%s %q", r.Method, body)
		}
		w.WriteHeader(answers[min(int(asked.Add(1))-1, len(answers)-1)])
	}))
	defer s.Close()
	if err := Call(t.Context(), s.URL+"/secret", nil, []byte("{}"), "application/json"); err != nil || asked.Load() != 3 {
		t.Error(err, asked.Load())
	}
	asked.Store(0)
	answers = []int{404}
	err := Call(t.Context(), s.URL+"/secret?key=s3cr3t", nil, []byte("{}"), "application/json")
	if err == nil || !strings.Contains(err.Error(), "404") || strings.Contains(err.Error(), "secret") || asked.Load() != 1 {
		t.Error(err, asked.Load())
	}
	s.Close()
	err = Call(t.Context(), s.URL+"/secret?key=s3cr3t", nil, []byte("{}"), "application/json")
	if err == nil || strings.Contains(err.Error(), "s3cr3t") || strings.Contains(err.Error(), "secret") {
		t.Error(err)
	}
}
