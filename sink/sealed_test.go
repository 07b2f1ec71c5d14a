package sink

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"civitar/internal/durable"
)

func TestSealedFilesAreTheirPlaintextAgainWhenOpened(t *testing.T) {
	t.Parallel()
	for name, size := range map[string]int{"empty": 0, "a byte": 1, "one piece": 64 << 10, "and a byte more": 64<<10 + 1,
		"larger than a note's stride": noteEvery + 12345} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir, data := t.TempDir(), prose(size)
			d, v := openSealing(t, dir)
			w := beginSealed(t, d, "key")
			expect(t, w, `"etag"`, int64(size))
			for chunk := range slices.Chunk(data, 50_000) {
				write(t, w, chunk)
			}
			if w.Offset() != int64(size) || w.Sum() != sumOf(data) {
				t.Errorf("offset %d, hash %s; want %d, %s of the plaintext", w.Offset(), w.Sum(), size, sumOf(data))
			}
			wantFiles(t, dir, path.Join(partialDir, w.file.name)) // no note: nobody could go on with it
			wantNoPlaintext(t, dir)
			must(t, w.Finish())
			commit(t, d, File{Writer: w, Path: "media/a.age"})

			wantFiles(t, dir, "media/a.age")
			wantNoPlaintext(t, dir)
			stored, err := os.ReadFile(filepath.Join(dir, "media", "a.age"))
			must(t, err)
			if n, sum := w.Stored(); n != int64(len(stored)) || sum != sumOf(stored) || n <= int64(size) {
				t.Errorf("stored %d bytes with hash %s, the file has %d with %s", n, sum, len(stored), sumOf(stored))
			}
			if got := v.opened(t, filepath.Join(dir, "media", "a.age")); !bytes.Equal(got, data) {
				t.Errorf("opened, it holds %d bytes with hash %s; want %d with %s", len(got), sumOf(got), size, sumOf(data))
			}
			if n := d.reserved.Load(); n != 0 {
				t.Errorf("%d bytes are still reserved", n)
			}
		})
	}
}

func TestStoredOfAPlainFileIsWhatWasWritten(t *testing.T) {
	t.Parallel()
	p := finished(t, openDir(t, t.TempDir()), "key", prose(1000))
	if n, sum := p.Stored(); n != 1000 || sum != sumOf(prose(1000)) {
		t.Errorf("stored %d bytes with hash %s", n, sum)
	}
	must(t, p.Discard())
}

func TestHeadOfASealedFileIsItsPlaintext(t *testing.T) {
	t.Parallel()
	d, _ := openSealing(t, t.TempDir())
	w := beginSealed(t, d, "key")
	data := content(1, 3*headKept)
	for _, tt := range []struct{ written, ask, want int }{{0, 10, 0}, {4, 10, 4}, {500, 10, 10}, {headKept - 1, 2 * headKept, headKept - 1},
		{3 * headKept, 3072, 3072}, {3 * headKept, 3 * headKept, headKept}} {
		write(t, w, data[w.Offset():tt.written])
		got, err := w.Head(tt.ask)
		if err != nil || !bytes.Equal(got, data[:tt.want]) {
			t.Errorf("head of %d at offset %d: %d bytes, %v; want %d", tt.ask, tt.written, len(got), err, tt.want)
		}
		clear(got) // it is the caller's
	}
	must(t, w.Discard())
}

func TestResetOfASealedFileBeginsAnother(t *testing.T) {
	t.Parallel()
	for _, before := range []int{0, 10, 200_000} {
		dir := t.TempDir()
		d, v := openSealing(t, dir)
		w := beginSealed(t, d, "key")
		expect(t, w, "v1", 1<<20)
		write(t, w, content(1, before))
		must(t, w.Reset())
		if validator, size := w.Resume(); w.Offset() != 0 || validator != "" || size != -1 || w.Sum() != sumOf(nil) {
			t.Errorf("after Reset: offset %d, validator %q, size %d, hash %s", w.Offset(), validator, size, w.Sum())
		}
		if head, err := w.Head(10); len(head) > 0 || err != nil {
			t.Errorf("after Reset the head is %q, %v", head, err)
		}
		write(t, w, []byte("short"))
		must(t, w.Finish())
		commit(t, d, File{Writer: w, Path: "a"})
		if got := v.opened(t, filepath.Join(dir, "a")); string(got) != "short" {
			t.Errorf("opened, it holds %d bytes", len(got))
		}
	}
}

