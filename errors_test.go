package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"civitar/internal/sandbox"
)

// oneSentence checks that a fault is told in one line, without a stack trace.
func oneSentence(t *testing.T, r result, words ...string) {
	t.Helper()
	lines := strings.Split(strings.TrimSpace(r.stderr), "\n")
	last := lines[len(lines)-1]
	if !strings.HasPrefix(last, "civitar: ") || strings.Contains(r.stderr, "goroutine ") {
		t.Errorf("not one clear sentence:\n%s", r.stderr)
	}
	for _, w := range words {
		if !strings.Contains(last, w) {
			t.Errorf("the sentence does not say %q:\n%s", w, last)
		}
	}
}

func nothingIn(t *testing.T, dir string) {
	t.Helper()
	if _, err := os.Stat(dir); err == nil {
		t.Errorf("%s was made", dir)
	}
}

func TestWrongTokenWritesNothing(t *testing.T) {
	t.Parallel()
	a := newAccount(t, sandbox.Options{Workflows: 5})
	dest := filepath.Join(t.TempDir(), "archive")
	cmd := a.archive(t, dest)
	cmd.Env = append(cmd.Env, "CIVITAI_API_TOKEN=another-token")
	r := mustRun(t, cmd, 1)
	oneSentence(t, r, "CIVITAI_API_TOKEN", "401")
	if strings.Contains(r.stderr, "another-token") {
		t.Errorf("the token is shown:\n%s", r.stderr)
	}
	nothingIn(t, dest)
}

func TestTokenThatExpiredLeavesTheArchiveAsItWas(t *testing.T) {
	t.Parallel()
	a := newAccount(t, sandbox.Options{Workflows: 20})
	dest := filepath.Join(t.TempDir(), "archive")
	mustRun(t, a.archive(t, dest), 0)
	want := kept(t, dest)
	a.SetFaults(sandbox.Faults{Unauthorized: true})
	oneSentence(t, mustRun(t, a.archive(t, dest), 1), "CIVITAI_API_TOKEN")
	sameKept(t, kept(t, dest), want)
}

func TestNoTokenIsToldBeforeAnyRequest(t *testing.T) {
	t.Parallel()
	a := newAccount(t, sandbox.Options{Workflows: 5})
	dest := filepath.Join(t.TempDir(), "archive")
	cmd := a.archive(t, dest)
	cmd.Env = append(cmd.Env, "CIVITAI_API_TOKEN=")
	oneSentence(t, mustRun(t, cmd, 1), "no API token", "CIVITAI_API_TOKEN")
	nothingIn(t, dest)
	if n := a.Stats().Listing; n != 0 {
		t.Errorf("%d requests were made", n)
	}
}

