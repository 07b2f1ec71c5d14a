package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"civitar/internal/sandbox"
)

// segmentEnv tells the program, run by a test, where to begin a new segment of the journal.
const segmentEnv = "CIVITAR_TEST_SEGMENT"

func smallSegments() int64 {
	n, _ := strconv.ParseInt(os.Getenv(segmentEnv), 10, 64)
	return n
}

// aged is an account whose workflows are rated anew now and then, by which every line about
// them is superseded.
type aged struct {
	*account
	runs int
}

// run archives what has changed meanwhile, with segments that a run fills, and tells whether
// the journal was compacted.
func (a *aged) run(t *testing.T, dest, disk string) bool {
	t.Helper()
	return strings.Contains(mustRun(t, a.command(t, dest, disk), 0).stderr, "left out lines")
}

func (a *aged) command(t *testing.T, dest, disk string) *exec.Cmd {
	t.Helper()
	cmd := a.archive(t, dest, "--full", "--page-size=5", "--log-level=info")
	cmd.Env = append(cmd.Env, segmentEnv+"=20000", diskEnv+"="+disk)
	return cmd
}

func (a *aged) rate(t *testing.T) {
	t.Helper()
	a.runs++
	rated := 0
	for e := range a.Truth() {
		if e.Disposition == "deliverable" && a.SetLevel(e.Blob, []string{"pg", "pg13"}[a.runs%2]) {
			rated++
		}
	}
	if rated < a.Len() {
		t.Fatalf("%d blobs of %d workflows can be rated", rated, a.Len())
	}
}

func journalSize(t *testing.T, dest string) (n int) {
	t.Helper()
	for name, data := range files(t, filepath.Join(dest, ".civitar", "journal")) {
		if !strings.HasSuffix(name, ".jsonl") {
			t.Errorf("left behind: %s", name)
		}
		n += len(data)
	}
	return n
}

// TestJournalStaysInProportion runs an archive over and over, beside one whose journal is never
// compacted. All that can be asked of them is the same.
func TestJournalStaysInProportion(t *testing.T) {
	t.Parallel()
	a := &aged{account: newAccount(t, sandbox.Options{Workflows: 20})}
	dest, twin := filepath.Join(t.TempDir(), "archive"), filepath.Join(t.TempDir(), "archive")
	export := func(dest string) map[string][]byte {
		out := filepath.Join(t.TempDir(), "news.tar")
		mustRun(t, a.program(t, "export", dest, "--since-last-export", "--out", out), 0)
		if _, err := os.Stat(out); err != nil {
			return nil
		}
		return contents(t, out)
	}
	compacted, sizes := 0, []int{}
	for run := range 12 {
		a.rate(t)
		a.Add(1)
		if a.run(t, dest, "") {
			compacted++
		}
		mustRun(t, a.archive(t, twin, "--full", "--page-size=5"), 0)
		sizes = append(sizes, journalSize(t, dest))
		if run%4 == 1 {
			sameFiles(t, fmt.Sprint("the export after run ", run), export(dest), export(twin))
		}
	}
	if compacted < 3 || 5*slices.Max(sizes) > 3*journalSize(t, twin) {
		t.Error("the journal grew")
	}
	t.Logf("compacted %d times; the journal's sizes are %v, and one that was not %d", compacted, sizes, journalSize(t, twin))
	sameKept(t, kept(t, dest), kept(t, twin))
	wantClean(t, dest)
	want := mustRun(t, a.program(t, "status", twin), 0).stdout
	for _, anew := range []bool{false, true} {
		if anew {
			must(t, os.Remove(filepath.Join(dest, ".civitar", "index.db")))
		}
		got := mustRun(t, a.program(t, "status", dest), 0).stdout
		if got, want := afterLines(got, 3), afterLines(want, 3); got != want {
			t.Errorf("status, with an index made anew (%v):\n%s\nwant\n%s", anew, got, want)
		}
	}
}

// afterLines is a text without its first n lines.
func afterLines(text string, n int) string {
	return strings.Join(strings.SplitAfter(text, "\n")[n:], "")
}

// TestKilledCompactionIsTakenUpByTheNextRun kills a run before each step of its compaction.
func TestKilledCompactionIsTakenUpByTheNextRun(t *testing.T) {
	t.Parallel()
	a := &aged{account: newAccount(t, sandbox.Options{Workflows: 20})}
	whole := filepath.Join(t.TempDir(), "archive")
	before := t.TempDir()
	for {
		must(t, os.RemoveAll(before))
		if _, err := os.Stat(whole); err == nil {
			before = copied(t, whole)
		}
		a.rate(t)
		if a.run(t, whole, "") {
			break
		}
	}
	want := kept(t, whole)
	kills := 0
	for step := 1; ; step++ {
		dest := copied(t, before)
		cmd := a.command(t, dest, fmt.Sprintf("kill %d from .jsonl.new", step))
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		if err := cmd.Run(); err == nil {
			if !strings.Contains(stderr.String(), "left out lines") {
				t.Errorf("nothing was compacted:\n%s", &stderr)
			}
			break
		}
		if cmd.ProcessState.Exited() {
			t.Fatalf("step %d: the run ended by itself:\n%s", step, &stderr)
		}
		kills++
		wantClean(t, dest)
		a.run(t, dest, "")
		wantClean(t, dest)
		sameKept(t, kept(t, dest), want)
		journalSize(t, dest)
		if t.Failed() {
			t.Fatalf("killed before step %d", step)
		}
	}
	if kills < 5 {
		t.Errorf("%d kills", kills)
	}
	t.Logf("%d kills", kills)
}