// A transfer goes on over another connection, within the run.
func TestSealedBytesAreGoneOnWithInTheRun(t *testing.T) {
	t.Parallel()
	dir, data := t.TempDir(), content(1, 300_000)
	d, v := openSealing(t, dir)
	w := beginSealed(t, d, "key")
	for _, end := range []int{100_001, 100_001, 250_000, len(data)} {
		expect(t, w, `"etag"`, int64(len(data)))
		if left, want := d.reserved.Load(), int64(len(data))-w.Offset(); left < want || left > want+1<<10 {
			t.Errorf("%d bytes are reserved at offset %d, want %d", left, w.Offset(), want)
		}
		write(t, w, data[w.Offset():end])
		if validator, size := w.Resume(); validator != `"etag"` || size != int64(len(data)) || w.Offset() != int64(end) {
			t.Errorf("resume at %d: %q, %d; want %d", w.Offset(), validator, size, end)
		}
	}
	must(t, w.Finish())
	commit(t, d, File{Writer: w, Path: "a"})
	if got := v.opened(t, filepath.Join(dir, "a")); !bytes.Equal(got, data) {
		t.Errorf("opened, it holds %d bytes, want %d", len(got), len(data))
	}
}

// killed leaves a sealed partial for key in dir, as a process does that is killed.
func killed(t *testing.T, dir, key string, data []byte) {
	t.Helper()
	d, _ := openSealing(t, dir)
	w := beginSealed(t, d, key)
	expect(t, w, "v", -1)
	write(t, w, data)
	must(t, w.out.Flush())
	must(t, w.file.file.Close())
}

func TestNeitherSortTakesOverTheOther(t *testing.T) {
	t.Parallel()
	data := prose(2 * noteFrom)
	leave := map[string]func(*testing.T, string){
		"plain, suspended": func(t *testing.T, dir string) { suspended(t, dir, "key", data) },
		"plain, killed": func(t *testing.T, dir string) {
			must(t, os.WriteFile(bytesOf(dir, "key"), data[:noteFrom], 0o666))
		},
		"a note alone":   func(t *testing.T, dir string) { must(t, os.WriteFile(noteOf(dir, "key"), []byte("{}"), 0o666)) },
		"sealed, killed": func(t *testing.T, dir string) { killed(t, dir, "key", data) },
	}
	for name, plant := range leave {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			must(t, os.MkdirAll(filepath.Join(dir, filepath.FromSlash(partialDir)), 0o777))
			plant(t, dir)
			d, v := openSealing(t, dir)
			w := beginSealed(t, d, "key")
			if validator, size := w.Resume(); w.Offset() != 0 || validator != "" || size != -1 {
				t.Errorf("took up offset %d, validator %q, size %d", w.Offset(), validator, size)
			}
			wantFiles(t, dir, path.Join(partialDir, w.file.name))
			wantNoPlaintext(t, dir)
			write(t, w, data)
			must(t, w.Finish())
			commit(t, d, File{Writer: w, Path: "a"})
			wantFiles(t, dir, "a")
			if got := v.opened(t, filepath.Join(dir, "a")); !bytes.Equal(got, data) {
				t.Errorf("opened, it holds %d bytes", len(got))
			}
		})
	}
	t.Run("sealed, killed, then plain", func(t *testing.T) {
		dir := t.TempDir()
		killed(t, dir, "key", data)
		d := openDir(t, dir)
		complete(t, d, begin(t, d, "key"), data)
		wantArchive(t, dir, map[string][]byte{"a": data})
	})
	t.Run("plain, suspended in the same run", func(t *testing.T) {
		dir := t.TempDir()
		d, _ := openSealing(t, dir)
		p := begin(t, d, "key")
		expect(t, p, "v", -1)
		write(t, p, data)
		must(t, p.Suspend())
		w := beginSealed(t, d, "key")
		wantFiles(t, dir, path.Join(partialDir, w.file.name))
		must(t, w.Suspend())
		wantFiles(t, dir)
	})
}

func TestNothingOfASealedFileOutlivesItsWriter(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(*sealed) error{
		"Suspend":                  (*sealed).Suspend,
		"Discard":                  (*sealed).Discard,
		"Finish and Discard":       func(w *sealed) error { return errors.Join(w.Finish(), w.Discard()) },
		"a Commit that has failed": func(w *sealed) error { return errors.Join(w.Finish(), failedCommit(w), w.Discard()) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			d, _ := openSealing(t, dir)
			w := beginSealed(t, d, "key")
			expect(t, w, `"etag"`, 2*noteEvery)
			write(t, w, prose(noteEvery+1))
			must(t, end(w))
			wantFiles(t, dir)
			if n := d.reserved.Load(); n != 0 {
				t.Errorf("%d bytes are still reserved", n)
			}
			if w = beginSealed(t, d, "key"); w.Offset() != 0 {
				t.Errorf("the next takes up %d bytes", w.Offset())
			}
			must(t, w.Discard())
		})
	}
}

func failedCommit(w *sealed) error {
	if err := w.file.dir.Commit(context.Background(), []File{{Writer: w, Path: "../out"}}); err == nil {
		return errors.New("a path out of the sink was committed")
	}
	return nil
}

