package sink

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"civitar/internal/durable"
)

// linkless is a disk whose file system has no links.
func linkless() *disk {
	return &disk{before: func(op durable.Op, _ string) error {
		if op == durable.Link {
			return syscall.EPERM
		}
		return nil
	}}
}

var disks = map[string]func() *disk{"links": func() *disk { return &disk{} }, "copies": linkless}

var ended2026 = time.Date(2026, 8, 10, 22, 37, 15, 0, time.UTC)

// committed brings files of different contents to rest.
func committed(t *testing.T, d *Dir, names ...string) map[string][]byte {
	t.Helper()
	all := map[string][]byte{}
	var group []File
	for i, name := range names {
		all[name] = content(uint64(i), 1000+300_000*(i%2))
		group = append(group, File{Writer: finished(t, d, name, all[name]), Path: name, Time: ended2026})
	}
	commit(t, d, group...)
	return all
}

func read(t *testing.T, dir, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(name)))
	must(t, err)
	return data
}

func put(t *testing.T, dir, name string, data []byte) {
	t.Helper()
	full := filepath.Join(dir, filepath.FromSlash(name))
	must(t, os.MkdirAll(filepath.Dir(full), 0o777))
	must(t, os.WriteFile(full, data, 0o666))
}

func TestMovedFilesStandUnderBothNamesUntilTheOldAreRemoved(t *testing.T) {
	t.Parallel()
	for name, newDisk := range disks {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			k := newDisk()
			d := k.open(t, dir)
			want := committed(t, d, "media/2026-08-10/a.jpg", "media/2026-08-10/b.mp4", "c.txt")
			moves := []Move{{"media/2026-08-10/a.jpg", "media/cats/2026/a.jpg"}, {"media/2026-08-10/b.mp4", "b.mp4"}, {"c.txt", "media/2026-08-10/c.txt"}}
			must(t, d.Move(t.Context(), moves))
			for _, m := range moves {
				want[m.To] = want[m.From]
				info, err := os.Stat(filepath.Join(dir, filepath.FromSlash(m.To)))
				must(t, err)
				if !info.ModTime().Equal(ended2026) {
					t.Errorf("%s was modified at %v, want %v", m.To, info.ModTime(), ended2026)
				}
			}
			wantArchive(t, dir, want)
			must(t, d.Move(t.Context(), moves)) // again, as after a crash
			wantArchive(t, dir, want)
			for _, m := range moves {
				must(t, d.Remove(m.From))
				delete(want, m.From)
			}
			wantArchive(t, dir, want)
		})
	}
}

func TestMovesAreDurableWhenMoveReturns(t *testing.T) {
	t.Parallel()
	for name, newDisk := range disks {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k := newDisk()
			d := k.open(t, t.TempDir())
			committed(t, d, "media/a")
			from := len(k.steps)
			must(t, d.Move(t.Context(), []Move{{"media/a", "x/y/a"}}))
			temp := partialName("x/y/a") + durable.NewExt
			want := []string{"mkdir x", "mkdir x/y", "link x/y/a"}
			if name == "copies" {
				want = append(want, "create "+temp, "write "+temp, "settime "+temp, "sync "+temp, "rename x/y/a")
			}
			got := k.steps[from:]
			if n := len(want); len(got) < n || !slices.Equal(got[:n], want) {
				t.Fatalf("steps %v, want %v first", got, want)
			}
			synced := slices.Sorted(slices.Values(got[len(want):]))
			if want := []string{"syncdir .", "syncdir x", "syncdir x/y"}; !slices.Equal(synced, want) {
				t.Errorf("then %v, want %v", synced, want)
			}
		})
	}
}

func TestMoveOverwritesNothing(t *testing.T) {
	t.Parallel()
	bytesOfA := content(0, 1000)
	other := bytes.Clone(bytesOfA)
	other[999] ^= 1
	tests := map[string]struct {
		plant func(t *testing.T, dir string)
		free  bool // of what would be in the way
		sync  bool // nobody knows that it is durable
	}{
		"the same bytes": {func(t *testing.T, dir string) { put(t, dir, "to/a", bytesOfA) }, true, true},
		"the very file": {func(t *testing.T, dir string) {
			must(t, os.Mkdir(filepath.Join(dir, "to"), 0o777))
			if err := os.Link(filepath.Join(dir, "media", "a"), filepath.Join(dir, "to", "a")); err != nil {
				t.Skipf("this file system has no links: %v", err)
			}
		}, true, false},
		"other bytes":   {func(t *testing.T, dir string) { put(t, dir, "to/a", other) }, false, false},
		"fewer bytes":   {func(t *testing.T, dir string) { put(t, dir, "to/a", bytesOfA[:999]) }, false, false},
		"no bytes":      {func(t *testing.T, dir string) { put(t, dir, "to/a", nil) }, false, false},
		"a folder":      {func(t *testing.T, dir string) { put(t, dir, "to/a/x", nil) }, false, false},
		"a file before": {func(t *testing.T, dir string) { put(t, dir, "to", bytesOfA) }, false, false},
		"a link to the file": {func(t *testing.T, dir string) {
			must(t, os.Mkdir(filepath.Join(dir, "to"), 0o777))
			symlink(t, "../media/a", filepath.Join(dir, "to", "a"))
		}, false, false},
		"a folder linked to the file's": {func(t *testing.T, dir string) { symlink(t, "media", filepath.Join(dir, "to")) }, false, false},
	}
	for name, tt := range tests {
		for kind, newDisk := range disks {
			t.Run(name+", "+kind, func(t *testing.T) {
				t.Parallel()
				dir := t.TempDir()
				k := newDisk()
				d := k.open(t, dir)
				committed(t, d, "media/a")
				tt.plant(t, dir)
				before := listing(t, dir)
				err := d.Move(t.Context(), []Move{{"media/a", "to/a"}})
				if tt.free && err != nil || !tt.free && !errors.Is(err, fs.ErrExist) {
					t.Errorf("Move: %v", err)
				}
				if slices.Contains(k.steps, "sync to/a") != tt.sync {
					t.Errorf("steps %v", k.steps)
				}
				if after := listing(t, dir); !slices.Equal(before, after) {
					t.Errorf("before\n%v\nafter\n%v", before, after)
				}
			})
		}
	}
}

