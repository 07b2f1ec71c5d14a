package main

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"civitar/internal/sandbox"
	"civitar/internal/verify"
)

var kills = flag.Int("kills", 40, "how often the crash test kills the program; others go by it")

var thorough = flag.Bool("thorough", false, "try every combination of flags, and faults early, midway and late, where otherwise some are tried")

// wantClean checks that verify finds nothing wrong with what is there of an archive.
func wantClean(t *testing.T, dest string) {
	t.Helper()
	if len(files(t, filepath.Join(dest, ".civitar", "journal"))) == 0 {
		return // killed before there was an archive
	}
	if os.Getenv(bucketMode) != "" || os.Getenv(packageMode) != "" {
		mustRun(t, (&account{}).program(t, "verify", dest, "--read-data"), 0)
		return
	}
	_, err := verify.Run(context.Background(), dest, verify.Options{}, func(f verify.Finding) {
		t.Errorf("%s %s: %s; since %s", f.Kind, f.Path, f.What, f.Since)
	})
	if err != nil {
		t.Error(err)
	}
}

// TestCrashes kills the program before each of the steps by which a run changes the disk,
// in turn, then at an instant of no meaning, and lets the third run get through. After each
// verify finds nothing wrong, and in the end the archive is equal to that of an unbroken run.
func TestCrashes(t *testing.T) {
	t.Parallel()
	const lanes = 2
	a := newAccount(t, sandbox.Options{Workflows: 12})
	whole := filepath.Join(t.TempDir(), "whole")
	all := steps(t, a, whole, "--page-size=4")
	before := time.Now()
	mustRun(t, a.archive(t, filepath.Join(t.TempDir(), "again"), "--page-size=4"), 0)
	c := &crashes{account: a, want: kept(t, whole), steps: len(all), took: time.Since(before)}

	t.Run("lanes", func(t *testing.T) {
		for lane := range lanes {
			t.Run(fmt.Sprint(lane), func(t *testing.T) {
				t.Parallel()
				for random := rand.New(rand.NewPCG(uint64(lane), 4)); c.kills.Load() < int64(*kills) && !t.Failed(); {
					c.archive(t, random)
				}
			})
		}
	})
	ops := map[string]int{}
	for _, s := range all {
		op, _, _ := strings.Cut(s, " ")
		ops[op]++
	}
	t.Logf("%d kills over %d archives, %d of them before one of the %d steps of an unbroken run (%v), which takes %v",
		c.kills.Load(), c.archives.Load(), min(c.archives.Load(), int64(len(all))), len(all), ops, c.took)
}

// crashes is what the lanes share.
type crashes struct {
	account  *account
	want     map[string]string
	steps    int
	took     time.Duration
	kills    atomic.Int64
	archives atomic.Int64
}

// archive makes an archive in three runs, of which two are killed.
func (c *crashes) archive(t *testing.T, random *rand.Rand) {
	t.Helper()
	dest := filepath.Join(t.TempDir(), "archive")
	const stride = 101 // a prime: few kills come by early and late steps, many by all
	step := 1 + int(c.archives.Add(1)*stride)%c.steps
	first := c.account.archive(t, dest, "--page-size=4")
	first.Env = append(first.Env, fmt.Sprintf("%s=kill %d", diskEnv, step))
	c.run(t, first, dest, time.Hour)
	c.run(t, c.account.archive(t, dest, "--page-size=4"), dest, time.Duration(random.Int64N(int64(c.took))))
	mustRun(t, c.account.archive(t, dest, "--page-size=4"), 0)
	wantClean(t, dest)
	sameKept(t, kept(t, dest), c.want)
	if t.Failed() {
		t.Logf("the first run was killed before step %d", step)
	}
}

// run starts a run that is killed, by itself or after a time.
func (c *crashes) run(t *testing.T, cmd *exec.Cmd, dest string, after time.Duration) {
	t.Helper()
	must(t, cmd.Start())
	timer := time.AfterFunc(after, func() { _ = cmd.Process.Kill() })
	err := cmd.Wait()
	timer.Stop()
	switch {
	case err != nil && cmd.ProcessState.Exited():
		t.Errorf("the run ended by itself: %v", err)
	case err != nil:
		c.kills.Add(1)
	}
	wantClean(t, dest)
}
