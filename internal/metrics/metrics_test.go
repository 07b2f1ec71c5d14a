package metrics

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

func TestText(t *testing.T) {
	now := time.Date(2026, 11, 24, 3, 0, 0, 0, time.UTC)
	var r Registry
	r.Set("a\"b\\c", Figures{LastRun: now, LastSuccess: now, Blobs: map[string]int64{"kept": 3, "failed": 0}, NextExpiry: now.Add(time.Hour), Received: 12345678901})
	r.Set("a\"b\\c", Figures{LastRun: now.Add(time.Minute), Blobs: map[string]int64{"kept": 1}, Received: 12345678901, NextExpiry: now.Add(time.Hour)})
	name := filepath.Join(t.TempDir(), "civitar.prom")
	if err := r.WriteFile(name, now); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`civitar_last_success_timestamp_seconds{archive="a\"b\\c"} 1795489200`,
		`civitar_last_run_timestamp_seconds{archive="a\"b\\c"} 1795489260`,
		`civitar_last_run_blobs{archive="a\"b\\c",state="kept"} 1`,
		`civitar_last_run_received_bytes{archive="a\"b\\c"} 12345678901`,
		`civitar_next_expiry_seconds{archive="a\"b\\c"} 3600`,
	} {
		if !strings.Contains(string(text), want+"\n") {
			t.Errorf("no %s in:\n%s", want, text)
		}
	}
	line := regexp.MustCompile(`^(# (HELP|TYPE) [a-z_]+ .+|[a-z_]+\{[a-z]+="(\\.|[^"\\])*"(,[a-z]+="[a-z]+")?\} -?[0-9.]+)$`)
	for l := range strings.Lines(string(text)) {
		if !line.MatchString(strings.TrimSuffix(l, "\n")) {
			t.Errorf("no line of the format: %s", l)
		}
	}
}

func TestServe(t *testing.T) {
	var r Registry
	stop, err := r.Serve(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	stop()
	if _, err := r.Serve(t.Context(), "256.0.0.1:1"); err == nil {
		t.Error("no error for an address that is none")
	}
}
