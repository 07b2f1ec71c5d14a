package main

import (
	"bufio"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"civitar/internal/sandbox"
)

// TestInterrupts sends one signal, or two, to a run whose transfers are slow.
func TestInterrupts(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("needs a system where a process can be sent an interrupt")
	}
	t.Parallel()
	for _, c := range []struct {
		name           string
		bytesPerSecond int
		signals        int
		inFlight       bool // whether the transfers in flight are let end
	}{
		{"once: transfers in flight end", 200_000, 1, true},
		{"twice: all stops at once", 500, 2, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			a := newAccount(t, sandbox.Options{Workflows: 60})
			dest := filepath.Join(t.TempDir(), "archive")
			a.SetFaults(sandbox.Faults{BytesPerSecond: c.bytesPerSecond})
			cmd := a.archive(t, dest, "--json")
			stderr := &strings.Builder{}
			cmd.Stderr = stderr
			out, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			lines := bufio.NewScanner(out)
			lines.Scan() // its first event: it is at work
			var last string
			for range c.signals {
				if err := cmd.Process.Signal(os.Interrupt); err != nil {
					t.Fatal(err)
				}
				// The next event comes after the signal was seen to, or the end does.
				if lines.Scan() {
					last = lines.Text()
				}
			}
			for lines.Scan() {
				last = lines.Text()
			}
			_ = cmd.Wait()
			if code := cmd.ProcessState.ExitCode(); code != 130 {
				t.Errorf("exit code %d, want 130; stderr:\n%s", code, stderr)
			}
			s := summaryOf(t, result{stdout: last})
			if s.Unfinished == 0 {
				t.Errorf("nothing was left to do: %+v", s)
			}
			if !strings.Contains(stderr.String(), "run the same command again") {
				t.Errorf("stderr does not say how to go on:\n%s", stderr)
			}
			checkRecorded(t, dest)
			if r := mustRun(t, a.program(t, "status", dest), 0); !strings.Contains(r.stdout, "did not come to its end") {
				t.Errorf("status does not say that there is more:\n%s", r.stdout)
			}
			a.SetFaults(sandbox.Faults{})
			mustRun(t, a.archive(t, dest), 0)
			checkWhole(t, a, dest)
		})
	}
}

func TestSandboxFlagArchivesTheBuiltInAccount(t *testing.T) {
	t.Parallel()
	a := newAccount(t, sandbox.Options{Token: sandbox.DefaultToken})
	cmd := a.program(t, "archive", "--sandbox")
	cmd.Env = append(cmd.Env, "CIVITAI_API_TOKEN=", "CIVITAI_API_URL=")
	mustRun(t, cmd, 0)
	dest := filepath.Join(cmd.Dir, "civitai-archive")
	checkWhole(t, a, dest)
	checkSidecars(t, a, dest)

	// It does not mix with what the real service made.
	r := mustRun(t, a.archive(t, dest), 1)
	oneSentence(t, r, "another source")
}
