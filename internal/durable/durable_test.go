package durable

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

func openRoot(t *testing.T, dir string) *Folder {
	t.Helper()
	root, err := Open(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { root.Close() })
	return root
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func names(t *testing.T, root *Folder, dir string) []string {
	t.Helper()
	entries, err := fs.ReadDir(root.FS(), dir)
	must(t, err)
	var all []string
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return all
}

func TestReplaceGivesTheWholeNewContent(t *testing.T) {
	tests := []struct {
		name, file string
		before     map[string]string
		data       string
	}{
		{"a new file", "a", nil, "new"},
		{"longer than before", "a", map[string]string{"a": "old"}, "new and longer"},
		{"shorter than before", "a", map[string]string{"a": "old and longer"}, "new"},
		{"empty", "a", map[string]string{"a": "old"}, ""},
		{"over a leftover", "a", map[string]string{"a": "old", "a.new": "what a crash left, and longer"}, "new"},
		{"in a folder", "d/a", map[string]string{"d/a": "old"}, "new"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			root := openRoot(t, t.TempDir())
			must(t, root.Mkdir("d", 0o777))
			for name, data := range tt.before {
				must(t, root.WriteFile(name, []byte(data), 0o666))
			}
			must(t, root.Replace(tt.file, []byte(tt.data), 0o666))
			got, err := root.ReadFile(tt.file)
			if err != nil || string(got) != tt.data {
				t.Errorf("holds %q, %v; want %q", got, err, tt.data)
			}
			if left := names(t, root, filepath.Dir(tt.file)); len(left) > 2 || left[0] != "a" {
				t.Errorf("the folder holds %v", left)
			}
			if _, err := root.Lstat(tt.file + NewExt); err == nil {
				t.Error("the temporary file is still there")
			}
		})
	}
}

func TestReplaceThatFailsChangesNothing(t *testing.T) {
	tests := []struct {
		name, file string
		plant      func(*testing.T, *Folder)
		want       []string
	}{
		{"a folder in its place", "a", func(t *testing.T, r *Folder) { must(t, r.MkdirAll("a/x", 0o777)) }, []string{"a"}},
		{"no such folder", "d/a", func(*testing.T, *Folder) {}, nil},
		{"a path upwards", "../a", func(*testing.T, *Folder) {}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			top := t.TempDir()
			must(t, os.Mkdir(filepath.Join(top, "in"), 0o777))
			root := openRoot(t, filepath.Join(top, "in"))
			tt.plant(t, root)
			if err := root.Replace(tt.file, []byte("new"), 0o666); err == nil {
				t.Error("no error")
			}
			if got := names(t, root, "."); len(got) != len(tt.want) {
				t.Errorf("the folder holds %v, want %v", got, tt.want)
			}
			if got := names(t, openRoot(t, top), "."); len(got) != 1 {
				t.Errorf("outside: %v", got)
			}
		})
	}
}

func TestReplaceFollowsNoLinkOutside(t *testing.T) {
	for _, name := range []string{"a", "a.new"} {
		t.Run(name, func(t *testing.T) {
			top := t.TempDir()
			dir, outside := filepath.Join(top, "in"), filepath.Join(top, "theirs")
			must(t, os.Mkdir(dir, 0o777))
			must(t, os.WriteFile(outside, []byte("theirs"), 0o666))
			if err := os.Symlink(outside, filepath.Join(dir, name)); err != nil {
				t.Skipf("this system or user makes no symbolic links: %v", err)
			}
			err := openRoot(t, dir).Replace("a", []byte("new"), 0o666)
			if name == "a.new" && err == nil {
				t.Error("wrote through a link that leads outside")
			}
			if got, err := os.ReadFile(outside); err != nil || string(got) != "theirs" {
				t.Errorf("the file outside holds %q, %v", got, err)
			}
		})
	}
}

func TestReplaceShowsReadersOldOrNewOnly(t *testing.T) {
	if os.PathSeparator == '\\' {
		t.Skip("Windows may refuse to rename over a file that is being read")
	}
	root := openRoot(t, t.TempDir())
	old, fresh := make([]byte, 50_000), make([]byte, 60_000)
	for i := range fresh {
		fresh[i] = 1
	}
	must(t, root.Replace("a", old, 0o666))
	done := make(chan error, 1)
	go func() {
		var err error
		for i := 0; i < 20 && err == nil; i++ {
			err = root.Replace("a", [][]byte{fresh, old}[i%2], 0o666)
		}
		done <- err
	}()
	for {
		select {
		case err := <-done:
			must(t, err)
			return
		default:
		}
		got, err := root.ReadFile("a")
		must(t, err)
		if len(got) != len(old) && len(got) != len(fresh) || got[0] != got[len(got)-1] {
			t.Fatalf("read a mixture of %d bytes", len(got))
		}
	}
}

func TestSyncDirTellsAFolderThatIsNotThere(t *testing.T) {
	root := openRoot(t, t.TempDir())
	must(t, root.MkdirAll("a/b", 0o777))
	for _, name := range []string{".", "a", "a/b"} {
		if err := root.SyncDir(name); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if os.PathSeparator == '\\' {
		t.Skip("folders are not synced on Windows")
	}
	if err := root.SyncDir("none"); err == nil {
		t.Error("no error for a folder that is not there")
	}
}