func TestTokenSources(t *testing.T) {
	t.Parallel()
	a := newAccount(t, sandbox.Options{Workflows: 1})
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte("  Bearer "+testToken+"\r\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name   string
		env    []string
		dotenv string
		args   []string
	}{
		{"CIVITAI_API_TOKEN", []string{"CIVITAI_API_TOKEN=" + testToken}, "", nil},
		{"CIVITAI_API_KEY", []string{"CIVITAI_API_KEY=" + testToken}, "", nil},
		{"dotenv", nil, "CIVITAI_API_TOKEN=\"" + testToken + "\"\n", nil},
		{"file before environment", []string{"CIVITAI_API_TOKEN=wrong"}, "", []string{"--token-file", file}},
		{"environment before dotenv", []string{"CIVITAI_API_TOKEN=" + testToken}, "CIVITAI_API_TOKEN=wrong\n", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			cmd := a.archive(t, "archive", c.args...)
			cmd.Env = append(cmd.Env, append([]string{"CIVITAI_API_TOKEN="}, c.env...)...)
			if c.dotenv != "" {
				if err := os.WriteFile(filepath.Join(cmd.Dir, ".env"), []byte(c.dotenv), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			mustRun(t, cmd, 0)
		})
	}
}

func TestBadCommandLines(t *testing.T) {
	t.Parallel()
	a := newAccount(t, sandbox.Options{Workflows: 1})
	for _, c := range []struct {
		args []string
		says string
	}{
		{[]string{"--from=yesterday"}, `"yesterday" is no date`},
		{[]string{"--to=2026-13-01"}, `"2026-13-01" is no date`},
		{[]string{"--from=2026-08-10", "--to=2026-08-09"}, "--from is later than --to"},
		{[]string{"--bwlimit=fast"}, `"fast" is no size`},
		{[]string{"--segments=0"}, "--segments must be from 1 to 16"},
		{[]string{"--workers=0"}, "--workers must be"},
		{[]string{"--page-size=5000"}, "--page-size must be"},
		{[]string{"--limit=-1"}, "--limit must not be negative"},
		{[]string{"--rate=-2"}, "--rate and --blob-rate must not be negative"},
		{[]string{"--workflow="}, "--workflow needs the id"},
		{[]string{"--rate=NaN"}, "--rate and --blob-rate must not be negative"},
		{[]string{"--workflow=x", "--tag=y"}, "--workflow names the workflows"},
		{[]string{"--no-such-flag"}, "unknown flag --no-such-flag"},
		{[]string{"--token=secret"}, "unknown flag --token"},
		{[]string{"--log-level=loud"}, "--log-level must be one of"},
	} {
		t.Run(c.args[0], func(t *testing.T) {
			cmd := a.archive(t, "archive", c.args...)
			oneSentence(t, mustRun(t, cmd, 2), c.says)
			nothingIn(t, filepath.Join(cmd.Dir, "archive"))
		})
	}
	if n := a.Stats().Listing; n != 0 {
		t.Errorf("%d requests were made", n)
	}
}

func TestDestThatCannotBe(t *testing.T) {
	t.Parallel()
	a := newAccount(t, sandbox.Options{Workflows: 1})
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, []byte("mine"), 0o644); err != nil {
		t.Fatal(err)
	}
	t.Run("a file", func(t *testing.T) {
		oneSentence(t, mustRun(t, a.archive(t, file), 1), file, "is a file")
		if data, err := os.ReadFile(file); err != nil || string(data) != "mine" {
			t.Errorf("the file was touched: %q, %v", data, err)
		}
	})
	t.Run("below a file", func(t *testing.T) {
		oneSentence(t, mustRun(t, a.archive(t, filepath.Join(file, "archive")), 1), file)
	})
	t.Run("unwritable", func(t *testing.T) {
		if runtime.GOOS == "windows" || os.Geteuid() == 0 {
			t.Skip("needs a user whom permissions bind; see TestUnwritableDestAsRoot")
		}
		if err := os.Chmod(dir, 0o555); err != nil {
			t.Fatal(err)
		}
		oneSentence(t, mustRun(t, a.archive(t, filepath.Join(dir, "archive")), 1), "permission denied")
	})
}

// mountTmpfs mounts a small file system of its own, as far as the machine allows.
func mountTmpfs(t *testing.T, options string) string {
	t.Helper()
	if runtime.GOOS != "linux" || os.Geteuid() != 0 {
		t.Skip("needs Linux and root, to mount a tmpfs")
	}
	dir := t.TempDir()
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", options, "tmpfs", dir).CombinedOutput(); err != nil {
		t.Skipf("needs leave to mount a tmpfs: %v: %s", err, out)
	}
	t.Cleanup(func() {
		if out, err := exec.Command("umount", dir).CombinedOutput(); err != nil {
			t.Errorf("umount: %v: %s", err, out)
		}
	})
	return dir
}

func TestUnwritableDestAsRoot(t *testing.T) {
	a := newAccount(t, sandbox.Options{Workflows: 1})
	dir := mountTmpfs(t, "ro,size=1m")
	oneSentence(t, mustRun(t, a.archive(t, filepath.Join(dir, "archive")), 1), "read-only file system")
}

func TestFullDiskLosesNothing(t *testing.T) {
	a := newAccount(t, sandbox.Options{Workflows: 100})
	dir := mountTmpfs(t, "size=16m")
	dest := filepath.Join(dir, "archive")
	r := mustRun(t, a.archive(t, dest), 1)
	oneSentence(t, r, "free some")

	// With room again, the same command completes the archive.
	if out, err := exec.Command("mount", "-o", "remount,size=512m", dir).CombinedOutput(); err != nil {
		t.Fatalf("remount: %v: %s", err, out)
	}
	mustRun(t, a.archive(t, dest), 0)
	checkWhole(t, a, dest)
	checkSidecars(t, a, dest)
}

