package manifest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"civitar/internal/durable"
)

func ids(lines []Line) (all []string) {
	for _, l := range lines {
		switch l := l.(type) {
		case Blob:
			all = append(all, l.Workflow+"/"+l.Blob)
		case Workflow:
			all = append(all, l.Workflow)
		}
	}
	return all
}

// journalOf opens the journal alone, which is much faster than a whole manifest.
func journalOf(t *testing.T, dir string) *journal {
	t.Helper()
	root, err := durable.Open(dir, nil)
	must(t, err)
	t.Cleanup(func() { root.Close() })
	j, err := openJournal(root, Options{Source: source, Logger: slog.New(slog.DiscardHandler)})
	must(t, err)
	t.Cleanup(func() { j.close() })
	return j
}

func linesOf(t *testing.T, j *journal) (lines []Line) {
	t.Helper()
	must(t, j.replay(position{}, func(l Line, _ position) error {
		lines = append(lines, l)
		return nil
	}))
	return lines
}

func TestTailTornAtAnyByteCostsOnlyTheLinesItTore(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	j := journalOf(t, dir)
	group := []Line{Blob{Workflow: "w", Blob: "1"}, Workflow{Workflow: "w"}}
	for _, l := range append([]Line{Blob{Workflow: "w", Blob: "0"}}, group...) {
		_, err := j.append([]Line{l})
		must(t, err)
	}
	must(t, j.close())
	whole := readFile(t, filepath.Join(dir, segmentFile(1)))
	name := filepath.Join(t.TempDir(), segmentFile(1))
	for cut := range len(whole) + 1 {
		must(t, os.WriteFile(name, whole[:cut], 0o666))
		want := max(0, bytes.Count(whole[:cut], []byte("\n"))-1) // without the header

		j := journalOf(t, filepath.Dir(name))
		if got := len(linesOf(t, j)); got != want {
			t.Fatalf("cut at %d: %d lines survive, want %d", cut, got, want)
		}
		at, err := j.append(group)
		must(t, err)
		if got := len(linesOf(t, j)); got != want+len(group) {
			t.Fatalf("cut at %d: %d lines after a group of %d, want %d", cut, got, len(group), want+len(group))
		}
		must(t, j.close())
		text := readFile(t, name)
		if at != (position{1, int64(len(text))}) {
			t.Fatalf("cut at %d: the journal ends at %v, its file at %d", cut, at, len(text))
		}
		for line := range bytes.Lines(text) {
			if !json.Valid(line) {
				t.Fatalf("cut at %d: a line is %q", cut, line)
			}
		}
	}
}

func TestTornTailIsCutAndTold(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, tail string
		lost       bool
	}{
		{"half a line", `{"time":"2026-08-10T12:00:00Z","workflow":"w9"`, true},
		{"a line without its end", `{"workflow":"w9","blob":"b","state":"kept"}`, true},
		{"zeros", strings.Repeat("\x00", 70_000), true},
		{"half a line and zeros", `{"workflow":` + strings.Repeat("\x00", 500), true},
		{"zeros and an end", strings.Repeat("\x00", 500) + "\n", false},
		{"half a line and an end", `{"workflow":` + "\n", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := archive(t, groups(2)...)
			appendFile(t, segmentPath(dir, 1), []byte(tt.tail))
			r := read(t, dir) // beside the damage
			want := truth(t, dir)
			wantDump(t, "Read", dump(t, r.index), want)
			must(t, r.Close())
			m, log := openLogged(t, dir)
			if told := strings.Contains(log, "torn tail"); told != tt.lost {
				t.Errorf("told of a torn tail: %v, want %v", told, tt.lost)
			}
			wantDump(t, "Open", dump(t, m.index), want)
			add(t, m, groupOf(2)...)
			must(t, m.Close())
			lines, _ := replayed(t, dir)
			if len(lines) != 9 {
				t.Errorf("%d lines, want 9: %v", len(lines), ids(lines))
			}
		})
	}
}