// listing is every file below dir with its hash, or where it leads.
func listing(t *testing.T, dir string) (all []string) {
	t.Helper()
	for _, name := range files(t, dir) {
		if target, err := os.Readlink(filepath.Join(dir, filepath.FromSlash(name))); err == nil {
			all = append(all, name+" -> "+target)
			continue
		}
		all = append(all, name+" "+sumOf(read(t, dir, name)))
	}
	return all
}

func TestMoveAndRemoveRefuseWhatIsNoResult(t *testing.T) {
	t.Parallel()
	top := t.TempDir()
	dir := filepath.Join(top, "archive")
	d := openDir(t, dir)
	committed(t, d, "media/a", "media/B/c")
	put(t, top, "outside", []byte("theirs"))
	put(t, dir, ".civitar/lock", []byte("held"))
	before := listing(t, top)
	for _, name := range []string{"", ".", "/", "/media/a", "../outside", "media/../../outside", "media/../media/a", "./media/a", "media//a", "media/a/",
		".civitar/lock", ".CIVITAR/lock", ".civitar", `media\a`} {
		if err := d.Remove(name); err == nil {
			t.Errorf("Remove of %q: no error", name)
		}
		for _, m := range []Move{{name, "x/y"}, {"media/a", name}} {
			if err := d.Move(t.Context(), []Move{m}); err == nil {
				t.Errorf("Move of %+v: no error", m)
			}
		}
	}
	for _, name := range []string{"media", "media/B"} {
		if err := errors.Join(d.Remove(name), d.Move(t.Context(), []Move{{name, "x/y"}})); err == nil || strings.Count(err.Error(), "no regular file") != 2 {
			t.Errorf("Remove and Move of the folder %s: %v", name, err)
		}
	}
	if err := d.Move(t.Context(), []Move{{"media/none", "x/y"}}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Move of a file that is not there: %v, want %v", err, fs.ErrNotExist)
	}
	for _, to := range []string{"media/a", "media/A", "Media/a"} {
		if err := d.Move(t.Context(), []Move{{"media/a", to}}); err == nil {
			t.Errorf("Move to %s: no error", to)
		}
	}
	if after := listing(t, top); !slices.Equal(before, after) {
		t.Errorf("before\n%v\nafter\n%v", before, after)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 2 {
		t.Errorf("the folder holds %v, %v", entries, err)
	}
}

func TestCancelledMoveEnds(t *testing.T) {
	t.Parallel()
	for _, at := range []durable.Op{durable.Create, durable.Write} {
		t.Run(string(at), func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			k := linkless()
			d := k.open(t, dir)
			want := map[string][]byte{"media/a": content(1, 3*copyBuffer)}
			commit(t, d, File{Writer: finished(t, d, "key", want["media/a"]), Path: "media/a"})
			ctx, cancel := context.WithCancel(t.Context())
			refuse := k.before
			k.before = func(op durable.Op, name string) error {
				if op == at {
					cancel()
				}
				return refuse(op, name)
			}
			if err := d.Move(ctx, []Move{{"media/a", "b"}}); !errors.Is(err, context.Canceled) {
				t.Errorf("Move: %v, want %v", err, context.Canceled)
			}
			wantArchive(t, dir, want)
			n := len(k.steps)
			if err := d.Move(ctx, []Move{{"media/a", "x/b"}}); !errors.Is(err, context.Canceled) || len(k.steps) > n {
				t.Errorf("Move after the end: %v, steps %v", err, k.steps[n:])
			}
		})
	}
}

// A crash at any step of moving files, writing that down and removing the old names leaves
// each file whole where the record says, and what is left to do can be done again.
func TestACrashWhileFilesAreMovedLosesNone(t *testing.T) {
	t.Parallel()
	moves := []Move{{"media/d/a", "by/cat/a"}, {"media/d/b", "by/dog/b"}, {"media/e/c", "media/d/c"}}
	names := func(of func(Move) string) (all []string) {
		for _, m := range moves {
			all = append(all, of(m))
		}
		return all
	}
	from, to := names(func(m Move) string { return m.From }), names(func(m Move) string { return m.To })
	for name, newDisk := range disks {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var written bool
			var want map[string][]byte
			atEveryStepOf(t, newDisk, func(t *testing.T, dir string) {
				d, err := Open(dir)
				must(t, err)
				want, written = committed(t, d, from...), false
				must(t, d.Close())
			}, func(t *testing.T, d *Dir) error {
				if err := d.Move(context.Background(), moves); err != nil {
					return err
				}
				written = true
				return d.Remove(from...)
			}, func(t *testing.T, dir string, done bool) {
				for _, m := range moves {
					stands := m.From
					if written {
						stands = m.To
					}
					if !bytes.Equal(read(t, dir, stands), want[m.From]) {
						t.Errorf("%s is not whole", stands)
					}
				}
				d := openDir(t, dir)
				if !written {
					must(t, d.Move(context.Background(), moves))
				}
				must(t, d.Remove(from...))
				wantFiles(t, dir, to...)
				if _, err := os.Stat(filepath.Join(dir, "media", "e")); !errors.Is(err, fs.ErrNotExist) {
					t.Errorf("the empty folder: %v", err)
				}
			})
		})
	}
}
