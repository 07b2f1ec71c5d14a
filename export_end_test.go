package main

import (
	"bytes"
	"io"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestSeriesOfExports(t *testing.T) {
	t.Parallel()
	a, dest := exportedArchive(t, 30)
	dir := t.TempDir()
	export := func(name string, args ...string) map[string][]byte {
		out := filepath.Join(dir, name)
		mustRun(t, a.program(t, append([]string{"export", dest, "--since-last-export", "--out", out}, args...)...), 0)
		if _, err := os.Stat(out); err != nil {
			return nil
		}
		return contents(t, out)
	}
	before := results(t, dest)
	sameFiles(t, "the first", export("1.tar"), before)
	if got := export("2.tar"); got != nil {
		t.Errorf("%d files are new", len(got))
	}
	if left, err := filepath.Glob(filepath.Join(dir, "2.tar*")); err != nil || len(left) > 0 {
		t.Error(left, err)
	}
	mustRun(t, a.archive(t, dest), 0) // a run that finds nothing new
	a.Add(6)
	mustRun(t, a.archive(t, dest), 0)
	added := results(t, dest)
	maps.DeleteFunc(added, func(name string, data []byte) bool { return bytes.Equal(before[name], data) })
	got := export("3.tar")
	for name := range added {
		if _, ok := got[name]; !ok {
			t.Errorf("%s is new and was left out", name)
		}
	}
	if len(got) > len(added)+20 { // those of workflows that had not ended come again
		t.Errorf("%d files, of which %d are new", len(got), len(added))
	}
	sameFiles(t, "another series", export("other.tar", "--series=other"), results(t, dest))
	// What a choice leaves out would never come in a series that had another one.
	oneSentence(t, mustRun(t, a.program(t, "export", dest, "--since-last-export", "--media=image", "--out", filepath.Join(dir, "4.tar")), 1), "--series")
	images := export("images.tar", "--series=images", "--media=image")
	if len(images) == 0 || len(images) >= len(results(t, dest)) {
		t.Errorf("%d files of images", len(images))
	}
	r := mustRun(t, a.program(t, "export", dest, "--since-last-export", "--out", filepath.Join(dir, "4.tar")), 0)
	if !strings.Contains(r.stdout, "nothing new") {
		t.Error(r.stdout)
	}
	mustRun(t, a.program(t, "verify", dest), 0)
}

func TestFullDiskDuringAnExport(t *testing.T) {
	a, dest := exportedArchive(t, 60)
	dir := mountTmpfs(t, "size=2m")
	for _, args := range [][]string{{"--out", filepath.Join(dir, "a.tar.zst")}, {"--out", filepath.Join(dir, "bag"), "--format=bagit"}} {
		oneSentence(t, mustRun(t, a.program(t, append([]string{"export", dest}, args...)...), 1), "disk is full")
		if left := files(t, dir); len(left) > 0 {
			t.Error("left behind: ", slices.Collect(maps.Keys(left)))
		}
	}
	mustRun(t, a.program(t, "verify", dest), 0)
}

// TestKilledExportsLeaveNoPackage kills exports at any instant.
func TestKilledExportsLeaveNoPackage(t *testing.T) {
	t.Parallel()
	a, dest := exportedArchive(t, 60)
	out := filepath.Join(t.TempDir(), "a.tar.zst")
	mustRun(t, a.program(t, "export", dest, "--out", out), 0)
	want := hashOf(t, out)
	killed := 0
	for i := range 12 {
		name := filepath.Join(t.TempDir(), "a.tar.zst")
		cmd := a.program(t, "export", dest, "--out", name)
		must(t, cmd.Start())
		begun(t, name, int64(i)<<18) // a little further each time
		_ = cmd.Process.Kill()
		if cmd.Wait() != nil {
			killed++
		}
		if _, err := os.Stat(name); err == nil && hashOf(t, name) != want {
			t.Error("a half-written package has its name")
		}
		mustRun(t, a.program(t, "export", dest, "--out", name, "--overwrite"), 0)
		if hashOf(t, name) != want {
			t.Error("the next export is not the same")
		}
	}
	if killed == 0 {
		t.Error("no export was killed")
	}
}

// begun waits until a package has a number of bytes, or its name.
func begun(t *testing.T, name string, size int64) {
	t.Helper()
	for patience := time.Now().Add(time.Minute); time.Now().Before(patience); time.Sleep(time.Millisecond) {
		if info, err := os.Stat(name + ".partial"); err == nil && info.Size() >= size {
			return
		}
		if _, err := os.Stat(name); err == nil {
			return
		}
	}
	t.Fatalf("%s was not begun", name)
}

// TestInterruptedExportsLeaveNothing stops an export that waits for its reader, and one that
// writes a file.
func TestInterruptedExportsLeaveNothing(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("needs a system where a process can be sent an interrupt")
	}
	t.Parallel()
	a, dest := exportedArchive(t, 60)
	dir := t.TempDir()
	for _, c := range []struct{ out, format string }{{"-", "tar"}, {"a.tar", "tar"}, {"bag", "bagit"}} {
		out := filepath.Join(dir, c.out)
		cmd := a.program(t, "export", dest, "--out", out, "--format", c.format)
		if c.out == "-" {
			cmd = a.program(t, "export", dest, "--out=-", "--format", c.format)
		}
		stderr := &bytes.Buffer{}
		cmd.Stderr = stderr
		stdout, err := cmd.StdoutPipe()
		must(t, err)
		must(t, cmd.Start())
		if c.out == "-" { // more than a pipe holds is to come
			_, err := io.ReadFull(stdout, make([]byte, 1<<10))
			must(t, err)
		} else {
			begun(t, out, 0)
		}
		_ = cmd.Process.Signal(os.Interrupt) // it may have ended
		_, _ = io.Copy(io.Discard, stdout)
		_ = cmd.Wait()
		left := slices.Collect(maps.Keys(files(t, dir)))
		switch code := cmd.ProcessState.ExitCode(); {
		case code == 0 && c.out != "-": // it was whole before
			must(t, os.RemoveAll(dir))
			must(t, os.Mkdir(dir, 0o777))
		case code != 130 || !strings.Contains(stderr.String(), "nothing was exported"):
			t.Errorf("%s: exit code %d\n%s", c.out, code, stderr)
		case len(left) > 0:
			t.Errorf("%s: left behind: %v", c.out, left)
		}
	}
}
