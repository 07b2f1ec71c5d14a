package main

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"civitar/internal/sandbox"
)

// TestDaemonForReal runs a daemon with a schedule of one second: it archives more than once,
// reads its configuration again, and ends in order.
func TestDaemonForReal(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("signals are sent")
	}
	a := newAccount(t, sandbox.Options{Workflows: 10})
	dir := t.TempDir()
	file := filepath.Join(dir, "civitar.toml")
	write := func(profiles ...string) {
		text := "[defaults]\nrate = 0\n"
		for _, p := range profiles {
			text += fmt.Sprintf("[profile.%s]\ndest = %q\nschedule = \"every 1s\"\nexport = { out = %q, overwrite = true }\n", p, p, p+".zip")
		}
		must(t, os.WriteFile(file, []byte(text), 0o666))
	}
	write("one")
	cmd := a.program(t, "daemon", "--config", file)
	cmd.Env = append(cmd.Env, "XDG_CACHE_HOME="+t.TempDir())
	said, err := cmd.StderrPipe()
	must(t, err)
	must(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	lines := bufio.NewScanner(said)
	var all strings.Builder
	until := func(n int, words ...string) {
		t.Helper()
		for n > 0 {
			if !lines.Scan() {
				t.Fatalf("it ended before %q:\n%s", words, all.String())
			}
			fmt.Fprintln(&all, lines.Text())
			found := true
			for _, w := range words {
				found = found && strings.Contains(lines.Text(), w)
			}
			if found {
				n--
			}
		}
	}
	until(2, "run ended", "profile=one")
	write("one", "two")
	must(t, cmd.Process.Signal(syscall.SIGHUP))
	until(1, "run ended", "profile=two")
	must(t, os.WriteFile(file, []byte("[profile.three]\nmax-nsfw = 7\n"), 0o666))
	must(t, cmd.Process.Signal(syscall.SIGHUP))
	until(1, "not taken over")
	until(1, "run ended", "profile=two")
	must(t, cmd.Process.Signal(syscall.SIGTERM))
	until(1, "msg=ended")
	for lines.Scan() {
	}
	if err := cmd.Wait(); err != nil {
		t.Fatalf("%v\n%s", err, all.String())
	}
	whole := filepath.Join(t.TempDir(), "whole")
	mustRun(t, a.archive(t, whole), 0)
	for _, p := range []string{"one", "two"} {
		sameKept(t, kept(t, filepath.Join(dir, p)), kept(t, whole))
		sameFiles(t, p, contents(t, filepath.Join(dir, p+".zip")), results(t, whole))
	}
}

func TestDaemonNeedsSomethingToDo(t *testing.T) {
	t.Parallel()
	a := newAccount(t, sandbox.Options{Workflows: 1})
	for text, want := range map[string]struct {
		code int
		says string
	}{
		"[profile.a]\ndest = \"x\"\n":                                {1, "has a schedule"},
		"[profile.a]\nschedule = \"61 * * * *\"\n":                   {2, "civitar.toml:2: "},
		"[profile.a]\nschedule = \"@daily\"\ntimezone = \"Mars\"\n":  {2, "civitar.toml:3: "},
		"[profile.a]\nschedule = \"@daily\"\njitter = \"a while\"\n": {2, "civitar.toml:3: "},
		"[profile.a]\nschedule = \"@daily\"\nretry = -1\n":           {2, "civitar.toml:3: "},
	} {
		cmd := a.program(t, "daemon")
		must(t, os.WriteFile(filepath.Join(cmd.Dir, "civitar.toml"), []byte(text), 0o666))
		oneSentence(t, mustRun(t, cmd, want.code), want.says)
	}
}
