package main

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"civitar/internal/sandbox"
)

// names are the files of an archive below a folder, sorted.
func names(t *testing.T, dest, folder string) []string {
	t.Helper()
	all := slices.Sorted(maps.Keys(files(t, filepath.Join(dest, folder))))
	for i := range all {
		all[i] = folder + "/" + all[i]
	}
	return all
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// harm does every kind of damage, and returns the bytes that a user might miss.
func harm(t *testing.T, dest string) (mine [][]byte) {
	t.Helper()
	media, sidecars := names(t, dest, "media"), names(t, dest, "workflows")
	at := func(name string) string { return filepath.Join(dest, filepath.FromSlash(name)) }
	replace := func(name, data string) {
		must(t, os.WriteFile(at(name), []byte(data), 0o666))
		mine = append(mine, []byte(data))
	}
	must(t, os.Remove(at(media[0])))
	replace(media[1], "I have painted over this")
	must(t, os.Truncate(at(media[2]), 1))
	must(t, os.Remove(at(media[3])))
	must(t, os.MkdirAll(at(media[3]+"/mine"), 0o777))
	replace(media[3]+"/mine/note", "a note of mine")
	must(t, os.Remove(at(sidecars[0])))
	replace(sidecars[1], "{ no JSON at all")
	replace("mine.txt", "not of this archive")
	must(t, os.WriteFile(at(".civitar/partial/0123456789abcdef0123456789abcdef"), []byte("left"), 0o666))
	must(t, os.Remove(at(".civitar/index.db")))
	must(t, os.WriteFile(at(".civitar/manifest.json"), []byte("{"), 0o666))

	outside := filepath.Join(t.TempDir(), "outside")
	must(t, os.Mkdir(outside, 0o777))
	last := filepath.Dir(at(media[len(media)-1]))
	must(t, os.RemoveAll(last))
	if err := os.Symlink(outside, last); err != nil {
		t.Logf("this system or user makes no symbolic links: %v", err)
	}
	t.Cleanup(func() {
		if all := files(t, outside); len(all) > 0 {
			t.Errorf("written through a planted link: %v", slices.Collect(maps.Keys(all)))
		}
	})
	return mine
}

func holdsAll(t *testing.T, dest string, mine [][]byte) {
	t.Helper()
	all := files(t, dest)
	for _, data := range mine {
		if !slices.ContainsFunc(slices.Collect(maps.Values(all)), func(have []byte) bool { return bytes.Equal(have, data) }) {
			t.Errorf("a user's bytes are lost: %q", data)
		}
	}
}

func TestRepairMakesTheArchiveWhole(t *testing.T) {
	t.Parallel()
	a := newAccount(t, sandbox.Options{Workflows: 30})
	whole := filepath.Join(t.TempDir(), "whole")
	mustRun(t, a.archive(t, whole), 0)
	want := kept(t, whole)
	for name, damage := range map[string]func(t *testing.T, dest string){
		"files": func(*testing.T, string) {},
		"files and a line": func(t *testing.T, dest string) {
			name := filepath.Join(dest, ".civitar", "journal", "000001.jsonl")
			data, err := os.ReadFile(name)
			must(t, err)
			lines := bytes.SplitAfter(data, []byte("\n"))
			// Not of a file that holds a user's bytes: without its line, it would be a foreign one
			// in the place of a result.
			media, sidecars := names(t, whole, "media"), names(t, whole, "workflows")
			at := len(lines) / 2
			for slices.ContainsFunc([]string{media[1], media[3], sidecars[1]}, func(name string) bool { return bytes.Contains(lines[at], []byte(name)) }) {
				at++
			}
			lines[at][0] = 'x'
			must(t, os.WriteFile(name, bytes.Join(lines, nil), 0o666))
		},
		"files and the header": func(t *testing.T, dest string) {
			name := filepath.Join(dest, ".civitar", "journal", "000001.jsonl")
			data, err := os.ReadFile(name)
			must(t, err)
			data[0] = 'x'
			must(t, os.WriteFile(name, data, 0o666))
		},
	} {
		t.Run(name, func(t *testing.T) {
			dest := filepath.Join(t.TempDir(), "archive")
			must(t, os.CopyFS(dest, os.DirFS(whole)))
			mine := harm(t, dest)
			damage(t, dest)
			mustRun(t, a.program(t, "verify", dest), 3)
			r := mustRun(t, a.program(t, "repair", dest, "--rate=0", "--blob-rate=0"), 0)
			holdsAll(t, dest, mine)
			left := kept(t, dest)
			if left["mine.txt"] == "" {
				t.Error("a foreign file was moved")
			}
			delete(left, "mine.txt")
			sameKept(t, left, want)
			must(t, os.Remove(filepath.Join(dest, "mine.txt")))
			if v := run(t, a.program(t, "verify", dest)); v.code != 0 {
				t.Errorf("verify after repair:\n%s%s\nrepair said:\n%s", v.stdout, v.stderr, r.stdout)
			}
			mustRun(t, a.archive(t, dest), 0)
			sameKept(t, kept(t, dest), want)
		})
	}
}

func TestRepairSaysWhatCannotBeRestored(t *testing.T) {
	t.Parallel()
	a := newAccount(t, sandbox.Options{Workflows: 20})
	dest := filepath.Join(t.TempDir(), "archive")
	mustRun(t, a.archive(t, dest), 0)
	want := kept(t, dest)
	lost := []string{names(t, dest, "media")[0], names(t, dest, "workflows")[3]}
	for _, name := range lost {
		must(t, os.Remove(filepath.Join(dest, filepath.FromSlash(name))))
		delete(want, name)
	}
	repair := func(from *account, code int) []string {
		t.Helper()
		r := mustRun(t, from.program(t, "repair", dest, "--rate=0", "--blob-rate=0", "--retries=1"), code)
		return strings.Split(r.stdout, "\n")
	}
	count := func(lines []string, word string) (n int) {
		for _, l := range lines {
			if strings.HasPrefix(l, word+" ") {
				n++
			}
		}
		return n
	}
	a.SetFaults(sandbox.Faults{Forbidden: true}) // no verdict: nothing is given up
	if said := repair(a, 1); count(said, "waiting") != 2 {
		t.Errorf("the server refuses to answer, repair says:\n%s", strings.Join(said, "\n"))
	}
	empty := newAccount(t, sandbox.Options{Workflows: -1})
	if said := repair(empty, 3); count(said, "lost") != 2 {
		t.Errorf("the server has nothing, repair says:\n%s", strings.Join(said, "\n"))
	}
	sameKept(t, kept(t, dest), want)
	mustRun(t, a.program(t, "verify", dest), 0) // the record claims no more than there is
	repair(empty, 0)
}

// TestKilledRepairIsTakenUpByTheNext kills repairs before steps by which they change the
// disk. No user's byte is lost, and the next repair makes the archive whole.
func TestKilledRepairIsTakenUpByTheNext(t *testing.T) {
	t.Parallel()
	a := newAccount(t, sandbox.Options{Workflows: 12})
	whole := filepath.Join(t.TempDir(), "whole")
	mustRun(t, a.archive(t, whole), 0)
	want := kept(t, whole)
	for step := 1; step <= 73; step += 6 {
		t.Run(fmt.Sprint(step), func(t *testing.T) {
			t.Parallel()
			dest := filepath.Join(t.TempDir(), "archive")
			must(t, os.CopyFS(dest, os.DirFS(whole)))
			mine := harm(t, dest)
			cmd := a.program(t, "repair", dest, "--rate=0", "--blob-rate=0")
			cmd.Env = append(cmd.Env, fmt.Sprintf("%s=kill %d", diskEnv, step))
			if r := run(t, cmd); r.code != -1 && r.code != 0 {
				t.Errorf("exit code %d\n%s", r.code, r.stderr)
			}
			holdsAll(t, dest, mine)
			mustRun(t, a.program(t, "repair", dest, "--rate=0", "--blob-rate=0"), 0)
			holdsAll(t, dest, mine)
			must(t, os.Remove(filepath.Join(dest, "mine.txt")))
			sameKept(t, kept(t, dest), want)
			mustRun(t, a.archive(t, dest), 0)
			wantClean(t, dest)
		})
	}
}
