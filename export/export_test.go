package export_test

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"civitar/export"
)

// memory is an archive's files by path.
type memory map[string][]byte

func (m memory) Open(_ context.Context, name string) (io.ReadCloser, error) {
	data, ok := m[name]
	if !ok {
		return nil, fs.ErrNotExist
	}
	return io.NopCloser(bytes.NewReader(data)), nil
}

// recorded puts files into m, of bytes that do not compress, and tells what a record says.
func (m memory) recorded(name string, size, n int) []export.File {
	random := rand.NewChaCha8([32]byte{})
	var all []export.File
	for i := range n {
		data := make([]byte, size)
		_, _ = random.Read(data)
		f := export.File{Path: fmt.Sprintf(name, i), Size: int64(size), SHA256: sum(data), Workflow: "w", Blob: "b",
			Created: time.Date(2026, 11, 1, 0, 0, i, 0, time.UTC), Made: export.Made{Prompt: "a \"cat\"\n= ä"}}
		m[f.Path] = data
		all = append(all, f)
	}
	return all
}

func sum(data []byte) string {
	s := sha256.Sum256(data)
	return hex.EncodeToString(s[:])
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func write(t *testing.T, cfg export.Config, files []export.File, from export.Files) (export.Result, error) {
	t.Helper()
	w, err := begin(t, cfg)
	if err != nil {
		return export.Result{}, err
	}
	for _, f := range files {
		if err := w.Add(t.Context(), f, from); err != nil {
			return export.Result{}, errors.Join(err, w.Discard())
		}
	}
	return w.Close(t.Context())
}

// begin begins an export whose name is a path.
func begin(t *testing.T, cfg export.Config) (*export.Writer, error) {
	t.Helper()
	on, err := export.OpenFolder(filepath.Dir(cfg.Out))
	must(t, err)
	t.Cleanup(func() { must(t, on.Close()) })
	cfg.Shelf, cfg.Out = on, filepath.Base(cfg.Out)
	return export.NewWriter(t.Context(), cfg)
}

func names(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	must(t, err)
	var all []string
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return strings.Join(all, " ")
}

// TestNoVolumeIsLargerThanItsSplit packs what costs more around the files than in them.
func TestNoVolumeIsLargerThanItsSplit(t *testing.T) {
	t.Parallel()
	const split = 1 << 20
	for _, c := range []struct {
		out    string
		format export.Format
		size   int
		count  int
	}{
		{"v.zip", export.Zip, 10, 12000}, {"v.tar", export.Tar, 10, 4000}, {"v.tar.zst", export.TarZst, 10, 60000},
		{"v.zip", export.Bag, 10, 8000}, {"v.tar", export.Bag, 10, 3000}, {"v.tar.zst", export.Bag, 300, 8000},
		{"v.zip", export.Zip, 70_000, 40}, {"v.tar.zst", export.TarZst, 70_000, 40}, {"v.tar.zst", export.Bag, 70_000, 40},
		{"v.csv", export.CSV, 1 << 10, 15000}, {"v.jsonl", export.JSONL, 1 << 10, 10000},
	} {
		t.Run(fmt.Sprint(c.format, " ", c.out, " of ", c.size), func(t *testing.T) {
			t.Parallel()
			from := memory{}
			name := "media/2026-11-01/a-name-about-as-long-as-they-are-%06d.jpg"
			if c.size == 300 {
				name = "workflows/2026-11-01/%06d.json"
			}
			files := from.recorded(name, c.size, c.count)
			dir := t.TempDir()
			r, err := write(t, export.Config{Format: c.format, Out: filepath.Join(dir, c.out), Split: split}, files, from)
			must(t, err)
			var whole int64
			for _, v := range r.Volumes {
				info, err := os.Stat(filepath.Join(dir, v.Name))
				must(t, err)
				if info.Size() > split || info.Size() != v.Size {
					t.Errorf("%s has %d bytes, told as %d", v.Name, info.Size(), v.Size)
				}
				whole += v.Size
			}
			if n := int64(len(r.Volumes)); n < 2 || whole < (n-1)*split/3 {
				t.Errorf("%d volumes of %d bytes together", n, whole)
			}
		})
	}
}

func TestManyFilesMakeZip64(t *testing.T) {
	t.Parallel()
	from := memory{}
	files := from.recorded("media/%d.jpg", 1, 66_000) // more than a directory of 16 bits counts
	out := filepath.Join(t.TempDir(), "a.zip")
	_, err := write(t, export.Config{Format: export.Zip, Out: out}, files, from)
	must(t, err)
	data, err := os.ReadFile(out)
	must(t, err)
	if !bytes.Contains(data[len(data)-98:], []byte("PK\x06\x06")) {
		t.Error("there is no end of a zip64 directory")
	}
	z, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	must(t, err)
	if len(z.File) != len(files) {
		t.Errorf("%d files", len(z.File))
	}
}

func TestNothingIsReplacedUnasked(t *testing.T) {
	t.Parallel()
	from := memory{}
	files := from.recorded("media/%d.jpg", 600_000, 4)
	for _, there := range []string{"a-001.zip", "a-003.zip", "a.zip.sha256", "a.zip.manifest.json"} {
		dir := t.TempDir()
		must(t, os.WriteFile(filepath.Join(dir, there), []byte("mine"), 0o666))
		_, err := write(t, export.Config{Format: export.Zip, Out: filepath.Join(dir, "a.zip"), Split: 1 << 20}, files, from)
		var exists *export.ExistsError
		if !errors.As(err, &exists) || filepath.Base(exists.Name) != there {
			t.Errorf("%s: %v", there, err)
		}
		if got := names(t, dir); got != there {
			t.Errorf("left behind: %s", got)
		}
	}
}

func TestOverwriteReplacesAllVolumes(t *testing.T) {
	t.Parallel()
	from := memory{}
	files := from.recorded("media/%d.jpg", 600_000, 4)
	dir := t.TempDir()
	cfg := export.Config{Format: export.Tar, Out: filepath.Join(dir, "a.tar"), Split: 1 << 20, Overwrite: true}
	for n := 4; n >= 1; n -= 3 {
		r, err := write(t, cfg, files[:n], from)
		must(t, err)
		want := "a.tar.manifest.json a.tar.sha256"
		for i := n; i >= 1; i-- {
			want = fmt.Sprintf("a-%03d.tar ", i) + want
		}
		if got := names(t, dir); got != want || len(r.Volumes) != n {
			t.Errorf("%d volumes: %s", len(r.Volumes), got)
		}
	}
	cfg = export.Config{Format: export.Bag, Out: filepath.Join(dir, "bag"), Overwrite: true}
	for n := 4; n >= 1; n -= 3 {
		_, err := write(t, cfg, files[:n], from)
		must(t, err)
		if got := strings.Fields(names(t, filepath.Join(dir, "bag", "data", "media"))); len(got) != n {
			t.Errorf("the bag holds %v", got)
		}
	}
}

func TestTwoExportsDoNotWriteOnePackage(t *testing.T) {
	t.Parallel()
	from := memory{}
	files := from.recorded("media/%d.jpg", 100, 2)
	dir := t.TempDir()
	cfg := export.Config{Format: export.Tar, Out: filepath.Join(dir, "a.tar")}
	first, err := begin(t, cfg)
	must(t, err)
	must(t, first.Add(t.Context(), files[0], from))
	var busy *export.BusyError
	if _, err := begin(t, cfg); !errors.As(err, &busy) {
		t.Errorf("a second export: %v", err)
	}
	must(t, first.Add(t.Context(), files[1], from))
	_, err = first.Close(t.Context())
	must(t, err)
	if got := names(t, dir); got != "a.tar a.tar.manifest.json a.tar.sha256" {
		t.Error(got)
	}
}

// TestFilesAreProved has an archive that is not what its record says.
func TestFilesAreProved(t *testing.T) {
	t.Parallel()
	broken := errors.New("the disk broke")
	for name, c := range map[string]struct {
		change func(memory, string) export.Files
		says   string
		as     bool
	}{
		"altered": {func(m memory, p string) export.Files { m[p][5]++; return m }, "SHA-256", true},
		"cut":     {func(m memory, p string) export.Files { m[p] = m[p][:50]; return m }, "50 of 100", true},
		"grown":   {func(m memory, p string) export.Files { m[p] = append(m[p], 0); return m }, "more than", true},
		"missing": {func(m memory, p string) export.Files { delete(m, p); return m }, "not there", true},
		"unreadable": {func(m memory, p string) export.Files {
			return opener(func() io.Reader { return io.MultiReader(bytes.NewReader(m[p][:10]), failing{broken}) })
		}, "the disk broke", false},
	} {
		for _, format := range []export.Format{export.Zip, export.Tar, export.TarZst, export.Bag} {
			m := memory{}
			files := m.recorded("media/%d.jpg", 100, 1)
			from := c.change(m, files[0].Path)
			dir := t.TempDir()
			out := "a." + string(format)
			if format == export.Bag {
				out = "a"
			}
			_, err := write(t, export.Config{Format: format, Out: filepath.Join(dir, out)}, files, from)
			var changed *export.ChangedError
			if err == nil || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), files[0].Path) || errors.As(err, &changed) != c.as {
				t.Errorf("%s, %s: %v", name, format, err)
			}
			if got := names(t, dir); got != "" {
				t.Errorf("%s, %s: left behind: %s", name, format, got)
			}
		}
	}
}

