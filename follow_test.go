package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"civitar/internal/sandbox"
)

// follower is a process that follows an account.
type follower struct {
	cmd    *exec.Cmd
	lines  *bufio.Scanner
	stderr *bytes.Buffer
}

// follow starts to follow an account, with a look every second.
func (a *account) follow(t *testing.T, dest string, args ...string) *follower {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("needs a system where a process can be sent a signal")
	}
	f := &follower{cmd: a.archive(t, dest, append([]string{"--follow", "--follow-every=1s", "--retries=1"}, args...)...), stderr: &bytes.Buffer{}}
	f.cmd.Stderr = f.stderr
	out, err := f.cmd.StdoutPipe()
	must(t, err)
	must(t, f.cmd.Start())
	t.Cleanup(func() { _ = f.cmd.Process.Kill(); _ = f.cmd.Wait() })
	f.lines = bufio.NewScanner(out)
	f.lines.Buffer(nil, 1<<20)
	return f
}

// round is the next summary that is as asked for.
func (f *follower) round(t *testing.T, as func(s summary, fault string) bool) summary {
	t.Helper()
	for f.lines.Scan() {
		var fault struct{ Error string }
		must(t, json.Unmarshal(f.lines.Bytes(), &fault))
		if !bytes.Contains(f.lines.Bytes(), []byte(`"event":"summary"`)) {
			continue
		}
		if s := summaryOf(t, result{stdout: f.lines.Text()}); as(s, fault.Error) {
			return s
		}
	}
	_ = f.cmd.Wait()
	t.Fatalf("it ended:\n%s", f.stderr)
	return summary{}
}

func keptSome(s summary, _ string) bool { return s.Kept > 0 }

// end lets the process end, after signals, and tells how it did.
func (f *follower) end(t *testing.T, signals ...os.Signal) result {
	t.Helper()
	for _, s := range signals {
		must(t, f.cmd.Process.Signal(s))
	}
	var out strings.Builder
	for f.lines.Scan() {
		fmt.Fprintln(&out, f.lines.Text())
	}
	_ = f.cmd.Wait()
	return result{f.cmd.ProcessState.ExitCode(), out.String(), f.stderr.String()}
}

// until waits for a condition that the account will meet.
func until(t *testing.T, what string, met func() bool) {
	t.Helper()
	for patience := time.Now().Add(time.Minute); !met(); time.Sleep(10 * time.Millisecond) { // paces a look at a condition
		if time.Now().After(patience) {
			t.Fatal("in vain: ", what)
		}
	}
}

// TestFollowedArchiveKeepsUp follows an account while workflows appear and others end, and
// ends the following by a signal.
func TestFollowedArchiveKeepsUp(t *testing.T) {
	t.Parallel()
	a := newAccount(t, sandbox.Options{Workflows: 60})
	dest := filepath.Join(t.TempDir(), "arc")
	told := filepath.Join(t.TempDir(), "told")
	f := a.follow(t, dest, "--json", "--on-change", "echo told >> "+told, "--on-success", "echo >> "+told+".too")
	first := f.round(t, keptSome)

	// Looks that find nothing leave no trace: some have passed when the server was asked so often.
	journal := func() map[string][]byte { return files(t, filepath.Join(dest, ".civitar", "journal")) }
	before, asked := journal(), a.Stats()
	until(t, "the listing is looked at", func() bool { return a.Stats().Listing > asked.Listing+3 })
	sameFiles(t, "the journal", journal(), before)
	if waits := a.Stats().Status[202]; waits == 0 || waits > 10*(a.Stats().Listing+1) {
		t.Errorf("%d waits for %d looks", waits, a.Stats().Listing)
	}

	a.Add(6)
	if s := f.round(t, keptSome); s.Kept >= first.Kept || s.Known < first.Kept {
		t.Errorf("of what is new: %+v", s)
	}
	a.FinishProcessing()
	f.round(t, func(s summary, _ string) bool { return s.Open == 0 }) // the clock can part those that end at once

	// Others can look at it, and nobody else can write.
	if r := mustRun(t, a.program(t, "status", dest), 0); !strings.Contains(r.stdout, "A run is going on") {
		t.Error(r.stdout)
	}
	oneSentence(t, mustRun(t, a.archive(t, dest, "--follow"), 1), "in use")

	if r := f.end(t, syscall.SIGTERM); r.code != 0 || strings.Contains(r.stderr, "civitar:") {
		t.Errorf("%+v", r)
	}
	for name, want := range map[string]int{told: 3, told + ".too": 3} {
		text, err := os.ReadFile(name)
		if n := bytes.Count(text, []byte("\n")); err != nil || n < want || n > want+3 {
			t.Errorf("%d calls of %s, %v", n, name, err)
		}
	}
	checkWhole(t, a, dest)
	mustRun(t, a.program(t, "verify", dest), 0)
	if r := mustRun(t, a.program(t, "status", dest), 0); !strings.Contains(r.stdout, "Nothing waits to be fetched") {
		t.Error(r.stdout)
	}
}