func TestDamageInTheMiddleCostsOnlyItsLine(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		damage func(line []byte) []byte
	}{
		{"a brace is lost", func(b []byte) []byte { return b[1:] }},
		{"a byte is another", func(b []byte) []byte { b[2] ^= 0x40; b[0] ^= 1; return b }},
		{"zeros", func(b []byte) []byte { return append(make([]byte, len(b)-1), '\n') }},
		{"a type is wrong", func([]byte) []byte { return []byte(`{"blob":"b","size":"large"}` + "\n") }},
		{"a time is wrong", func([]byte) []byte { return []byte(`{"blob":"b","time":"yesterday"}` + "\n") }},
		{"empty", func([]byte) []byte { return []byte("\n") }},
		{"longer than any line", func(b []byte) []byte { return append(bytes.Repeat([]byte("x"), maxLine+1), '\n') }},
		{"a valid line longer than any", func(b []byte) []byte {
			return fmt.Appendf(nil, `{"workflow":"w0000","blob":"b1.jpg","state":"kept","reason":"%s"}`+"\n", bytes.Repeat([]byte("x"), maxLine))
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := archive(t, groups(2)...)
			lines := bytes.SplitAfter(readFile(t, segmentPath(dir, 1)), []byte("\n"))
			lines[2] = tt.damage(lines[2]) // after the header and b0 of w0
			must(t, os.WriteFile(segmentPath(dir, 1), bytes.Join(lines, nil), 0o666))
			got, log := replayed(t, dir)
			if want := "[w0000/b0.jpg w0000 w0001/b0.jpg w0001/b1.jpg w0001]"; fmt.Sprint(ids(got)) != want {
				t.Errorf("survivors: %v, want %v", ids(got), want)
			}
			offset := len(lines[0]) + len(lines[1])
			if strings.Count(log, "damaged") != 1 || !strings.Contains(log, fmt.Sprintf("offset=%d ", offset)) {
				t.Errorf("one damaged line at %d is to be told; the log is %q", offset, log)
			}
			must(t, os.Remove(statePath(dir, indexFile)))
			wantDump(t, "Open", dump(t, open(t, dir).index), truth(t, dir))
		})
	}
}

func TestDamagedHeaderCostsNothingElse(t *testing.T) {
	t.Parallel()
	dir := archive(t, groups(2)...)
	text := readFile(t, segmentPath(dir, 1))
	text[0] = 'x'
	must(t, os.WriteFile(segmentPath(dir, 1), text, 0o666))
	wantTruth(t, dir)
	m, log := openLogged(t, dir)
	if log != "" {
		t.Errorf("the second time it still says: %s", log)
	}
	add(t, m, groupOf(2)...)
	must(t, m.Close())
	if lines, _ := replayed(t, dir); len(lines) != 9 {
		t.Errorf("%d lines, want 9", len(lines))
	}
	wantTruth(t, dir)
}

func TestNewerFormatIsRefusedAndLeftAsItIs(t *testing.T) {
	t.Parallel()
	newer := strings.Replace(`{"journal":"civitar","format":1,"source":"x","created":"2026-08-10T12:00:00Z"}`, "1", "2", 1) + "\n"
	tests := []struct {
		name string
		make func(t *testing.T, dir string)
	}{
		{"alone", func(t *testing.T, dir string) {
			must(t, os.WriteFile(segmentPath(dir, 1), []byte(newer+"{\"torn"), 0o666))
		}},
		{"in a later segment", func(t *testing.T, dir string) {
			must(t, os.WriteFile(segmentPath(dir, 2), []byte(newer+"{\"torn"), 0o666))
		}},
		{"in an earlier segment", func(t *testing.T, dir string) {
			must(t, os.Rename(segmentPath(dir, 1), segmentPath(dir, 2)))
			must(t, os.WriteFile(segmentPath(dir, 1), []byte(newer), 0o666))
		}},
		{"before its line was whole", func(t *testing.T, dir string) {
			must(t, os.WriteFile(segmentPath(dir, 1), []byte(strings.TrimSpace(newer)), 0o666))
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := archive(t, groupOf(1)...)
			tt.make(t, dir)
			before := snapshot(t, dir)
			if m, err := Open(t.Context(), dir, Options{Source: source}); !errors.Is(err, ErrNewerFormat) {
				t.Errorf("Open: %v, %v", m, err)
			}
			if r, err := Read(t.Context(), dir); !errors.Is(err, ErrNewerFormat) {
				t.Errorf("Read: %v, %v", r, err)
			}
			after := snapshot(t, dir)
			lock := stateDir + "/" + lockFile // tells the last holder, and is no part of the record
			delete(before, lock)
			delete(after, lock)
			sameJSON(t, "the folder", after, before)
		})
	}
}

