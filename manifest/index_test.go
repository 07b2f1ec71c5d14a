package manifest

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/gofrs/flock"

	"civitar/internal/database"
	"civitar/internal/durable"
)

func alterIndex(t *testing.T, dir, query string, args ...any) {
	t.Helper()
	x, err := openDB(t.Context(), statePath(dir, indexFile), database.Write)
	must(t, err)
	_, err = x.db.Exec(query, args...)
	must(t, errors.Join(err, x.close()))
}

// removeIndex removes whatever there is of it.
func removeIndex(t *testing.T, dir string) {
	t.Helper()
	for _, suffix := range []string{"", "-wal", "-shm"} {
		if err := os.Remove(statePath(dir, indexFile) + suffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
	}
}

func TestIndexIsBroughtLevelWithTheJournal(t *testing.T) {
	t.Parallel()
	copyOf := func(t *testing.T, from, to string) { must(t, os.WriteFile(to, readFile(t, from), 0o666)) }
	tests := []struct {
		name  string
		alter func(t *testing.T, dir string)
		anew  bool // made anew, and told so
	}{
		{"level already", func(*testing.T, string) {}, false},
		{"deleted", removeIndex, false},
		{"deleted but for its log", func(t *testing.T, dir string) {
			must(t, os.WriteFile(statePath(dir, indexFile+"-wal"), readFile(t, statePath(dir, indexFile)), 0o666))
			must(t, os.Remove(statePath(dir, indexFile)))
		}, false},
		{"with a foreign log", func(t *testing.T, dir string) {
			must(t, os.WriteFile(statePath(dir, indexFile+"-wal"), []byte("no log at all"), 0o666))
		}, false},
		{"empty", func(t *testing.T, dir string) { must(t, os.Truncate(statePath(dir, indexFile), 0)) }, true},
		{"no database", func(t *testing.T, dir string) {
			must(t, os.WriteFile(statePath(dir, indexFile), []byte(strings.Repeat("garbage ", 5000)), 0o666))
		}, true},
		{"cut short", func(t *testing.T, dir string) { must(t, os.Truncate(statePath(dir, indexFile), 4096)) }, true},
		{"of another schema", func(t *testing.T, dir string) { alterIndex(t, dir, "PRAGMA user_version = 999") }, true},
		{"without its tables", func(t *testing.T, dir string) { alterIndex(t, dir, "DROP TABLE meta") }, true},
		{"ahead of the journal", func(t *testing.T, dir string) {
			alterIndex(t, dir, "UPDATE meta SET value = value + 1 WHERE key = 'offset'")
		}, true},
		{"segments ahead of the journal", func(t *testing.T, dir string) {
			alterIndex(t, dir, "UPDATE meta SET value = 7 WHERE key = 'segment'")
		}, true},
		{"of another journal", func(t *testing.T, dir string) {
			other := archive(t, groupOf(50)...)
			removeIndex(t, dir)
			copyOf(t, statePath(other, indexFile), statePath(dir, indexFile))
		}, true},
		{"behind", func(t *testing.T, dir string) { // a crash between the journal's sync and the index
			j := journalOf(t, statePath(dir, journalDir))
			_, err := j.append(groupOf(77))
			must(t, errors.Join(err, j.close()))
		}, false},
		{"segments behind", func(t *testing.T, dir string) {
			j := journalOf(t, statePath(dir, journalDir))
			for i := range 3 {
				must(t, j.beginSegment(i+2))
				_, err := j.append(groupOf(70 + i))
				must(t, err)
			}
			must(t, j.close())
		}, false},
		{"an old copy", func(t *testing.T, dir string) {
			old := filepath.Join(t.TempDir(), "old")
			copyOf(t, statePath(dir, indexFile), old)
			m := open(t, dir)
			add(t, m, Blob{Workflow: "w0000", Blob: "b0.jpg", State: Gone})
			must(t, m.Close())
			removeIndex(t, dir)
			copyOf(t, old, statePath(dir, indexFile))
		}, false},
		{"the journal was cut behind its back", func(t *testing.T, dir string) {
			text := readFile(t, segmentPath(dir, 1))
			must(t, os.WriteFile(segmentPath(dir, 1), text[:len(text)/2], 0o666))
		}, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := archive(t, groups(3)...)
			tt.alter(t, dir)
			want := truth(t, dir)
			r := read(t, dir) // first, so that Open cannot have mended it
			wantDump(t, "Read", dump(t, r.index), want)
			must(t, r.Close())
			m, log := openLogged(t, dir)
			wantDump(t, "Open", dump(t, m.index), want)
			if told := strings.Contains(log, "anew"); told != tt.anew {
				t.Errorf("told that it was made anew: %v, want %v: %s", told, tt.anew, log)
			}
			add(t, m, groupOf(99)...)
			must(t, m.Close())
			m, log = openLogged(t, dir)
			if strings.Contains(log, "anew") {
				t.Errorf("made anew again: %s", log)
			}
			wantDump(t, "Open again", dump(t, m.index), truth(t, dir))
		})
	}
}

