package policy

import (
	"strings"
	"testing"
	"time"

	"civitar/fetch"
	"civitar/manifest"
)

func TestDecide(t *testing.T) {
	now := time.Date(2026, 8, 11, 12, 0, 0, 0, time.UTC)
	good := fetch.Blob{Available: true, URL: "https://x/a"}
	for _, c := range []struct {
		name   string
		status fetch.Status
		ended  time.Time
		errors []string
		blob   func(*fetch.Blob)
		want   manifest.State
		reason string
	}{
		{name: "deliverable"},
		{name: "deliverable, although others are still being made", status: "processing"},
		{name: "deliverable, although the workflow failed", status: "failed"},
		{name: "blocked", blob: func(b *fetch.Blob) { b.Blocked = "CSAM" }, want: manifest.Withheld, reason: "blocked: CSAM"},
		{name: "blocked and hidden", blob: func(b *fetch.Blob) { b.Blocked, b.Hidden = "x", true }, want: manifest.Withheld},
		{name: "hidden", blob: func(b *fetch.Blob) { b.Hidden = true }, want: manifest.Skipped, reason: "hidden"},
		{name: "intermediate", blob: func(b *fetch.Blob) { b.Temp = true }, want: manifest.Skipped, reason: "intermediate"},
		{name: "stored elsewhere", blob: func(b *fetch.Blob) { b.Elsewhere = true }, want: manifest.Skipped, reason: "asset"},
		{name: "being made", status: "processing", blob: unavailable, want: manifest.Pending, reason: "processing"},
		{name: "status of tomorrow", status: "pondering", blob: unavailable, want: manifest.Pending, reason: "pondering"},
		{name: "no status", status: "-", blob: unavailable, want: manifest.Pending, reason: "unknown"},
		{name: "failed", status: "failed", errors: []string{"no capacity"}, blob: unavailable, want: manifest.Gone, reason: "failed: no capacity"},
		{name: "canceled", status: "canceled", blob: unavailable, want: manifest.Gone, reason: "was canceled"},
		{name: "just ended", ended: now.Add(-time.Minute), blob: unavailable, want: manifest.Pending, reason: "not delivered yet"},
		{name: "ended long ago", ended: now.Add(-time.Hour), blob: unavailable, want: manifest.Gone, reason: "not available"},
		{name: "mature, hidden by the server", blob: func(b *fetch.Blob) { b.Available, b.URL, b.Level = false, "", "x" }, want: manifest.Withheld, reason: "mature"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := &fetch.Workflow{Status: "succeeded", Completed: c.ended, Errors: c.errors}
			if c.status != "" {
				w.Status = fetch.Status(strings.Trim(string(c.status), "-"))
			}
			b := good
			if c.blob != nil {
				c.blob(&b)
			}
			if got := new(Policy).Decide(w, b, Facts{}, now); got.State != c.want || !strings.Contains(got.Text(), c.reason) {
				t.Errorf("got %q (%s), want %q (%s)", got.State, got.Text(), c.want, c.reason)
			}
		})
	}
}

func unavailable(b *fetch.Blob) { b.Available = false }