// TestFollowingOutlastsAnOutage takes the server away and gives it back; then it takes the
// token no more.
func TestFollowingOutlastsAnOutage(t *testing.T) {
	t.Parallel()
	a := newAccount(t, sandbox.Options{Workflows: 20})
	l := newListener(t)
	dest := filepath.Join(t.TempDir(), "arc")
	f := a.follow(t, dest, "--json", "--log-level=error", "--ping", l.URL+"/ping", "--on-failure", l.URL+"/bad", "--on-success", l.URL+"/good")
	f.round(t, keptSome)
	a.SetFaults(sandbox.Faults{DownAfter: -1})
	f.round(t, func(_ summary, fault string) bool { return strings.Contains(fault, "503") })
	a.Add(3)
	a.SetFaults(sandbox.Faults{})
	f.round(t, keptSome)
	checkWhole(t, a, dest)

	a.Add(1)
	a.SetFaults(sandbox.Faults{Unauthorized: true})
	f.round(t, func(_ summary, fault string) bool { return strings.Contains(fault, "refused the token") })
	r := f.end(t)
	oneSentence(t, r, "refused the token")
	if r.code != 1 || strings.Count(r.stderr, "\n") != 1 {
		t.Errorf("%+v", r)
	}
	want := "/ping/start /good /ping /bad /ping/fail /good /ping /bad /ping/fail"
	if got := l.heard(); got != want {
		t.Errorf("told %s, want %s", got, want)
	}
}

// TestSignalsEndFollowing sends one signal, or two, while transfers are slow.
func TestSignalsEndFollowing(t *testing.T) {
	t.Parallel()
	for signals, code := range map[int]int{1: 0, 2: 130} {
		t.Run(fmt.Sprint(signals), func(t *testing.T) {
			t.Parallel()
			a := newAccount(t, sandbox.Options{Workflows: 60})
			a.SetFaults(sandbox.Faults{BytesPerSecond: 200_000 / (1 + 400*(signals-1))})
			dest := filepath.Join(t.TempDir(), "arc")
			f := a.follow(t, dest)
			until(t, "transfers begin", func() bool { return a.Stats().Content > 0 })
			must(t, f.cmd.Process.Signal(os.Interrupt))
			if signals == 2 {
				until(t, "it is seen to", func() bool { return f.cmd.Process.Signal(os.Interrupt) != nil || settled(a) })
			}
			r := f.end(t)
			if r.code != code || !strings.Contains(r.stdout, "not reached before the run was stopped") {
				t.Errorf("exit code %d, want %d\n%s%s", r.code, code, r.stdout, r.stderr)
			}
			if farewell := strings.Contains(r.stdout, "arc: followed for"); farewell != (code == 0) {
				t.Errorf("%s", r.stdout)
			}
			checkRecorded(t, dest)
			a.SetFaults(sandbox.Faults{})
			mustRun(t, a.archive(t, dest), 0)
			checkWhole(t, a, dest)
		})
	}
}

func settled(a *account) bool {
	a.changed.L.Lock()
	defer a.changed.L.Unlock()
	return a.open == 0
}

// TestProfilesThatFollow runs one, and tells what does not go with it.
func TestProfilesThatFollow(t *testing.T) {
	t.Parallel()
	a := newAccount(t, sandbox.Options{Workflows: 5})
	profile := func(text string, args ...string) *exec.Cmd {
		cmd := a.program(t, args...)
		must(t, os.WriteFile(filepath.Join(cmd.Dir, "civitar.toml"), []byte("[profile.now]\ndest = \"arc\"\nfollow = true\nfollow-every = \"1s\"\n"+text), 0o666))
		return cmd
	}
	for _, c := range []struct {
		text string
		args []string
		says string
	}{
		{"schedule = \"@daily\"\n", []string{"daemon"}, "civitar.toml:3: follow goes on for ever"},
		{"schedule = \"@daily\"\n", []string{"config", "check"}, "civitar.toml:3: follow goes on for ever"},
		{"", []string{"daemon", "now"}, "civitar run now"},
		{"export = { out = \"x.zip\" }\n", []string{"run", "now"}, "on-change"},
		{"export = { out = \"x.zip\" }\n", []string{"config", "check"}, "civitar.toml:3: follow has no end"},
		{"limit = 5\n", []string{"run", "now"}, "--limit"},
		{"", []string{"schedule", "print", "cron", "now"}, "systemd"},
	} {
		cmd := profile(c.text, c.args...)
		oneSentence(t, mustRun(t, cmd, 2), c.says)
		nothingIn(t, filepath.Join(cmd.Dir, "arc"))
	}
	if r := mustRun(t, profile("", "schedule", "print", "systemd", "now"), 0); !strings.Contains(r.stdout, "run now --config") || strings.Contains(r.stdout, "[Timer]") {
		t.Error(r.stdout)
	}
	if runtime.GOOS == "windows" {
		return
	}
	cmd := profile("", "run", "now")
	var out bytes.Buffer
	cmd.Stdout = &out
	must(t, cmd.Start())
	until(t, "it looks again", func() bool { return a.Stats().Listing > 3 })
	must(t, cmd.Process.Signal(os.Interrupt))
	if err := cmd.Wait(); err != nil || !strings.Contains(out.String(), "followed for") {
		t.Errorf("%v: %s", err, out.String())
	}
	checkWhole(t, a, filepath.Join(cmd.Dir, "arc"))
}

// TestFollowingThatCannotBe is refused before anything is done.
func TestFollowingThatCannotBe(t *testing.T) {
	t.Parallel()
	a := newAccount(t, sandbox.Options{Workflows: 1})
	dest := filepath.Join(t.TempDir(), "arc")
	for _, args := range [][]string{{"--limit=3"}, {"--workflow=x"}, {"--to=2026-08-10"}, {"--dry-run"}, {"--follow-every=0s"}, {"--follow-every=25h"}} {
		oneSentence(t, mustRun(t, a.archive(t, dest, append(args, "--follow")...), 2), "--follow")
	}
	nothingIn(t, dest)
}