// history does things to an archive at random: what runs do, and what befalls it between
// them. What can be deleted at any time is.
type history struct {
	*rand.Rand
	dir  string
	last map[Key]Blob
	n    int
}

func (h *history) group() (lines []Line) {
	for range 1 + h.IntN(6) {
		h.n++
		w := fmt.Sprintf("w%d", h.IntN(12))
		b := Blob{Time: day.Add(time.Duration(h.n) * time.Second), Run: "r", Workflow: w, Blob: fmt.Sprintf("b%d", h.IntN(3)),
			State: States()[h.IntN(6)], Reason: fmt.Sprint("n", h.n), Size: int64(h.n)}
		if b.State == Kept {
			b.Path = fmt.Sprintf("media/%s_%s", w, b.Blob)
		}
		lines = append(lines, b)
		h.last[Key{w, b.Blob}] = b
		switch h.IntN(6) {
		case 0:
			lines = append(lines, Workflow{Workflow: w, Status: fmt.Sprint(h.n), Open: h.IntN(2) == 0, Created: day, Sidecar: "workflows/" + w})
		case 1:
			lines = append(lines, Coverage{Scope: fmt.Sprint(h.IntN(2)), Spans: []Span{{Cursor: fmt.Sprint(h.n)}}})
		case 2:
			lines = append(lines, Run{Run: fmt.Sprint(h.n), Summary: fmt.Appendf(nil, `{"n":%d}`, h.n)})
		}
	}
	return lines
}

func (h *history) run(t *testing.T) {
	m := open(t, h.dir)
	for range h.IntN(4) {
		add(t, m, h.group()...)
		if h.IntN(4) == 0 {
			must(t, m.journal.beginSegment(m.journal.end().Segment+1))
		}
	}
	if h.IntN(2) == 0 {
		must(t, m.compact(t.Context(), nil))
	}
	must(t, m.Summarize(t.Context(), day))
	wantDump(t, "the index in use", dump(t, m.index), truth(t, h.dir))
	must(t, m.Close())
}

func (h *history) befall(t *testing.T) {
	switch h.IntN(7) {
	case 0:
		removeIndex(t, h.dir)
	case 1:
		must(t, os.Remove(statePath(h.dir, summaryFile)))
	case 2, 3:
		root, err := durable.Open(statePath(h.dir, journalDir), nil)
		must(t, err)
		j, err := readJournal(root)
		must(t, errors.Join(err, root.Close()))
		appendFile(t, segmentPath(h.dir, j.segments[len(j.segments)-1]), []byte(`{"workflow":"w1","blob":"b1","state":"ke`))
	case 4:
		j := journalOf(t, statePath(h.dir, journalDir))
		_, err := j.append(h.group())
		must(t, errors.Join(err, j.close()))
	case 5:
		must(t, os.Truncate(statePath(h.dir, indexFile), 100))
	case 6: // a power cut takes back what the index has not synced
		if old := filepath.Join(filepath.Dir(h.dir), "index"); h.IntN(2) == 0 {
			must(t, os.WriteFile(old, readFile(t, statePath(h.dir, indexFile)), 0o666))
		} else if _, err := os.Stat(old); err == nil {
			removeIndex(t, h.dir)
			must(t, os.Rename(old, statePath(h.dir, indexFile)))
		}
	}
}