// What a crash leaves at any step holds no plaintext, and the next run begins anew.
func TestACrashLeavesNoPlaintext(t *testing.T) {
	t.Parallel()
	data := prose(200_000)
	v := newVault(t)
	atEveryStep(t, func(*testing.T, string) {}, func(t *testing.T, d *Dir) error {
		d.sealer = v
		w, err := d.BeginSealed("key")
		if err != nil {
			return err
		}
		t.Cleanup(func() { _ = w.(*sealed).file.file.Close() })
		err = w.Expect("v", int64(len(data)))
		for chunk := range slices.Chunk(data, 30_000) {
			if err == nil {
				_, err = w.Write(chunk)
			}
		}
		if err == nil {
			err = w.Finish()
		}
		if err == nil {
			err = d.Commit(context.Background(), []File{{Writer: w, Path: "media/a"}})
		}
		return err
	}, func(t *testing.T, dir string, done bool) {
		wantNoPlaintext(t, dir)
		if name := filepath.Join(dir, "media", "a"); done || slices.Contains(files(t, dir), "media/a") {
			if got := v.opened(t, name); !bytes.Equal(got, data) {
				t.Errorf("under its name it holds %d bytes", len(got))
			}
		}
		must(t, Leftovers(rootOf(t, dir), func(l Leftover) error {
			if !l.Stale(l.Time) || !IsPartial(l.Path) {
				t.Errorf("a run may go on with %+v", l)
			}
			return nil
		}))
		openDir(t, dir)
		for _, name := range files(t, dir) {
			if strings.HasPrefix(name, partialDir) {
				t.Errorf("%s is left when the folder is opened again", name)
			}
		}
	})
}

func rootOf(t *testing.T, dir string) *os.Root {
	t.Helper()
	root, err := os.OpenRoot(dir)
	must(t, err)
	t.Cleanup(func() { must(t, root.Close()) })
	return root
}

func TestWrongUseOfASealedFileIsAnError(t *testing.T) {
	t.Parallel()
	if _, err := openDir(t, t.TempDir()).BeginSealed("key"); err == nil {
		t.Error("sealed without a sealer")
	}
	dir := t.TempDir()
	d, _ := openSealing(t, dir)
	w := beginSealed(t, d, "key")
	if err := d.Commit(context.Background(), []File{{Writer: w, Path: "a"}}); err == nil {
		t.Error("a file was committed before its end was written")
	}
	must(t, w.Finish())
	if _, err := w.Write([]byte("more")); !errors.Is(err, os.ErrClosed) {
		t.Errorf("Write after Finish: %v, want %v", err, os.ErrClosed)
	}
	if err := w.Finish(); !errors.Is(err, os.ErrClosed) {
		t.Errorf("Finish after Finish: %v, want %v", err, os.ErrClosed)
	}
	must(t, w.Discard())
	if err := w.Reset(); !errors.Is(err, os.ErrClosed) {
		t.Errorf("Reset after Discard: %v, want %v", err, os.ErrClosed)
	}
	if _, err := w.Write([]byte("more")); !errors.Is(err, os.ErrClosed) {
		t.Errorf("Write after Discard: %v, want %v", err, os.ErrClosed)
	}
	wantFiles(t, dir)
}

func TestFaultsOfTheSealerAreTold(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	d, err := Open(dir, WithSealer(brokenSealer{atStart: true}))
	must(t, err)
	if _, err := d.BeginSealed("key"); !errors.Is(err, errBroken) {
		t.Errorf("BeginSealed: %v, want %v", err, errBroken)
	}
	wantFiles(t, dir)
	d.sealer = brokenSealer{}
	w := beginSealed(t, d, "key")
	if err := w.Finish(); !errors.Is(err, errBroken) {
		t.Errorf("Finish: %v, want %v", err, errBroken)
	}
	if err := d.Commit(context.Background(), []File{{Writer: w, Path: "a"}}); err == nil {
		t.Error("a file was committed whose end could not be written")
	}
	must(t, w.Discard())
	wantFiles(t, dir)
	must(t, d.Close())
}

// A power cut must not bring back the plaintext that was there before.
func TestRemovedPlaintextIsGoneForGood(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	suspended(t, dir, "key", prose(2*noteFrom))
	k := &disk{}
	d, _ := openSealing(t, dir, WithHook(k.hook))
	from := len(k.steps)
	must(t, beginSealed(t, d, "key").Discard())
	name := partialName("key")
	want := []string{"remove " + name, "remove " + name + noteExt, string(durable.SyncDir) + " ."}
	if got := k.steps[from:]; len(got) < 3 || !slices.Equal(got[:3], want) {
		t.Errorf("steps %v, want first %v", got, want)
	}
}
