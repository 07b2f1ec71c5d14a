package sink

import (
	"context"
	"errors"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestRemoveTakesEmptyFoldersWithIt(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	k := &disk{}
	d := k.open(t, dir)
	want := committed(t, d, "media/d/e/a", "media/d/e/b", "media/d/c", "media/f/g/h/i", "workflows/d/w", "top")
	folders := func() (all []string) {
		must(t, filepath.WalkDir(dir, func(p string, e fs.DirEntry, err error) error {
			rel, rerr := filepath.Rel(dir, p)
			if e.IsDir() && !strings.HasPrefix(rel, ".") {
				all = append(all, filepath.ToSlash(rel))
			}
			return errors.Join(err, rerr)
		}))
		return all
	}
	for _, tt := range []struct {
		remove, left []string
		synced       []string
	}{
		{[]string{"media/d/e/a"}, []string{"media", "media/d", "media/d/e", "media/f", "media/f/g", "media/f/g/h", "workflows", "workflows/d"}, []string{"media/d/e"}},
		{[]string{"media/d/e/b", "media/f/g/h/i"}, []string{"media", "media/d", "workflows", "workflows/d"}, []string{"media", "media/d"}},
		{[]string{"media/d/e/b", "none/of/it"}, []string{"media", "media/d", "workflows", "workflows/d"}, []string{"media/d"}},
		{[]string{"top", "media/d/c", "workflows/d/w"}, []string{"media", "workflows"}, []string{".", "media", "workflows"}},
		{nil, []string{"media", "workflows"}, nil},
	} {
		n := len(k.steps)
		must(t, d.Remove(tt.remove...))
		for _, name := range tt.remove {
			delete(want, name)
		}
		wantArchive(t, dir, want)
		if got := folders(); !slices.Equal(got, tt.left) {
			t.Errorf("after %v there are %v, want %v", tt.remove, got, tt.left)
		}
		var synced []string
		for _, s := range k.steps[n:] {
			if name, ok := strings.CutPrefix(s, "syncdir "); ok {
				synced = append(synced, name)
			}
		}
		slices.Sort(synced)
		if !slices.Equal(synced, tt.synced) {
			t.Errorf("after %v, %v were synced, want %v", tt.remove, synced, tt.synced)
		}
	}
	// The folders can be used again.
	wantArchive(t, dir, committed(t, d, "media/d/e/a", "media/f/g/h/i"))
}

func TestRemoveLeavesWhatOthersPutThere(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	d := openDir(t, dir)
	committed(t, d, "media/d/a", "media/e/f/b")
	put(t, dir, "media/d/mine", []byte("mine"))
	symlink(t, "../d/mine", filepath.Join(dir, "media", "e", "link"))
	must(t, d.Remove("media/d/a", "media/e/f/b"))
	wantFiles(t, dir, "media/d/mine", "media/e/link")
	if err := d.Remove("media/e/link"); err == nil {
		t.Error("a link was removed, which no Commit makes")
	}
	symlink(t, "d", filepath.Join(dir, "media", "linked"))
	put(t, dir, "media/d/a", nil)
	must(t, d.Remove("media/linked/a"))
	wantFiles(t, dir, "media/d/mine", "media/e/link", "media/linked")
}

func TestFilesComeAndGoSideBySide(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	d := openDir(t, dir)
	done := make(chan error)
	for w := range 4 {
		go func() {
			var err error
			for range 30 {
				name := path.Join("media", "day", string(rune('a'+w)))
				var f Writer
				if f, err = d.Begin(name); err == nil {
					err = f.Finish()
				}
				if err == nil {
					err = d.Commit(context.Background(), []File{{Writer: f, Path: name}})
				}
				if err == nil {
					err = d.Move(context.Background(), []Move{{name, "by/" + name}})
				}
				if err == nil {
					err = d.Remove(name, "by/"+name)
				}
				if err != nil {
					break
				}
			}
			done <- err
		}()
	}
	for range 4 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	wantFiles(t, dir)
}