func TestIndexSaysTheSameAsARebuildAfterAnyHistory(t *testing.T) {
	t.Parallel()
	for seed := range uint64(4) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			h := &history{Rand: rand.New(rand.NewPCG(seed, 0)), dir: filepath.Join(t.TempDir(), "archive"), last: map[Key]Blob{}}
			for range 12 {
				h.run(t)
				h.befall(t)
			}
			wantTruth(t, h.dir)
			r := read(t, h.dir)
			for key, want := range h.last {
				known, err := r.Known(t.Context(), []string{key.Workflow})
				must(t, err)
				want.Time, want.Run = time.Time{}, "" // not filled in
				if k := known[key.Workflow]; k == nil || k.Blobs[key.Blob] != want {
					t.Errorf("%v: the record holds %+v, the latest line says %+v", key, k, want)
				}
			}
		})
	}
}

func TestIndexCanBeDeletedWhileInUse(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("Windows deletes no open file")
	}
	dir := archive(t, groupOf(0)...)
	m := open(t, dir)
	add(t, m, groupOf(1)...)
	removeIndex(t, dir)
	add(t, m, groupOf(2)...)
	want := truth(t, dir)
	wantDump(t, "the index in use", dump(t, m.index), want)
	wantDump(t, "Read", dump(t, read(t, dir).index), want)
	must(t, m.Close())
	wantTruth(t, dir)
}

func TestReadIsLevelWhileTheWriterIsNot(t *testing.T) {
	t.Parallel()
	hold := func(t *testing.T, dir string) {
		l, err := takeLock(t.Context(), statePath(dir, lockFile), kernelLock, slog.New(slog.DiscardHandler))
		must(t, err)
		t.Cleanup(func() { must(t, l.release()) })
	}
	tests := []struct {
		name string
		make func(t *testing.T, dir string)
	}{
		{"a rebuild has only begun", func(t *testing.T, dir string) {
			hold(t, dir)
			x, err := freshIndex(t.Context(), statePath(dir, indexFile))
			must(t, err)
			t.Cleanup(func() { must(t, x.close()) })
		}},
		{"a rebuild is half done", func(t *testing.T, dir string) {
			hold(t, dir)
			x, err := freshIndex(t.Context(), statePath(dir, indexFile))
			must(t, err)
			t.Cleanup(func() { must(t, x.close()) })
			must(t, x.apply(t.Context(), groupOf(0), position{1, 10}))
		}},
		{"another reader asks who holds it", func(t *testing.T, dir string) {
			j := journalOf(t, statePath(dir, journalDir)) // the index is behind, and nobody holds the archive
			_, err := j.append(groupOf(77))
			must(t, errors.Join(err, j.close()))
			f := flock.New(statePath(dir, lockFile))
			ok, err := f.TryRLock()
			if err != nil || !ok {
				t.Fatal(ok, err)
			}
			t.Cleanup(func() { must(t, f.Unlock()) })
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := archive(t, groups(3)...)
			tt.make(t, dir)
			wantDump(t, "Read", dump(t, read(t, dir).index), truth(t, dir))
		})
	}
}

func TestReaderAndWriterDoNotWaitForEachOther(t *testing.T) {
	t.Parallel()
	dir := archive(t, groups(3)...)
	m := open(t, dir)
	old := read(t, dir)
	seen := 0
	err := old.Kept(t.Context(), func(Blob) error { // in the midst of reading
		seen++
		return m.Append(t.Context(), groupOf(100+seen))
	})
	must(t, err)
	if seen != 3 {
		t.Errorf("the reader saw %d blobs, want the 3 at its start", seen)
	}
	for name, r := range map[string]*Reader{"the same reader": old, "a new one": read(t, dir)} {
		totals, err := r.Totals(t.Context())
		must(t, err)
		if totals.Workflows != 6 {
			t.Errorf("%s sees %d workflows, want 6", name, totals.Workflows)
		}
	}
	if r := read(t, dir); r.temp != "" {
		t.Error("a reader beside a run made an index of its own")
	}
}