func TestSecondRunAtOnceIsToldWhoHoldsTheArchive(t *testing.T) {
	t.Parallel()
	a := newAccount(t, sandbox.Options{Workflows: 40})
	dest := filepath.Join(t.TempDir(), "archive")
	mustRun(t, a.archive(t, dest, "--limit=1"), 0)
	a.SetFaults(sandbox.Faults{BytesPerSecond: 1000})

	holder := a.archive(t, dest, "--json")
	out, err := holder.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := holder.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = holder.Process.Kill(); _ = holder.Wait() }()
	if _, err := out.Read(make([]byte, 1)); err != nil { // its first event: it is at work
		t.Fatal(err)
	}
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	oneSentence(t, mustRun(t, a.archive(t, dest), 1), fmt.Sprintf("process %d", holder.Process.Pid), host)
	mustRun(t, a.program(t, "status", dest), 0) // readers are not kept out
}

// TestSecretsAreWrittenNowhere looks for the token and for signatures in all that a run
// leaves or says, at debug level, with a server that misbehaves.
func TestSecretsAreWrittenNowhere(t *testing.T) {
	t.Parallel()
	a := newAccount(t, sandbox.Options{Workflows: 24, Faults: sandbox.Faults{
		Every5xx: 7, EveryReset: 11, TruncateContent: 5, HTMLContent: 9, Blob429: 40, Every429: 3,
	}})
	for _, format := range []string{"text", "json"} {
		dest := filepath.Join(t.TempDir(), "archive")
		r := run(t, a.archive(t, dest, "--log-level=debug", "--log-format="+format, "--json"))
		if r.code != 0 && r.code != 3 {
			t.Fatalf("exit code %d:\n%s", r.code, r.stderr)
		}
		status := mustRun(t, a.program(t, "status", dest, "--json"), 0)
		said := map[string][]byte{"stdout": []byte(r.stdout), "stderr": []byte(r.stderr), "status": []byte(status.stdout)}
		if !strings.Contains(r.stderr, "DEBUG") {
			t.Errorf("no debug lines in the log")
		}
		for name, data := range files(t, dest) {
			said[name] = data
		}
		for name, data := range said {
			for _, secret := range []string{testToken, "sig=", "sig%3D", "sig\\u003d"} {
				if bytes.Contains(data, []byte(secret)) {
					t.Errorf("%s holds %q", name, secret)
				}
			}
		}
	}
	if n := a.Stats().TokenLeaks; n != 0 {
		t.Errorf("the token went where it does not belong %d times", n)
	}
}

func TestStatusTellsWhatIsThere(t *testing.T) {
	t.Parallel()
	a := newAccount(t, sandbox.Options{})
	dest := filepath.Join(t.TempDir(), "archive")
	cmd := a.program(t, "status", dest)
	oneSentence(t, mustRun(t, cmd, 1), "no archive")
	nothingIn(t, dest)
	s := summaryOf(t, mustRun(t, a.archive(t, dest, "--json"), 0))

	var st struct {
		Totals struct {
			Workflows, Open int64
			States          map[string]struct{ Blobs int64 }
		}
	}
	r := mustRun(t, a.program(t, "status", dest, "--json"), 0)
	if err := json.Unmarshal([]byte(r.stdout), &st); err != nil {
		t.Fatal(err)
	}
	for state, want := range map[string]int64{"kept": s.Kept, "skipped": s.Skipped, "withheld": s.Withheld, "gone": s.Gone, "failed": s.Failed, "pending": s.Pending} {
		if got := st.Totals.States[state].Blobs; got != want {
			t.Errorf("status says %d %s, the run %d", got, state, want)
		}
	}
	if st.Totals.Workflows != s.Workflows || st.Totals.Open != s.Open {
		t.Errorf("status says %d workflows, %d open; the run %d, %d", st.Totals.Workflows, st.Totals.Open, s.Workflows, s.Open)
	}
}
