package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"civitar/internal/sandbox"
)

// kept returns what an archive holds beside its record: the same for archives that hold
// the same, however they came about.
func kept(t testing.TB, dest string) map[string]string {
	t.Helper()
	all := map[string]string{}
	for name, data := range files(t, dest) {
		if !strings.HasPrefix(name, ".civitar/") || strings.HasPrefix(name, ".civitar/partial/") {
			all[name] = sum(data)
		}
	}
	return all
}

func sameKept(t *testing.T, got, want map[string]string) {
	t.Helper()
	for _, name := range slices.Sorted(maps.Keys(want)) {
		if got[name] == "" {
			t.Errorf("missing: %s", name)
		} else if got[name] != want[name] {
			t.Errorf("differs: %s", name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(got)) {
		if want[name] == "" {
			t.Errorf("should not be there: %s", name)
		}
	}
}

func TestKilledRunsEndLikeAnUninterruptedOne(t *testing.T) {
	t.Parallel()
	const kills = 50
	a := newAccount(t, sandbox.Options{Workflows: 120, Faults: sandbox.Faults{Latency: 2 * time.Millisecond}})
	whole := filepath.Join(t.TempDir(), "whole")
	before := time.Now()
	mustRun(t, a.archive(t, whole, "--page-size=10"), 0)
	took := time.Since(before)
	want := kept(t, whole)

	// Each kill falls at another moment of an unbroken run's length, from the first
	// instant to the end. When a run gets through, the next starts afresh.
	var dest string
	archives, deliverable := 0, int64(0)
	for e := range a.Truth() {
		if e.Disposition == "deliverable" {
			deliverable++
		}
	}
	for kill := range kills {
		if dest == "" {
			dest = filepath.Join(t.TempDir(), fmt.Sprint("killed", archives))
			archives++
		}
		recorded, asked := recordedKept(t, dest), a.Stats().Content
		cmd := a.archive(t, dest, "--page-size=10")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		timer := time.AfterFunc(took*time.Duration(kill%10+1)/12, func() { _ = cmd.Process.Kill() })
		err := cmd.Wait()
		timer.Stop()
		a.settle(t)
		if n := a.Stats().Content - asked; n > deliverable-int64(len(recorded)) {
			t.Errorf("kill %d: %d transfers, although %d of %d blobs were recorded", kill, n, len(recorded), deliverable)
		}
		checkRecorded(t, dest)
		if err == nil {
			sameKept(t, kept(t, dest), want)
			dest = ""
		}
	}
	if dest != "" {
		mustRun(t, a.archive(t, dest, "--page-size=10"), 0)
		sameKept(t, kept(t, dest), want)
	}
	t.Logf("%d kills over %d archives; one unbroken run took %v", kills, archives, took)
}

// recordedKept reads the journal: the downloaded blobs it says are kept, by path.
func recordedKept(t testing.TB, dest string) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, data := range files(t, filepath.Join(dest, ".civitar", "journal")) {
		for line := range strings.Lines(string(data)) {
			if !strings.HasSuffix(line, "\n") {
				break // torn
			}
			var b struct {
				State, Path, SHA256 string
				Asked               bool
			}
			if err := json.Unmarshal([]byte(line), &b); err != nil {
				t.Errorf("journal: %v: %s", err, line)
			}
			if b.State == "kept" && b.Asked {
				all[b.Path] = b.SHA256
			}
		}
	}
	return all
}

// checkRecorded checks what must hold at any instant: what the journal says is kept is
// there, whole, and what else has a final name is no more than was in flight.
func checkRecorded(t *testing.T, dest string) {
	t.Helper()
	group := 128
	if os.Getenv(packageMode) != "" {
		group = 256
	}
	inFlight := group + group + 3*8 // a group being committed, one filling up, the workers'
	recorded := recordedKept(t, dest)
	all := files(t, dest)
	for path, want := range recorded {
		if data, ok := all[path]; !ok || sum(data) != want {
			t.Errorf("recorded as kept, but not whole: %s (it is there: %v)", path, ok)
		}
	}
	if loose := len(files(t, filepath.Join(dest, "media"))) - len(recorded); loose > inFlight {
		t.Errorf("%d files are not recorded, at most %d were in flight", loose, inFlight)
	}
}

func TestSecondRunAsksForOnePage(t *testing.T) {
	t.Parallel()
	a := newAccount(t, sandbox.Options{Workflows: 250})
	dest := filepath.Join(t.TempDir(), "archive")
	first := summaryOf(t, mustRun(t, a.archive(t, dest, "--json", "--page-size=20"), 0))
	before := a.Stats()
	second := summaryOf(t, mustRun(t, a.archive(t, dest, "--json", "--page-size=20"), 0))
	after := a.Stats()

	if n := after.Listing - before.Listing; n > 2 {
		t.Errorf("%d pages were listed, want at most 2", n)
	}
	if n := after.ByID - before.ByID; n > first.Open {
		t.Errorf("%d workflows were asked for by id, %d had not ended", n, first.Open)
	}
	if n := after.BlobRedirects + after.Content + after.Refresh - before.BlobRedirects - before.Content - before.Refresh; n != 0 {
		t.Errorf("%d blob requests, want none", n)
	}
	if second.Kept != 0 || second.Failed != 0 {
		t.Errorf("the second run kept %d and failed %d, want none", second.Kept, second.Failed)
	}
}

func TestNextRunCompletesWhatHadNotEnded(t *testing.T) {
	t.Parallel()
	a := newAccount(t, sandbox.Options{})
	dest := filepath.Join(t.TempDir(), "archive")
	first := summaryOf(t, mustRun(t, a.archive(t, dest, "--json"), 0))
	if first.Open == 0 {
		t.Fatal("the account has no workflow that has not ended")
	}
	a.FinishProcessing()
	second := summaryOf(t, mustRun(t, a.archive(t, dest, "--json", "--page-size=10"), 0))
	if second.Kept == 0 || second.Open != 0 {
		t.Errorf("kept %d, still open %d", second.Kept, second.Open)
	}
	checkWhole(t, a, dest)
}

func TestNextRunFindsNewWorkflows(t *testing.T) {
	t.Parallel()
	a := newAccount(t, sandbox.Options{Workflows: 60})
	dest := filepath.Join(t.TempDir(), "archive")
	mustRun(t, a.archive(t, dest, "--page-size=10"), 0)
	a.Add(35) // more than a page of them
	before := a.Stats()
	mustRun(t, a.archive(t, dest, "--page-size=10"), 0)
	if n := a.Stats().Listing - before.Listing; n > 6 {
		t.Errorf("%d pages were listed for 35 new workflows, 10 a page", n)
	}
	checkWhole(t, a, dest)
	checkSidecars(t, a, dest)
}

func TestNextRunTriesFailedBlobsAgain(t *testing.T) {
	t.Parallel()
	a := newAccount(t, sandbox.Options{Workflows: 60})
	dest := filepath.Join(t.TempDir(), "archive")
	a.SetFaults(sandbox.Faults{HTMLContent: 3})
	first := summaryOf(t, mustRun(t, a.archive(t, dest, "--json", "--retries=1"), 3))
	if first.Failed == 0 {
		t.Fatal("nothing failed")
	}
	a.SetFaults(sandbox.Faults{})
	a.Add(5)
	summaryOf(t, mustRun(t, a.archive(t, dest, "--json", "--page-size=10"), 0))
	checkWhole(t, a, dest)
}

func TestListingThatBreaksOffIsTakenUpAgain(t *testing.T) {
	t.Parallel()
	a := newAccount(t, sandbox.Options{Workflows: 100, Faults: sandbox.Faults{DownAfter: 4}})
	dest := filepath.Join(t.TempDir(), "archive")
	r := mustRun(t, a.archive(t, dest, "--page-size=10", "--retries=1"), 1)
	oneSentence(t, r, "run the same command again") // the listing met the outage first, or a blob did
	a.SetFaults(sandbox.Faults{})
	mustRun(t, a.archive(t, dest, "--page-size=10"), 0)
	checkWhole(t, a, dest)
	checkSidecars(t, a, dest)
}

func TestOldestFirstHoldsTheSame(t *testing.T) {
	t.Parallel()
	a := newAccount(t, sandbox.Options{Workflows: 80})
	newest, oldest := filepath.Join(t.TempDir(), "newest"), filepath.Join(t.TempDir(), "oldest")
	mustRun(t, a.archive(t, newest, "--page-size=10"), 0)
	mustRun(t, a.archive(t, oldest, "--page-size=10", "--oldest"), 0)
	sameKept(t, kept(t, oldest), kept(t, newest))
	before := a.Stats()
	mustRun(t, a.archive(t, oldest, "--page-size=10", "--oldest"), 0)
	if n := a.Stats().Listing - before.Listing; n > 2 {
		t.Errorf("%d pages were listed by the second run, want at most 2", n)
	}
}
