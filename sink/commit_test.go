package sink

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"
)

func TestFileStandsWholeUnderItsNameOnlyAfterCommit(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		data []byte
		path string
	}{
		{"empty", nil, "empty.jpg"},
		{"at the top", content(1, 1000), "a.jpg"},
		{"in new folders", content(2, 100_000), "media/2026-08-10/a.jpg"},
		{"larger than a note's stride", content(3, noteEvery+12345), "media/2026-08-10/b.mp4"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "new", "archive")
			d := openDir(t, dir)
			p := begin(t, d, "key")
			expect(t, p, `"etag"`, int64(len(tt.data)))
			for chunk := range slices.Chunk(tt.data, 64<<10) {
				write(t, p, chunk)
			}
			if p.Offset() != int64(len(tt.data)) || p.Sum() != sumOf(tt.data) {
				t.Errorf("offset %d, hash %s; want %d, %s", p.Offset(), p.Sum(), len(tt.data), sumOf(tt.data))
			}
			must(t, p.Finish())
			for _, f := range files(t, dir) {
				if path.Dir(f) != partialDir {
					t.Errorf("%s stands before Commit", f)
				}
			}
			commit(t, d, File{Writer: p, Path: tt.path})
			wantArchive(t, dir, map[string][]byte{tt.path: tt.data})
		})
	}
}

func TestHeadReadsWithoutMovingTheEnd(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	d := openDir(t, dir)
	data := content(1, 1000)
	p := begin(t, d, "key")
	for _, tt := range []struct{ written, ask, want int }{{0, 10, 0}, {4, 10, 4}, {500, 10, 10}, {1000, 2000, 1000}} {
		write(t, p, data[p.Offset():tt.written])
		got, err := p.Head(tt.ask)
		if err != nil || !slices.Equal(got, data[:tt.want]) {
			t.Errorf("head of %d at offset %d: %d bytes, %v; want %d", tt.ask, tt.written, len(got), err, tt.want)
		}
	}
	must(t, p.Finish())
	commit(t, d, File{Writer: p, Path: "a"})
	wantArchive(t, dir, map[string][]byte{"a": data})
}

func TestResetForgetsAllBytes(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	d := openDir(t, dir)
	p := begin(t, d, "key")
	expect(t, p, "v1", -1)
	write(t, p, content(1, noteEvery+10)) // long enough for a note
	must(t, p.Reset())
	if v, size := p.Resume(); p.Offset() != 0 || v != "" || size != -1 || p.Sum() != sumOf(nil) {
		t.Errorf("after Reset: offset %d, validator %q, size %d, hash %s", p.Offset(), v, size, p.Sum())
	}
	wantFiles(t, dir, path.Join(partialDir, p.name))
	write(t, p, []byte("short"))
	must(t, p.Finish())
	commit(t, d, File{Writer: p, Path: "a"})
	wantArchive(t, dir, map[string][]byte{"a": []byte("short")})
}

func TestDiscardLeavesNothing(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		end  func(*testing.T, *Dir, *partial)
	}{
		{"while writing", func(*testing.T, *Dir, *partial) {}},
		{"after Finish", func(t *testing.T, _ *Dir, p *partial) { must(t, p.Finish()) }},
		{"after a Commit that failed", func(t *testing.T, d *Dir, p *partial) {
			must(t, p.Finish())
			if err := d.Commit(context.Background(), []File{{Writer: p, Path: "../out"}}); err == nil {
				t.Fatal("a path out of the sink was committed")
			}
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			d := openDir(t, dir)
			p := begin(t, d, "key")
			expect(t, p, "v", -1)
			write(t, p, content(1, noteEvery+1))
			tt.end(t, d, p)
			must(t, p.Discard())
			wantFiles(t, dir)
		})
	}
}

func TestCommitTakesAGroupIntoManyNewFolders(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	d := openDir(t, dir)
	want := map[string][]byte{}
	for group := range 3 {
		var all []File
		for i := range 40 {
			name := fmt.Sprintf("media/%d/%d/%d-%d.jpg", i%7, i%3, group, i)
			want[name] = content(uint64(group*100+i), 100+i)
			all = append(all, File{Writer: finished(t, d, name, want[name]), Path: name})
		}
		commit(t, d, all...)
	}
	commit(t, d)
	wantArchive(t, dir, want)
}

func TestCommitReplacesAnEarlierFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	d := openDir(t, dir)
	commit(t, d, File{Writer: finished(t, d, "one", []byte("old")), Path: "media/a"})
	commit(t, d, File{Writer: finished(t, d, "two", []byte("new")), Path: "media/a"})
	wantArchive(t, dir, map[string][]byte{"media/a": []byte("new")})
}

func TestCommitRefusesWhatItCannotPlace(t *testing.T) {
	t.Parallel()
	file := func(name string) func(*testing.T, string, string) {
		return func(t *testing.T, dir, _ string) {
			must(t, os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o777))
			must(t, os.WriteFile(filepath.Join(dir, name), []byte("mine"), 0o666))
		}
	}
	link := func(name string) func(*testing.T, string, string) {
		return func(t *testing.T, dir, outside string) {
			must(t, os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o777))
			symlink(t, outside, filepath.Join(dir, name))
		}
	}
	tests := []struct {
		name, path string
		plant      func(t *testing.T, dir, outside string)
		want       error // nil: any
	}{
		{"a file where the folder is to be", "media/a.jpg", file("media"), fs.ErrExist},
		{"a file where a parent is to be", "media/2026/08/a.jpg", file("media"), nil},
		{"a folder under the file's name", "media/a.jpg", file("media/a.jpg/x"), nil},
		{"a folder that links outside", "media/a.jpg", link("media"), fs.ErrExist},
		{"a parent that links outside", "media/2026/a.jpg", link("media"), nil},
		{"a folder below that links outside", "media/2026/a.jpg", link("media/2026"), fs.ErrExist},
		{"a path upwards", "../a.jpg", nil, nil},
		{"a path upwards, hidden", "media/../../a.jpg", nil, nil},
		{"an absolute path", "/civitar-test/a.jpg", nil, nil},
		{"no path", "", nil, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			top := t.TempDir()
			dir, outside := filepath.Join(top, "in", "archive"), filepath.Join(top, "outside")
			must(t, os.MkdirAll(dir, 0o777))
			must(t, os.MkdirAll(outside, 0o777))
			if tt.plant != nil {
				tt.plant(t, dir, outside)
			}
			before := files(t, top)
			d := openDir(t, dir)
			p := finished(t, d, "key", []byte("bytes"))
			err := d.Commit(context.Background(), []File{{Writer: p, Path: tt.path}})
			if err == nil || tt.want != nil && !errors.Is(err, tt.want) {
				t.Errorf("Commit to %q: %v, want %v", tt.path, err, tt.want)
			}
			must(t, p.Discard())
			wantFiles(t, top, before...)
			if entries, err := os.ReadDir(outside); err != nil || len(entries) > 0 {
				t.Errorf("outside: %v, %v", entries, err)
			}
		})
	}
}

func TestCommitOverALinkReplacesTheLinkAndNotItsTarget(t *testing.T) {
	t.Parallel()
	top := t.TempDir()
	dir, target := filepath.Join(top, "archive"), filepath.Join(top, "target")
	must(t, os.Mkdir(dir, 0o777))
	must(t, os.WriteFile(target, []byte("theirs"), 0o666))
	symlink(t, target, filepath.Join(dir, "a"))
	d := openDir(t, dir)
	commit(t, d, File{Writer: finished(t, d, "key", []byte("ours")), Path: "a"})
	wantArchive(t, top, map[string][]byte{"archive/a": []byte("ours"), "target": []byte("theirs")})
}

func TestFilesOfAGroupThatFailedAreWholeOrAbsent(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, "way"), nil, 0o666))
	d := openDir(t, dir)
	one, two := finished(t, d, "1", content(1, 5000)), finished(t, d, "2", content(2, 5000))
	if err := d.Commit(context.Background(), []File{{Writer: one, Path: "media/1"}, {Writer: two, Path: "way/2"}}); !errors.Is(err, fs.ErrExist) {
		t.Fatalf("Commit: %v, want %v", err, fs.ErrExist)
	}
	must(t, two.Discard())
	wantArchive(t, dir, map[string][]byte{"media/1": content(1, 5000), "way": nil})
}

func TestCancelledCommitNamesNothing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	d := openDir(t, dir)
	p := finished(t, d, "key", []byte("bytes"))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := d.Commit(ctx, []File{{Writer: p, Path: "a"}}); !errors.Is(err, context.Canceled) {
		t.Errorf("Commit: %v, want %v", err, context.Canceled)
	}
	wantFiles(t, dir, path.Join(partialDir, p.name))
}