// segmented is an archive whose journal has a segment for each workflow.
func segmented(t *testing.T, n int) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "archive")
	m := open(t, dir)
	for i := range n {
		if i > 0 {
			must(t, m.journal.beginSegment(i+1))
		}
		add(t, m, groupOf(i)...)
	}
	must(t, m.Close())
	return dir
}

func TestReplayGoesOverAllSegments(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		alter func(t *testing.T, dir string)
		want  int // workflows
	}{
		{"as they are", func(*testing.T, string) {}, 4},
		{"the last is torn", func(t *testing.T, dir string) { appendFile(t, segmentPath(dir, 4), []byte(`{"blo`)) }, 4},
		{"one in the middle is torn", func(t *testing.T, dir string) { appendFile(t, segmentPath(dir, 2), []byte(`{"blo`)) }, 4},
		{"the last was just begun", func(t *testing.T, dir string) { must(t, os.WriteFile(segmentPath(dir, 5), nil, 0o666)) }, 4},
		{"the last has half a header", func(t *testing.T, dir string) {
			must(t, os.WriteFile(segmentPath(dir, 5), []byte(`{"journal":"ci`), 0o666))
		}, 4},
		{"the first was taken away", func(t *testing.T, dir string) { must(t, os.Remove(segmentPath(dir, 1))) }, 3},
		{"there are other files", func(t *testing.T, dir string) {
			for _, name := range []string{"000009.jsonl.bak", "9.jsonl", "README", "000003.jsonl.new"} {
				must(t, os.WriteFile(statePath(dir, journalDir+"/"+name), []byte("x\n"), 0o666))
			}
		}, 4},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := segmented(t, 4)
			tt.alter(t, dir)
			must(t, os.Remove(statePath(dir, indexFile)))
			wantDump(t, "Read", dump(t, read(t, dir).index), truth(t, dir))
			m := open(t, dir)
			add(t, m, groupOf(100)...)
			totals, err := m.index.Totals(t.Context())
			must(t, err)
			if totals.Workflows != int64(tt.want+1) {
				t.Errorf("%d workflows, want %d", totals.Workflows, tt.want+1)
			}
			wantDump(t, "Open", dump(t, m.index), truth(t, dir))
			must(t, m.Close())
		})
	}
}

func TestFullSegmentIsFollowedByANewOne(t *testing.T) {
	t.Parallel()
	dir := archive(t, groupOf(0)...)
	f, err := os.OpenFile(segmentPath(dir, 1), os.O_WRONLY, 0)
	must(t, err)
	_, err = f.WriteAt([]byte("\n"), segmentSize-1) // a hole, which reads as one damaged line
	must(t, errors.Join(err, f.Close()))

	m := open(t, dir)
	add(t, m, groupOf(1)...)
	add(t, m, groupOf(2)...)
	must(t, m.Close())
	if info, err := os.Stat(segmentPath(dir, 1)); err != nil || info.Size() != segmentSize {
		t.Errorf("the full segment: %v, %v", info, err)
	}
	second := readFile(t, segmentPath(dir, 2))
	if h, _, err := parseLine(second[:bytes.IndexByte(second, '\n')]); err != nil || h == nil || h.Source != source || h.Created.IsZero() {
		t.Errorf("the header of the second is %+v, %v", h, err)
	}
	if n := bytes.Count(second, []byte("\n")); n != 7 {
		t.Errorf("the second segment has %d lines, want 7", n)
	}
	wantTruth(t, dir)
}

