package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"civitar/internal/sandbox"
)

// copied is a copy of an archive, to be broken.
func copied(t *testing.T, from string) string {
	t.Helper()
	to := filepath.Join(t.TempDir(), "archive")
	must(t, os.CopyFS(to, os.DirFS(from)))
	for name := range files(t, from) { // verify goes by times
		info, err := os.Stat(filepath.Join(from, name))
		must(t, err)
		must(t, os.Chtimes(filepath.Join(to, name), info.ModTime(), info.ModTime()))
	}
	return to
}

func (a *account) relayout(t *testing.T, dest, disk string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := a.program(t, append([]string{"relayout", dest, "-q"}, args...)...)
	if disk != "" {
		cmd.Env = append(cmd.Env, diskEnv+"="+disk)
	}
	return cmd
}

// TestKilledRelayoutEndsComplete kills relayout before each of the steps by which it changes
// the disk, and runs it again, or another one, or the archiver. After each kill verify finds
// nothing wrong; in the end everything is where the last template says, with the bytes that
// it had, and nothing else is there.
func TestKilledRelayoutEndsComplete(t *testing.T) {
	t.Parallel()
	a := newAccount(t, sandbox.Options{Workflows: 30})
	whole := filepath.Join(t.TempDir(), "archive")
	mustRun(t, a.archive(t, whole, "-q"), 0)

	first := []string{"--layout={year}/{kind}/{model}_{blob}", "--mature=separate", "--sidecar=xmp"}
	second := []string{"--layout={nsfw}/{workflow}_{index}", "--sidecar=txt"}
	one, two := copied(t, whole), copied(t, whole)
	trace := one + ".trace"
	mustRun(t, a.relayout(t, one, "trace "+trace, first...), 0)
	mustRun(t, a.relayout(t, two, "", first...), 0)
	mustRun(t, a.relayout(t, two, "", second...), 0)
	data, err := os.ReadFile(trace)
	must(t, err)
	steps := len(strings.Split(strings.TrimSpace(string(data)), "\n"))
	if got := len(kept(t, one)); got <= len(kept(t, whole)) || steps < 60 {
		t.Fatalf("%d files after %d steps, %d before", got, steps, len(kept(t, whole)))
	}
	wantClean(t, one)
	wantClean(t, two)

	t.Run("killed", func(t *testing.T) {
		for step := 1; step <= steps; step += max(1, steps/max(12, *kills/8)) {
			t.Run(fmt.Sprint(step), func(t *testing.T) {
				t.Parallel()
				dest := copied(t, whole)
				if r := run(t, a.relayout(t, dest, fmt.Sprint("kill ", step), first...)); r.code >= 0 {
					t.Fatalf("it ended by itself with %d: %s", r.code, r.stderr)
				}
				wantClean(t, dest)
				switch want := one; step % 3 {
				case 0: // the archiver comes by first
					s := summaryOf(t, mustRun(t, a.archive(t, dest, "--json"), 0))
					if s.Kept != 0 {
						t.Errorf("%d blobs fetched again", s.Kept)
					}
					fallthrough
				case 1:
					mustRun(t, a.relayout(t, dest, "", first...), 0)
					sameKept(t, kept(t, dest), kept(t, want))
				case 2: // somebody has changed their mind
					mustRun(t, a.relayout(t, dest, "", append([]string{"--mature=separate"}, second...)...), 0)
					sameKept(t, kept(t, dest), kept(t, two))
				}
				wantClean(t, dest)
				mustRun(t, a.program(t, "verify", dest), 0)
			})
		}
	})
}

// TestRelayoutThereAndBack ends where it began.
func TestRelayoutThereAndBack(t *testing.T) {
	t.Parallel()
	a := newAccount(t, sandbox.Options{Workflows: 30})
	dest := filepath.Join(t.TempDir(), "archive")
	mustRun(t, a.archive(t, dest, "-q"), 0)
	before := kept(t, dest)
	mustRun(t, a.relayout(t, dest, "", "--mature=separate", "--layout={tags}/{prompt}/{seed}_{blob}"), 0)
	if r := mustRun(t, a.archive(t, dest, "-q", "--layout={blob}"), 2); !strings.Contains(r.stderr, "relayout") {
		t.Errorf("another layout for a run: %s", r.stderr)
	}
	mustRun(t, a.archive(t, dest, "-q"), 0)
	mustRun(t, a.relayout(t, dest, "", "--mature=same", "--layout={date}/{workflow}_{blob}"), 0)
	sameKept(t, kept(t, dest), before)
	wantClean(t, dest)
	for name := range dirs(t, dest) {
		if entries, err := os.ReadDir(filepath.Join(dest, name)); err == nil && len(entries) == 0 && strings.Contains(name, "/") && !strings.HasPrefix(name, ".civitar") {
			t.Errorf("%s is left empty", name)
		}
	}
}

func dirs(t *testing.T, dest string) map[string]bool {
	t.Helper()
	all := map[string]bool{}
	must(t, filepath.WalkDir(dest, func(name string, d os.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			rel, _ := filepath.Rel(dest, name)
			all[filepath.ToSlash(rel)] = true
		}
		return err
	}))
	return all
}
