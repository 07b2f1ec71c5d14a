package main

import (
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"civitar/internal/sandbox"
)

// TestNetworkFaultsEndInTheRightState runs against a server with one fault at a time. What
// the server delivers in the end is kept byte for byte; verify agrees.
func TestNetworkFaultsEndInTheRightState(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		faults sandbox.Faults
		life   time.Duration // of signed URLs
		code   int           // of the first run; the second one, without faults, ends well
	}{
		"URLs that expired before they were listed": {sandbox.Faults{ExpireListed: true}, time.Hour, 0},
		"URLs that expire in the queue":             {sandbox.Faults{Latency: 5 * time.Millisecond}, 60 * time.Millisecond, 0},
		"web pages for results":                     {sandbox.Faults{HTMLContent: 3}, 0, 0},
		"web pages, and one try":                    {sandbox.Faults{HTMLContent: 3}, 0, 3},
		"bodies cut short":                          {sandbox.Faults{TruncateContent: 3}, 0, 0},
		"no length":                                 {sandbox.Faults{NoLength: true}, 0, 0},
		"no length, cut short":                      {sandbox.Faults{NoLength: true, TruncateContent: 4}, 0, 0},
		"no ranges":                                 {sandbox.Faults{NoRanges: true, TruncateContent: 4}, 0, 0},
		"entities that change":                      {sandbox.Faults{ChangeEntity: 1, TruncateContent: 3}, 0, 0},
		"gzip for what is not asked so":             {sandbox.Faults{GzipContent: true, TruncateContent: 4}, 0, 0},
		"resets":                                    {sandbox.Faults{EveryReset: 5}, 0, 0},
		"errors of every sort":                      {sandbox.Faults{Every5xx: 5}, 0, 0},
		"redirects without end":                     {sandbox.Faults{RedirectLoop: true}, 0, 3},
		"down from the start":                       {sandbox.Faults{DownAfter: -1}, 0, 1},
		"down after a page":                         {sandbox.Faults{DownAfter: 2}, 0, 1},
		"empty pages":                               {sandbox.Faults{EmptyPages: true, RepeatCursor: true}, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newAccount(t, sandbox.Options{Workflows: 16, Faults: c.faults, URLLife: c.life})
			dest := filepath.Join(t.TempDir(), "archive")
			args := []string{"--page-size=4"}
			if c.code != 0 {
				args = append(args, "--retries=1")
			}
			mustRun(t, a.archive(t, dest, args...), c.code)
			if c.faults.DownAfter >= 0 {
				wantClean(t, dest)
			}
			a.SetFaults(sandbox.Faults{})
			mustRun(t, a.archive(t, dest, "--page-size=4"), 0)
			checkWhole(t, a, dest)
			checkSidecars(t, a, dest)
			wantClean(t, dest)
			if n := a.Stats().TokenLeaks; n != 0 {
				t.Errorf("the token went where it does not belong %d times", n)
			}
		})
	}
}

// TestADayPassesInMidRun lets the server's clock jump a day, as after a laptop's sleep: all
// URLs that were listed before have expired then.
func TestADayPassesInMidRun(t *testing.T) {
	t.Parallel()
	var asked atomic.Int64
	begun := time.Now()
	a := newAccount(t, sandbox.Options{Workflows: 20, URLLife: time.Hour, Now: func() time.Time {
		if asked.Add(1) > 20 {
			return begun.Add(24 * time.Hour)
		}
		return begun
	}})
	dest := filepath.Join(t.TempDir(), "archive")
	mustRun(t, a.archive(t, dest, "--workers=1", "--page-size=20"), 0)
	if asked.Load() <= 20 {
		t.Fatalf("the server looked at its clock %d times only: no day passed", asked.Load())
	}
	checkWhole(t, a, dest)
	wantClean(t, dest)
}

func TestHostThatDoesNotResolveIsTold(t *testing.T) {
	t.Parallel()
	a := newAccount(t, sandbox.Options{Workflows: 5})
	dest := filepath.Join(t.TempDir(), "archive")
	mustRun(t, a.archive(t, dest), 0)
	want := kept(t, dest)
	cmd := a.archive(t, dest, "--retries=2", "--api-url=https://no-such-host.invalid")
	oneSentence(t, mustRun(t, cmd, 1), "no-such-host.invalid")
	sameKept(t, kept(t, dest), want)
	wantClean(t, dest)
}
