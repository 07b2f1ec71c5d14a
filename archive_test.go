package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"civitar/internal/sandbox"
)

func sum(data []byte) string {
	s := sha256.Sum256(data)
	return hex.EncodeToString(s[:])
}

// checkWhole compares an archive with the account's truth, by names and bytes alone: all
// that is deliverable is there, byte for byte, and nothing else is.
func checkWhole(t *testing.T, a *account, dest string) {
	t.Helper()
	left := files(t, dest)
	for name := range left {
		if strings.HasPrefix(name, ".civitar/") && !strings.HasPrefix(name, ".civitar/partial/") {
			delete(left, name)
		}
	}
	for e := range a.Truth() {
		delete(left, path.Join("workflows", e.Created.UTC().Format("2006-01-02"), e.Workflow+".json"))
		switch e.Disposition {
		case "deliverable", "text":
			if name := findResult(left, e); name == "" {
				t.Errorf("missing: %s blob %q of %s (%s %s)", e.Disposition, e.Blob, e.Workflow, e.Recipe, e.Kind)
			} else {
				delete(left, name)
			}
		}
	}
	for name, data := range left {
		if strings.HasPrefix(name, "workflows/") {
			continue // of workflows without results, which the truth does not tell
		}
		if stem := strings.TrimSuffix(name, path.Ext(name)); strings.HasSuffix(stem, "-"+sum(data)[:12]) {
			continue // a data URI of a text result, which the truth tells as part of it
		}
		t.Errorf("should not be there: %s", name)
	}
}

// findResult finds the file that holds a result, under a name that tells its workflow and,
// where the result has an id, its id.
func findResult(all map[string][]byte, e sandbox.Expected) string {
	prefix := path.Join("media", e.Created.UTC().Format("2006-01-02"), e.Workflow+"_")
	if e.Kind != "text" && e.Kind != "archive" {
		prefix += strings.TrimSuffix(e.Blob, path.Ext(e.Blob))
	}
	for name, data := range all {
		if !strings.HasPrefix(name, prefix) {
			continue
		}
		if e.Kind == "text" {
			var compact bytes.Buffer
			if json.Compact(&compact, data) != nil {
				continue
			}
			data = compact.Bytes()
		}
		if sum(data) == e.SHA256 {
			return name
		}
	}
	return ""
}

func checkSidecars(t *testing.T, a *account, dest string) {
	t.Helper()
	sidecars := map[string]bool{}
	for name, data := range files(t, filepath.Join(dest, "workflows")) {
		var w struct{ ID string }
		if err := json.Unmarshal(data, &w); err != nil {
			t.Errorf("sidecar %s: %v", name, err)
		}
		if sidecars[w.ID] {
			t.Errorf("two sidecars of %s", w.ID)
		}
		sidecars[w.ID] = true
		if bytes.Contains(data, []byte("sig=")) {
			t.Errorf("sidecar %s holds a signature", name)
		}
	}
	if len(sidecars) != a.Len() {
		t.Errorf("%d sidecars, want one for each of %d workflows", len(sidecars), a.Len())
	}
}

type summary struct {
	Event                                                                      string
	Seen, Kept, Known, Skipped, Withheld, Gone, Failed, Pending, Open, Missing int64
	Workflows, Bytes, Received, Unfinished                                     int64
}

// summaryOf is the last event of a run with --json.
func summaryOf(t *testing.T, r result) summary {
	t.Helper()
	return summaryLike(t, r, "summary")
}

func summaryLike(t *testing.T, r result, event string) summary {
	t.Helper()
	lines := strings.Split(strings.TrimSpace(r.stdout), "\n")
	var s summary
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &s); err != nil || s.Event != event {
		t.Fatalf("no summary at the end of:\n%s\nstderr:\n%s", r.stdout, r.stderr)
	}
	if sum := s.Kept + s.Known + s.Skipped + s.Withheld + s.Gone + s.Failed + s.Pending; s.Seen != sum {
		t.Errorf("the summary does not add up: seen %d, states %d", s.Seen, sum)
	}
	return s
}

func TestArchiveHoldsWhatTheServerDelivers(t *testing.T) {
	t.Parallel()
	a := newAccount(t, sandbox.Options{})
	dest := filepath.Join(t.TempDir(), "archive")
	s := summaryOf(t, mustRun(t, a.archive(t, dest, "--json"), 0))
	checkWhole(t, a, dest)
	checkSidecars(t, a, dest)
	want := map[string]int64{}
	for e := range a.Truth() {
		want[e.Disposition]++
	}
	if s.Kept < want["deliverable"]+want["text"] {
		t.Errorf("kept %d, the truth has %d deliverable and %d texts", s.Kept, want["deliverable"], want["text"])
	}
	if got := a.Stats().TokenLeaks; got != 0 {
		t.Errorf("the token went where it does not belong %d times", got)
	}
	placeholder := a.PlaceholderSHA256()
	for name, data := range files(t, dest) {
		if sum(data) == placeholder {
			t.Errorf("%s is the placeholder", name)
		}
	}
}
