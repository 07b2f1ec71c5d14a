package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"civitar/internal/durable"
	"civitar/internal/sandbox"
)

// diskEnv tells the program, run by a test, how its disk is to misbehave: "kill 17" kills
// the process before the 17th step that changes the archive, "kill 3 from NAME" before the
// third of those from the first on that is about such a name, "trace FILE" writes down
// every step, "fail write 3 ENOSPC" gives an error from the third write on.
const diskEnv = "CIVITAR_TEST_DISK"

// brokenDisk is what the program gets by the environment.
func brokenDisk() durable.Hook {
	words := strings.Fields(os.Getenv(diskEnv))
	var steps atomic.Int64
	switch {
	case len(words) >= 2 && words[0] == "kill":
		at, _ := strconv.ParseInt(words[1], 10, 64)
		from := strings.Join(words[min(3, len(words)):], " ")
		return func(_ durable.Op, name string) error {
			if (steps.Load() > 0 || strings.Contains(name, from)) && steps.Add(1) >= at {
				die()
			}
			return nil
		}
	case len(words) == 2 && words[0] == "trace":
		f, err := os.OpenFile(words[1], os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o666)
		if err != nil {
			return func(durable.Op, string) error { return err }
		}
		return func(op durable.Op, name string) error {
			_, err := fmt.Fprintf(f, "%s %s\n", op, name)
			return err
		}
	case len(words) == 4 && words[0] == "fail":
		from, _ := strconv.ParseInt(words[2], 10, 64)
		fault := map[string]error{"ENOSPC": syscall.ENOSPC, "EIO": syscall.EIO, "EROFS": syscall.EROFS}[words[3]]
		return func(op durable.Op, _ string) error {
			if string(op) == words[1] && steps.Add(1) >= from {
				return fault
			}
			return nil
		}
	}
	return nil
}

// die ends the process as SIGKILL does, on every system.
func die() {
	if p, err := os.FindProcess(os.Getpid()); err == nil {
		_ = p.Kill()
	}
	select {}
}

// steps runs an archive once and returns its steps.
func steps(t *testing.T, a *account, dest string, args ...string) []string {
	t.Helper()
	trace := dest + ".trace"
	cmd := a.archive(t, dest, args...)
	cmd.Env = append(cmd.Env, diskEnv+"=trace "+trace)
	mustRun(t, cmd, 0)
	data, err := os.ReadFile(trace)
	must(t, err)
	return strings.Split(strings.TrimSpace(string(data)), "\n")
}

// TestDiskFaultsLoseNothing breaks the disk at some step of a run, for good. The run says
// what happened and ends; nothing that is recorded is lost, and with a sound disk the next
// run completes the archive.
func TestDiskFaultsLoseNothing(t *testing.T) {
	t.Parallel()
	a := newAccount(t, sandbox.Options{Workflows: 12})
	whole := filepath.Join(t.TempDir(), "whole")
	taken := map[string]int{}
	for _, s := range steps(t, a, whole, "--page-size=4") {
		op, _, _ := strings.Cut(s, " ")
		taken[op]++
	}
	want := kept(t, whole)
	says := map[string]string{"ENOSPC": "no space left", "EIO": "input/output error", "EROFS": "read-only file system"}
	faults := 0
	var unreached atomic.Int64
	t.Cleanup(func() {
		if n := int(unreached.Load()); n > faults/4 {
			t.Errorf("%d of %d faults were not come to", n, faults)
		}
	})
	for op, n := range taken {
		for fault, words := range says {
			if op == "index" && fault != "EIO" {
				continue
			}
			at := slices.Compact([]int{1, 1 + n/3, 1 + 2*n/3})
			if !*thorough {
				at = at[faults%len(at):][:1]
			}
			for _, from := range at {
				faults++
				t.Run(fmt.Sprintf("%s %d %s", op, from, fault), func(t *testing.T) {
					t.Parallel()
					dest := filepath.Join(t.TempDir(), "archive")
					cmd := a.archive(t, dest, "--page-size=4")
					cmd.Env = append(cmd.Env, fmt.Sprintf("%s=fail %s %d %s", diskEnv, op, from, fault))
					r := run(t, cmd)
					if r.code == 0 && from > 1 { // how many groups there are, and steps with them, is a matter of time
						unreached.Add(1)
					} else {
						oneSentence(t, wantCode(t, cmd, r, 1), words)
					}
					wantClean(t, dest)
					mustRun(t, a.archive(t, dest, "--page-size=4"), 0)
					wantClean(t, dest)
					sameKept(t, kept(t, dest), want)
				})
			}
		}
	}
	t.Logf("%d faults", faults)
}
