package sink

import (
	"errors"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// smallDisk is a folder on a file system of its own, of 1 MiB.
func smallDisk(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=1m"); err != nil {
		t.Skipf("only root can mount a small file system: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Errorf("unmount %s: %v", dir, err)
		}
	})
	return dir
}

func TestFullDiskIsToldAsSuch(t *testing.T) {
	t.Parallel()
	data := content(1, 2<<20)
	tests := []struct {
		name string
		act  func(*testing.T, *Dir, *partial) error
	}{
		{"by Expect, before a byte comes", func(t *testing.T, _ *Dir, p *partial) error { return p.Expect("v", 2<<20) }},
		{"by Write", func(_ *testing.T, _ *Dir, p *partial) error {
			n, err := p.Write(data)
			if int64(n) != p.Offset() || p.Sum() != sumOf(data[:n]) {
				t.Errorf("offset %d and its hash do not fit the %d bytes written", p.Offset(), n)
			}
			return err
		}},
		{"by Suspend, whose note has no room", func(t *testing.T, _ *Dir, p *partial) error {
			expect(t, p, "v", -1)
			if _, err := p.Write(data); !errors.Is(err, ErrNoSpace) {
				t.Errorf("Write: %v", err)
			}
			return p.Suspend()
		}},
		{"by Begin of another", func(t *testing.T, d *Dir, p *partial) error {
			if _, err := p.Write(data); !errors.Is(err, ErrNoSpace) {
				t.Errorf("Write: %v", err)
			}
			_, err := begin(t, d, "other").Write(data)
			return err
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := smallDisk(t)
			d, err := Open(dir)
			must(t, err)
			p := begin(t, d, "key")
			if err := tt.act(t, d, p); !errors.Is(err, ErrNoSpace) {
				t.Errorf("%v, want %v", err, ErrNoSpace)
			}
			_ = p.Discard()
			must(t, d.Discard("other"))
			must(t, d.Close())

			// With room again, everything works.
			d, err = Open(dir)
			must(t, err)
			defer d.Close()
			for _, key := range []string{"key", "other"} {
				must(t, d.Discard(key))
			}
			p = finished(t, d, "key", data[:1000])
			commit(t, d, File{Writer: p, Path: "a"})
			wantArchive(t, dir, map[string][]byte{"a": data[:1000]})
		})
	}
}

func TestFullDiskIsToldOfSealedFiles(t *testing.T) {
	t.Parallel()
	dir := smallDisk(t)
	d, v := openSealing(t, dir)
	w := beginSealed(t, d, "key")
	if err := w.Expect("v", 2<<20); !errors.Is(err, ErrNoSpace) {
		t.Errorf("Expect: %v, want %v", err, ErrNoSpace)
	}
	if _, err := w.Write(content(1, 2<<20)); !errors.Is(err, ErrNoSpace) {
		t.Errorf("Write: %v, want %v", err, ErrNoSpace)
	}
	if err := w.Finish(); !errors.Is(err, ErrNoSpace) {
		t.Errorf("Finish: %v, want %v", err, ErrNoSpace)
	}
	must(t, w.Discard())
	wantFiles(t, dir)

	w = beginSealed(t, d, "key") // with room again
	write(t, w, []byte("bytes"))
	must(t, w.Finish())
	commit(t, d, File{Writer: w, Path: "a"})
	if got := v.opened(t, filepath.Join(dir, "a")); string(got) != "bytes" {
		t.Errorf("opened, it holds %q", got)
	}
	must(t, d.Close())
}

func TestFullDiskIsToldOfCopies(t *testing.T) {
	t.Parallel()
	dir := smallDisk(t)
	d := linkless().open(t, dir)
	data := content(1, 700<<10)
	commit(t, d, File{Writer: finished(t, d, "key", data), Path: "a"})
	if err := d.Move(t.Context(), []Move{{"a", "b"}}); !errors.Is(err, ErrNoSpace) {
		t.Errorf("Move: %v, want %v", err, ErrNoSpace)
	}
	wantArchive(t, dir, map[string][]byte{"a": data})
	must(t, d.Close())
}