// A run's journal is ahead of its index at any moment; a reader that made an index of its
// own each time would be slow for nothing.
func TestReadBesideARunTakesItsIndexAsItIs(t *testing.T) {
	t.Parallel()
	dir := archive(t, groups(3)...)
	want := truth(t, dir)
	l, err := takeLock(t.Context(), statePath(dir, lockFile), kernelLock, slog.New(slog.DiscardHandler))
	must(t, err)
	j := journalOf(t, statePath(dir, journalDir))
	_, err = j.append(groupOf(77))
	must(t, errors.Join(err, j.close()))
	r := read(t, dir)
	if r.temp != "" {
		t.Error("it made an index of its own")
	}
	wantDump(t, "Read beside the run", dump(t, r.index), want)
	must(t, l.release())
	wantDump(t, "Read after its crash", dump(t, read(t, dir).index), truth(t, dir))
}

func TestReadLeavesTheArchiveAsItIs(t *testing.T) {
	tests := []struct {
		name  string
		alter func(t *testing.T, dir string)
	}{
		{"whole", func(*testing.T, string) {}},
		{"torn", func(t *testing.T, dir string) { appendFile(t, segmentPath(dir, 1), []byte(`{"blo`)) }},
		{"without an index", removeIndex},
		{"with garbage for an index", func(t *testing.T, dir string) {
			must(t, os.WriteFile(statePath(dir, indexFile), []byte("garbage"), 0o666))
		}},
		{"without a lock", func(t *testing.T, dir string) { must(t, os.Remove(statePath(dir, lockFile))) }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			temp := t.TempDir()
			t.Setenv("TMPDIR", temp)
			t.Setenv("TMP", temp)
			dir := archive(t, groups(2)...)
			tt.alter(t, dir)
			before := snapshot(t, dir)
			r := read(t, dir)
			if _, err := r.Totals(t.Context()); err != nil {
				t.Error(err)
			}
			if r.Source != source || r.Created.IsZero() {
				t.Errorf("source %q, created %v", r.Source, r.Created)
			}
			must(t, r.Close())
			after := snapshot(t, dir)
			for name := range after { // SQLite's own, and the lock that was tried
				if strings.HasPrefix(name, stateDir+"/"+indexFile+"-") || name == stateDir+"/"+lockFile {
					delete(after, name)
				}
			}
			delete(before, stateDir+"/"+lockFile)
			sameJSON(t, "the folder", after, before)
			if left, err := os.ReadDir(temp); err != nil || len(left) > 0 {
				t.Errorf("left behind: %v, %v", left, err)
			}
		})
	}
}

func TestAnyFolderNameWorks(t *testing.T) {
	t.Parallel()
	names := []string{"my archive", "100%", "%41%2f%00", "a#b", "semi;colon&amp=1", "[brackets]", "é🎨", "'quote'", "+plus+", "file:x", "~", "-rf"}
	if runtime.GOOS != "windows" {
		names = append(names, "a?b", "?mode=memory", "?vfs=none&cache=shared#x", `back\slash`, "a:b", `"double"`, "new\nline", "tab\t", "*", " ")
	}
	if runtime.GOOS == "linux" {
		names = append(names, "not\xffUTF-8")
	}
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			top := t.TempDir()
			dir := filepath.Join(top, name)
			m := open(t, dir)
			add(t, m, groupOf(1)...)
			if _, err := os.Stat(statePath(dir, indexFile)); err != nil {
				t.Error(err)
			}
			if r := read(t, dir); r.temp != "" {
				t.Error("Read does not find the index")
			}
			want := dump(t, m.index)
			must(t, m.Close())
			m, log := openLogged(t, dir)
			if got := dump(t, m.index); got != want || want == "" || log != "" {
				t.Errorf("holds %q, want %q; the log is %q", got, want, log)
			}
			if entries, err := os.ReadDir(top); err != nil || len(entries) != 1 {
				t.Errorf("beside the archive: %v, %v", entries, err)
			}
		})
	}
}

func TestRelativeFolderWorks(t *testing.T) {
	t.Chdir(t.TempDir())
	m := open(t, "a b")
	add(t, m, groupOf(1)...)
	must(t, m.Close())
	wantTruth(t, "a b")
}