type opener func() io.Reader

func (o opener) Open(context.Context, string) (io.ReadCloser, error) {
	return io.NopCloser(o()), nil
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// TestSidecarsOfEarlyArchives are those of which neither size nor hash is recorded.
func TestSidecarsOfEarlyArchives(t *testing.T) {
	t.Parallel()
	from := memory{"workflows/w.json": []byte(`{"id":"w"}`)}
	dir := t.TempDir()
	out := filepath.Join(dir, "a.tar")
	_, err := write(t, export.Config{Format: export.Tar, Out: out}, []export.File{{Path: "workflows/w.json", Workflow: "w"}}, from)
	must(t, err)
	f, err := os.Open(out)
	must(t, err)
	defer f.Close()
	r := tar.NewReader(f)
	h, err := r.Next()
	must(t, err)
	if text, err := io.ReadAll(r); err != nil || h.Size != 10 || string(text) != `{"id":"w"}` {
		t.Errorf("%q, %v, %+v", text, err, h)
	}
	text, err := os.ReadFile(out + ".manifest.json")
	must(t, err)
	var told struct {
		Bytes   int64
		Entries []export.File
	}
	must(t, json.Unmarshal(text, &told))
	if told.Bytes != 10 || told.Entries[0].Size != 10 || told.Entries[0].SHA256 != sum(from["workflows/w.json"]) {
		t.Errorf("the manifest tells %+v", told)
	}
}

// TestExportsObeyTheirContext ends one within a file that has no end.
func TestExportsObeyTheirContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	dir := t.TempDir()
	w, err := begin(t, export.Config{Format: export.Tar, Out: filepath.Join(dir, "a.tar")})
	must(t, err)
	f := export.File{Path: "media/a", Size: 1 << 40, SHA256: sum(nil)}
	err = w.Add(ctx, f, opener(func() io.Reader { return endless(cancel) }))
	var changed *export.ChangedError
	if !errors.Is(err, context.Canceled) || errors.As(err, &changed) {
		t.Error(err)
	}
	must(t, w.Discard())
	if got := names(t, dir); got != "" {
		t.Error("left behind: ", got)
	}
}

// endless calls a function with each read.
type endless func()

func (e endless) Read(p []byte) (int, error) {
	e()
	return len(p), nil
}
