package manifest

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestOpenMakesAnArchiveWhereThereIsNone(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "new", "archive")
	if Exists(dir) {
		t.Error("exists before it is made")
	}
	if _, err := Read(t.Context(), dir); !errors.Is(err, ErrNoArchive) {
		t.Errorf("Read: %v, want %v", err, ErrNoArchive)
	}
	if _, err := os.Stat(filepath.Dir(dir)); !errors.Is(err, fs.ErrNotExist) {
		t.Error("Read made a folder")
	}
	m := open(t, dir)
	if !Exists(dir) {
		t.Error("does not exist after Open")
	}
	totals, err := read(t, dir).Totals(t.Context())
	if err != nil || totals.Workflows != 0 {
		t.Errorf("a new archive holds %+v, %v", totals, err)
	}
	must(t, m.Close())
	wantTruth(t, dir)
}

func TestReadOfAFolderWithoutAnArchive(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		make func(t *testing.T, dir string)
	}{
		{"empty", func(*testing.T, string) {}},
		{"only media", func(t *testing.T, dir string) { must(t, os.Mkdir(filepath.Join(dir, "media"), 0o777)) }},
		{"only partials", func(t *testing.T, dir string) { must(t, os.MkdirAll(statePath(dir, "partial"), 0o777)) }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			tt.make(t, dir)
			if _, err := Read(t.Context(), dir); !errors.Is(err, ErrNoArchive) {
				t.Errorf("Read: %v, want %v", err, ErrNoArchive)
			}
			if Exists(dir) {
				t.Error("Exists tells an archive")
			}
		})
	}
}

func TestArchiveBelongsToOneKindOfSource(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, first, second string
		want                error
	}{
		{"the same service", source, source, nil},
		{"the service under another name", source, "https://elsewhere.example", nil},
		{"the sandbox again", Sandbox, Sandbox, nil},
		{"the sandbox into the service's", source, Sandbox, ErrSource},
		{"the service into the sandbox's", Sandbox, source, ErrSource},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			for _, s := range []string{tt.first, tt.second} {
				m, err := Open(t.Context(), dir, Options{Source: s})
				if s == tt.second && !errors.Is(err, tt.want) {
					t.Errorf("%v, want %v", err, tt.want)
				}
				if err != nil {
					continue
				}
				must(t, m.Append(t.Context(), groupOf(1)))
				must(t, m.Close())
			}
			if r := read(t, dir); r.Source != tt.first {
				t.Errorf("the source is %q, want %q", r.Source, tt.first)
			}
			m, err := Open(t.Context(), dir, Options{Source: tt.first}) // a refusal leaves no lock
			must(t, err)
			must(t, m.Close())
		})
	}
}

func TestLinksInTheRecordAreRefused(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		plant func(t *testing.T, dir, outside string)
	}{
		{"the state's folder", func(t *testing.T, dir, outside string) { symlink(t, outside, filepath.Join(dir, stateDir)) }},
		{"the journal's folder", func(t *testing.T, dir, outside string) {
			must(t, os.Mkdir(statePath(dir, ""), 0o777))
			symlink(t, outside, statePath(dir, journalDir))
		}},
		{"a segment", func(t *testing.T, dir, outside string) {
			must(t, os.MkdirAll(statePath(dir, journalDir), 0o777))
			symlink(t, filepath.Join(outside, "theirs"), segmentPath(dir, 1))
		}},
		{"the index", func(t *testing.T, dir, outside string) {
			must(t, os.MkdirAll(statePath(dir, journalDir), 0o777))
			symlink(t, filepath.Join(outside, "theirs"), statePath(dir, indexFile))
		}},
		{"the index's log, to nothing", func(t *testing.T, dir, outside string) {
			must(t, os.MkdirAll(statePath(dir, journalDir), 0o777))
			symlink(t, filepath.Join(outside, "none"), statePath(dir, indexFile+"-wal"))
		}},
		{"the lock", func(t *testing.T, dir, outside string) {
			must(t, os.MkdirAll(statePath(dir, journalDir), 0o777))
			symlink(t, filepath.Join(outside, "theirs"), statePath(dir, lockFile))
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir, outside := t.TempDir(), t.TempDir()
			must(t, os.WriteFile(filepath.Join(outside, "theirs"), nil, 0o666))
			tt.plant(t, dir, outside)
			if m, err := Open(t.Context(), dir, Options{Source: source}); err == nil {
				t.Error("Open went along", m.Close())
			}
			if r, err := Read(t.Context(), dir); err == nil {
				t.Error("Read went along", r.Close())
			}
			if got := snapshot(t, outside); len(got) != 1 || got["theirs"] != "" {
				t.Errorf("outside: %q", got)
			}
		})
	}
}

func TestFileInTheWayIsTold(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"", stateDir, stateDir + "/" + journalDir} {
		dir := filepath.Join(t.TempDir(), "archive")
		full := filepath.Join(dir, filepath.FromSlash(name))
		must(t, os.MkdirAll(filepath.Dir(full), 0o777))
		must(t, os.WriteFile(full, []byte("mine"), 0o666))
		m, err := Open(t.Context(), dir, Options{Source: source})
		if err == nil {
			t.Errorf("%q: no error, %v", name, m.Close())
		}
		if name == "" && !errors.Is(err, fs.ErrExist) {
			t.Errorf("%v, want %v", err, fs.ErrExist)
		}
		if string(readFile(t, full)) != "mine" {
			t.Errorf("%q was changed", name)
		}
	}
}

func TestSummaryFileSaysWhatTheRecordHolds(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	m := open(t, dir)
	add(t, m, groups(2)...)
	add(t, m, Coverage{Time: day, Run: "r", Scope: "s", Spans: []Span{{Newest: day, Done: true}}})
	for i := range 12 {
		add(t, m, Run{Time: day, Run: strings.Repeat("r", i+1), Summary: json.RawMessage(`{"kept":2}`)})
	}
	if _, err := os.Stat(statePath(dir, summaryFile)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a summary before Summarize: %v", err)
	}
	for _, now := range []time.Time{day, day.Add(time.Hour).In(time.FixedZone("", 7200))} { // it replaces itself
		must(t, m.Summarize(t.Context(), now))
		var s summary
		must(t, json.Unmarshal(readFile(t, statePath(dir, summaryFile)), &s))
		if s.Format != 1 || s.Source != source || !s.Created.Equal(m.journal.created) || s.Updated != now.UTC() {
			t.Errorf("%+v", s)
		}
		sameJSON(t, "totals", s.Totals, Totals{Workflows: 2, States: map[State]Count{Kept: {2, 2001}, Failed: {2, 0}}})
		if len(s.Coverage) != 1 || s.Coverage[0].Scope != "s" || !s.Coverage[0].Spans[0].Done {
			t.Errorf("coverage: %+v", s.Coverage)
		}
		if len(s.Runs) != 10 || len(s.Runs[0].Run) != 12 {
			t.Errorf("%d runs, the first is %q; want the last 10, newest first", len(s.Runs), s.Runs[0].Run)
		}
	}
}
