package durable

import (
	"errors"
	"io/fs"
	"os"
	"slices"
	"testing"
	"time"
)

func TestSetTimeSetsWhatSystemsCanHold(t *testing.T) {
	old := time.Date(2026, 8, 10, 22, 37, 15, 0, time.UTC)
	for name, tt := range map[string]struct {
		set  time.Time
		kept bool
	}{
		"a month ago":            {old, true},
		"in another zone":        {old.In(time.FixedZone("", -7*3600)), true},
		"before all times":       {time.Time{}, false},
		"before 1970":            {time.Date(1969, 12, 31, 23, 59, 59, 0, time.UTC), false},
		"beyond nanoseconds":     {time.Date(2262, 5, 1, 0, 0, 0, 0, time.UTC), false},
		"the end of the API's":   {time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC), false},
		"1970, in another place": {time.Date(1970, 1, 1, 0, 0, 0, 0, time.UTC).In(time.FixedZone("", -7*3600)), true},
	} {
		t.Run(name, func(t *testing.T) {
			root := openRoot(t, t.TempDir())
			f, err := root.OpenFile("a", os.O_WRONLY|os.O_CREATE, 0o666)
			must(t, err)
			_, err = f.Write([]byte("bytes"))
			must(t, err)
			before, err := root.Lstat("a")
			must(t, err)
			must(t, f.SetTime(tt.set))
			must(t, f.Sync())
			must(t, f.Close())
			info, err := root.Lstat("a")
			must(t, err)
			want := tt.set
			if !tt.kept {
				want = before.ModTime()
			}
			if !info.ModTime().Equal(want) {
				t.Errorf("modified at %v, want %v", info.ModTime(), want)
			}
			if got := Changed(root.Root, "a", info); got.Before(before.ModTime()) {
				t.Errorf("changed at %v, before it was written at %v", got, before.ModTime())
			}
		})
	}
}

func TestChangedIsTheLaterOfTheTwo(t *testing.T) {
	root := openRoot(t, t.TempDir())
	must(t, root.WriteFile("a", nil, 0o666))
	later := time.Now().Add(time.Hour).Truncate(time.Second)
	must(t, root.Chtimes("a", time.Time{}, later))
	info, err := root.Lstat("a")
	must(t, err)
	if got := Changed(root.Root, "a", info); !got.Equal(later) {
		t.Errorf("changed at %v, want %v", got, later)
	}
}

// A file system without times is good enough; a broken disk is not.
func TestSetTimeThatIsRefused(t *testing.T) {
	broken := errors.New("broken")
	for fault, want := range map[error]error{fs.ErrPermission: nil, errors.ErrUnsupported: nil, broken: broken} {
		var steps []Op
		root, err := Open(t.TempDir(), func(op Op, _ string) error {
			steps = append(steps, op)
			if op == SetTime {
				return fault
			}
			return nil
		})
		must(t, err)
		f, err := root.OpenFile("a", os.O_WRONLY|os.O_CREATE, 0o666)
		must(t, err)
		if err := f.SetTime(time.Unix(0, 0)); !errors.Is(err, want) {
			t.Errorf("SetTime where the system says %v: %v, want %v", fault, err, want)
		}
		if want := []Op{Create, SetTime}; !slices.Equal(steps, want) {
			t.Errorf("steps %v, want %v", steps, want)
		}
		must(t, errors.Join(f.Close(), root.Close()))
	}
}

func TestLinkTakesNoName(t *testing.T) {
	root := openRoot(t, t.TempDir())
	must(t, root.WriteFile("a", []byte("one"), 0o666))
	must(t, root.WriteFile("b", []byte("two"), 0o666))
	if err := root.Link("a", "b"); !errors.Is(err, fs.ErrExist) {
		t.Errorf("Link over a file: %v, want %v", err, fs.ErrExist)
	}
	must(t, root.Link("a", "c"))
	for name, want := range map[string]string{"a": "one", "b": "two", "c": "one"} {
		if got, err := root.ReadFile(name); err != nil || string(got) != want {
			t.Errorf("%s holds %q, %v; want %q", name, got, err, want)
		}
	}
}