func TestCommitRefusesAWriterOfAnotherSink(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	d, other := openDir(t, dir), openDir(t, t.TempDir())
	p := finished(t, other, "key", []byte("bytes"))
	if err := d.Commit(context.Background(), []File{{Writer: p, Path: "a"}}); err == nil {
		t.Error("took a file of another sink")
	}
	wantFiles(t, dir)
	commit(t, other, File{Writer: p, Path: "a"}) // where it belongs it is still good
}

// A folder that an interrupted run made may have no durable name in its parent, whatever
// its looks.
func TestParentsOfAFolderThatIsThereAreSyncedOnce(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	d := openDir(t, dir)
	must(t, os.MkdirAll(filepath.Join(dir, "media", "day"), 0o777))
	changed := map[string]struct{}{}
	must(t, d.makeFolder("media/day", changed))
	for _, f := range []string{".", "media"} {
		if _, ok := changed[f]; !ok {
			t.Errorf("%q is not synced although it may be new", f)
		}
	}
	commit(t, d, File{Writer: finished(t, d, "key", nil), Path: "media/day/a"})
	clear(changed)
	must(t, d.makeFolder("media/day", changed))
	must(t, d.makeFolder("media/other", changed))
	if _, ok := changed["."]; ok || len(changed) != 1 {
		t.Errorf("synced after a Commit: %v, want media alone", changed)
	}
}

func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		plant func(t *testing.T, dir, outside string)
		want  error
	}{
		{"a file", func(t *testing.T, dir, _ string) { must(t, os.WriteFile(dir, nil, 0o666)) }, fs.ErrExist},
		{"a file in the place of .civitar", func(t *testing.T, dir, _ string) {
			must(t, os.Mkdir(dir, 0o777))
			must(t, os.WriteFile(filepath.Join(dir, StateDir), nil, 0o666))
		}, nil},
		{".civitar linked outside", func(t *testing.T, dir, outside string) {
			must(t, os.Mkdir(dir, 0o777))
			symlink(t, outside, filepath.Join(dir, StateDir))
		}, nil},
		{".civitar/partial linked outside", func(t *testing.T, dir, outside string) {
			must(t, os.MkdirAll(filepath.Join(dir, StateDir), 0o777))
			symlink(t, outside, filepath.Join(dir, partialDir))
		}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			top := t.TempDir()
			dir, outside := filepath.Join(top, "archive"), filepath.Join(top, "outside")
			must(t, os.Mkdir(outside, 0o777))
			stale := filepath.Join(outside, partialName("key")+".new") // would be removed inside
			must(t, os.WriteFile(stale, nil, 0o666))
			tt.plant(t, dir, outside)
			d, err := Open(dir)
			if err == nil {
				must(t, d.Close())
			}
			if err == nil || tt.want != nil && !errors.Is(err, tt.want) {
				t.Errorf("Open: %v, want %v", err, tt.want)
			}
			if entries, err := os.ReadDir(outside); err != nil || len(entries) != 1 {
				t.Errorf("outside: %v, %v; want what was there", entries, err)
			}
		})
	}
}

func TestWritersAndCommitsRunSideBySide(t *testing.T) {
	t.Parallel()
	const workers, each = 8, 12
	dir := t.TempDir()
	d := openDir(t, dir)
	want := map[string][]byte{}
	for w := range workers {
		for i := range each {
			want[fmt.Sprintf("media/%d/%d-%d", i%4, w, i)] = content(uint64(w*100+i), 1000*i)
		}
	}
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			var group []File
			for i := range each {
				name := fmt.Sprintf("media/%d/%d-%d", i%4, w, i)
				wr, err := d.Begin(name)
				if err == nil {
					err = wr.Expect("v", int64(len(want[name])))
				}
				if err == nil {
					_, err = wr.Write(want[name])
				}
				if err == nil {
					err = wr.Finish()
				}
				if err != nil {
					t.Error(err)
					return
				}
				group = append(group, File{Writer: wr, Path: name})
				if len(group) == 5 || i == each-1 {
					if err := d.Commit(context.Background(), group); err != nil {
						t.Error(err)
					}
					group = nil
				}
				if err := errors.Join(d.Discard("other"+name), d.Sweep(time.Now())); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	wantArchive(t, dir, want)
	if n := d.reserved.Load(); n != 0 {
		t.Errorf("%d bytes are still reserved", n)
	}
}