func TestFailedAppendRefusesFurtherOnesAndLosesNothingEarlier(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		damage  func(t *testing.T, m *Manifest)
		repair  func(t *testing.T, m *Manifest)
		journal bool // the failed group is in the journal
	}{
		{"the journal's file fails", func(t *testing.T, m *Manifest) { must(t, m.journal.file.Close()) }, func(*testing.T, *Manifest) {}, false},
		{"a new segment cannot be begun", func(t *testing.T, m *Manifest) {
			m.journal.offset = segmentSize
			must(t, m.segments.Mkdir(segmentFile(2), 0o777))
		}, func(t *testing.T, m *Manifest) { must(t, m.segments.Remove(segmentFile(2))) }, false},
		{"the index fails", func(t *testing.T, m *Manifest) {
			_, err := m.index.db.Exec("CREATE TRIGGER fail BEFORE INSERT ON blob BEGIN SELECT raise(ABORT, 'broken'); END")
			must(t, err)
		}, func(t *testing.T, m *Manifest) {
			_, err := m.index.db.Exec("DROP TRIGGER fail")
			must(t, err)
		}, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := archive(t, groupOf(0)...)
			m := open(t, dir)
			add(t, m, groupOf(1)...)
			tt.damage(t, m)
			group := append([]Line{Run{Run: "2"}}, groupOf(2)...) // a line that taken in twice would show
			if err := m.Append(t.Context(), group); err == nil {
				t.Fatal("no error")
			}
			tt.repair(t, m)
			if err := m.Append(t.Context(), groupOf(3)); err == nil {
				t.Error("appended after a failure")
			}
			_ = m.Close() // its error is that of the damage
			m = open(t, dir)
			known, err := m.Known(t.Context(), []string{"w0000", "w0001", "w0002", "w0003"})
			must(t, err)
			for id, want := range map[string]bool{"w0000": true, "w0001": true, "w0002": tt.journal, "w0003": false} {
				if known[id] != nil != want {
					t.Errorf("%s is known: %v, want %v", id, !want, want)
				}
			}
			add(t, m, groupOf(4)...)
			must(t, m.Close())
			wantTruth(t, dir)
		})
	}
}

func TestLineThatCannotBeWrittenSpoilsNothing(t *testing.T) {
	t.Parallel()
	dir := archive(t, groupOf(0)...)
	before := readFile(t, segmentPath(dir, 1))
	m := open(t, dir)
	group := append(groupOf(1), Run{Summary: json.RawMessage(`{not JSON`)})
	if err := m.Append(t.Context(), group); err == nil {
		t.Error("no error")
	}
	if !bytes.Equal(readFile(t, segmentPath(dir, 1)), before) {
		t.Error("part of the group is in the journal")
	}
	add(t, m) // nothing at all
	add(t, m, groupOf(1)...)
	must(t, m.Close())
	if lines, _ := replayed(t, dir); len(lines) != 6 {
		t.Errorf("%d lines, want 6", len(lines))
	}
	wantTruth(t, dir)
}

func TestLeftoversOfReplaceDoNotCountAsSegments(t *testing.T) {
	t.Parallel()
	if segmentName.MatchString(segmentFile(1) + durable.NewExt) {
		t.Error("a leftover is taken for a segment")
	}
	for _, n := range []int{1, 999_999, 1_000_000} {
		if m := segmentName.FindStringSubmatch(segmentFile(n)); m == nil {
			t.Errorf("segment %d is not recognised", n)
		}
	}
}
