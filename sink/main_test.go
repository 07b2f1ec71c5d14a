package sink

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func openDir(t *testing.T, dir string) *Dir {
	t.Helper()
	d, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return d
}

func begin(t *testing.T, d *Dir, key string) *partial {
	t.Helper()
	w, err := d.Begin(key)
	if err != nil {
		t.Fatal(err)
	}
	p := w.(*partial)
	t.Cleanup(func() { _ = p.file.Close() }) // where the test itself has not ended it
	return p
}

func write(t *testing.T, w Writer, data []byte) {
	t.Helper()
	if n, err := w.Write(data); n != len(data) || err != nil {
		t.Fatalf("wrote %d of %d bytes: %v", n, len(data), err)
	}
}

func expect(t *testing.T, w Writer, validator string, size int64) {
	t.Helper()
	if err := w.Expect(validator, size); err != nil {
		t.Fatal(err)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// finished is a writer that waits for Commit.
func finished(t *testing.T, d *Dir, key string, data []byte) *partial {
	t.Helper()
	p := begin(t, d, key)
	write(t, p, data)
	must(t, p.Finish())
	return p
}

func commit(t *testing.T, d *Dir, files ...File) {
	t.Helper()
	must(t, d.Commit(context.Background(), files))
}

// content is n bytes that no other seed gives.
func content(seed uint64, n int) []byte {
	data := make([]byte, n)
	rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8)}).Read(data)
	return data
}

func sumOf(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// files lists the regular files and links below dir, slash-separated and sorted.
func files(t *testing.T, dir string) []string {
	t.Helper()
	var all []string
	err := filepath.WalkDir(dir, func(p string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		rel, err := filepath.Rel(dir, p)
		all = append(all, filepath.ToSlash(rel))
		return err
	})
	must(t, err)
	return all
}

func wantFiles(t *testing.T, dir string, want ...string) {
	t.Helper()
	slices.Sort(want)
	if got := files(t, dir); !slices.Equal(got, want) {
		t.Errorf("files of the folder:\n\t%s\nwant\n\t%s", strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
	}
}

// wantArchive checks that the sink holds these files and nothing besides, not even
// partials.
func wantArchive(t *testing.T, dir string, want map[string][]byte) {
	t.Helper()
	wantFiles(t, dir, slices.Collect(maps.Keys(want))...)
	for name, data := range want {
		got, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(name)))
		must(t, err)
		if sumOf(got) != sumOf(data) {
			t.Errorf("%s holds %d bytes with hash %s, want %d with %s", name, len(got), sumOf(got), len(data), sumOf(data))
		}
	}
}

func symlink(t *testing.T, target, link string) {
	t.Helper()
	if err := os.Symlink(target, link); err != nil {
		t.Skipf("this system or user makes no symbolic links: %v", err)
	}
}
