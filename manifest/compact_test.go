package manifest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"civitar/internal/durable"
)

// small is a size of segments that a few groups fill.
const small = 3000

// openSmall opens an archive of small segments over a disk with a hook.
func openSmall(t *testing.T, dir string, hook durable.Hook) *Manifest {
	t.Helper()
	m, err := Open(t.Context(), dir, Options{Source: source, Segment: small, Hook: hook})
	must(t, err)
	t.Cleanup(func() { _ = m.Close() })
	return m
}

// again is what a later run says of a workflow: everything, anew.
func again(i, run int) (lines []Line) {
	for _, l := range groupOf(i) {
		switch l := l.(type) {
		case Blob:
			l.Time, l.Run = day.Add(time.Duration(run)*time.Hour), fmt.Sprint("r", run)
			lines = append(lines, l)
		case Workflow:
			l.Time, l.Run = day.Add(time.Duration(run)*time.Hour), fmt.Sprint("r", run)
			lines = append(lines, l)
		}
	}
	return append(lines, Coverage{Time: day, Run: fmt.Sprint("r", run), Spans: []Span{{Newest: day, Cursor: fmt.Sprint(run)}}})
}

// outdated is an archive of several small segments, of whose lines most are superseded.
func outdated(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "archive")
	m := openSmall(t, dir, nil)
	add(t, m, Filing{Time: day, Filing: Files{Layout: "{blob}"}})
	for run := range 4 {
		for i := range 6 {
			add(t, m, again(i+run, run)...)
		}
		add(t, m, Run{Time: day, Run: fmt.Sprint("r", run), Summary: json.RawMessage(`{"kept":1}`)})
	}
	must(t, m.Close())
	if n := len(segmentsOf(t, dir)); n < 5 {
		t.Fatalf("%d segments", n)
	}
	return dir
}

// segmentsOf is the journal in dir, by segment.
func segmentsOf(t *testing.T, dir string) map[int][]byte {
	t.Helper()
	all := map[int][]byte{}
	for name, data := range snapshot(t, statePath(dir, journalDir)) {
		var n int
		if _, err := fmt.Sscanf(name, "%06d.jsonl", &n); err != nil || name != segmentFile(n) {
			t.Errorf("the journal holds %s", name)
		}
		all[n] = []byte(data)
	}
	return all
}

func size(segments map[int][]byte) (n int) {
	for _, data := range segments {
		n += len(data)
	}
	return n
}

// wantRest checks that segments are the lines of what they were, in their order, but for the
// headers, and that the last is what it was.
func wantRest(t *testing.T, got, before map[int][]byte) {
	t.Helper()
	if !slices.Equal(slices.Sorted(maps.Keys(got)), slices.Sorted(maps.Keys(before))) {
		t.Fatalf("the segments are %v", slices.Sorted(maps.Keys(got)))
	}
	last := slices.Max(slices.Collect(maps.Keys(got)))
	if !bytes.Equal(got[last], before[last]) {
		t.Error("the last segment was changed")
	}
	for n, data := range got {
		lines, was := bytes.SplitAfter(data, []byte("\n")), bytes.SplitAfter(before[n], []byte("\n"))
		h, _, err := parseLine(lines[0])
		if err != nil || h == nil || h.Source != source || h.Format != Format {
			t.Errorf("the header of segment %d is %q", n, lines[0])
		}
		if changed := !bytes.Equal(data, before[n]); changed != (h.Compacted != position{}) {
			t.Errorf("segment %d changed: %v; its header: %s", n, changed, lines[0])
		}
		lines, was = lines[1:], was[1:]
		for len(lines) > 0 {
			at := slices.IndexFunc(was, func(l []byte) bool { return bytes.Equal(l, lines[0]) })
			if at < 0 {
				t.Fatalf("segment %d has %q, in another place or not at all before", n, lines[0])
			}
			lines, was = lines[1:], was[at+1:]
		}
	}
}

func TestCompactionLeavesOutWhatIsSuperseded(t *testing.T) {
	t.Parallel()
	dir := outdated(t)
	before, want := segmentsOf(t, dir), truth(t, dir)
	m := openSmall(t, dir, nil)
	must(t, m.Compact(t.Context(), nil))
	wantDump(t, "the index in use", dump(t, m.index), want)
	after := segmentsOf(t, dir)
	wantRest(t, after, before)
	if size(after) > size(before)*2/3 {
		t.Errorf("%d bytes are left of %d", size(after), size(before))
	}
	about := map[string]bool{}
	for n := range len(after) - 1 {
		for line := range bytes.Lines(after[n+1]) {
			_, l, err := parseLine(line)
			must(t, err)
			if _, run := l.(Run); l == nil || run {
				continue
			}
			if s := string(subject(l, 0)); about[s] {
				t.Errorf("not the first about its subject: %s", line)
			} else {
				about[s] = true
			}
		}
	}
	add(t, m, again(3, 9)...) // it can be gone on with
	must(t, m.Close())
	wantTruth(t, dir)

	m = openSmall(t, dir, nil)
	unchanged := segmentsOf(t, dir)
	must(t, m.Compact(t.Context(), nil))
	must(t, m.Close())
	if !maps.EqualFunc(segmentsOf(t, dir), unchanged, bytes.Equal) {
		t.Error("compacted again, for nothing")
	}
}

func TestCompactionWaitsUntilItPays(t *testing.T) {
	t.Parallel()
	published := func(string, int64, []byte) error { return nil }
	tests := []struct {
		name  string
		lines func(t *testing.T, m *Manifest)
		o     Options
		want  bool
	}{
		{"nothing is superseded", func(t *testing.T, m *Manifest) {
			for i := range 20 {
				add(t, m, groupOf(i)...)
			}
		}, Options{}, false},
		{"a third is", func(t *testing.T, m *Manifest) {
			for i := range 20 {
				add(t, m, groupOf(i)...)
			}
			for i := range 10 {
				add(t, m, groupOf(i)...)
			}
		}, Options{}, false},
		{"more than half is", func(t *testing.T, m *Manifest) {
			for range 3 {
				for i := range 10 {
					add(t, m, groupOf(i)...)
				}
			}
		}, Options{}, true},
		{"more than half is, but no segment is full", func(t *testing.T, m *Manifest) {
			for range 3 {
				for i := range 10 {
					add(t, m, groupOf(i)...)
				}
			}
		}, Options{Segment: 1 << 20}, false},
		{"more than half is, of a journal that is kept elsewhere", func(t *testing.T, m *Manifest) {
			for range 3 {
				for i := range 10 {
					add(t, m, groupOf(i)...)
				}
			}
		}, Options{Publish: published}, false},
		{"runs, more than count", func(t *testing.T, m *Manifest) {
			for i := range 30 {
				var lines []Line
				for n := range keptRuns / 10 {
					lines = append(lines, Run{Run: fmt.Sprint(i, " ", n), Summary: json.RawMessage(`{}`)})
				}
				add(t, m, lines...)
			}
		}, Options{}, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "archive")
			tt.o.Source, tt.o.Segment = source, max(tt.o.Segment, small)
			m, err := Open(t.Context(), dir, tt.o)
			must(t, err)
			tt.lines(t, m)
			want, before := truth(t, dir), segmentsOf(t, dir)
			must(t, m.Compact(t.Context(), nil))
			if got := !maps.EqualFunc(segmentsOf(t, dir), before, bytes.Equal); got != tt.want {
				t.Errorf("compacted: %v, want %v", got, tt.want)
			}
			must(t, m.Close())
			wantDump(t, "the journal", truth(t, dir), want)
			wantTruth(t, dir)
		})
	}
}

// What was superseded and could not be left out must not make every run try again.
func TestCompactionIsNotTriedAgainForWhatItLeft(t *testing.T) {
	t.Parallel()
	dir := outdated(t)
	var marks []Mark
	for n := range segmentsOf(t, dir) {
		marks = append(marks, Mark{Segment: n})
	}
	m := openSmall(t, dir, nil)
	for i, want := range []bool{true, false} {
		if pays, err := m.compactionPays(t.Context()); err != nil || pays != want {
			t.Errorf("time %d: it pays: %v, %v", i, pays, err)
		}
		must(t, m.Compact(t.Context(), marks))
	}
	for run := range 8 {
		for i := range 10 {
			add(t, m, again(i, run)...)
		}
	}
	if pays, err := m.compactionPays(t.Context()); err != nil || !pays {
		t.Errorf("after more: it pays: %v, %v", pays, err)
	}
	must(t, m.Close())
}

func TestCompactionLeavesWhatItCannotJudge(t *testing.T) {
	t.Parallel()
	const unknown = `{"event":"verified","workflow":"w0001","blob2":"b0.jpg"}` + "\n"
	tests := []struct {
		name    string
		alter   func(lines [][]byte) [][]byte
		unmoved bool // the segment is left as it is
	}{
		{"a line of an unknown kind", func(l [][]byte) [][]byte { return slices.Insert(l, 3, []byte(unknown)) }, false},
		{"lines of unknown kinds, equal", func(l [][]byte) [][]byte {
			return slices.Insert(l, 3, []byte(unknown), []byte(unknown), []byte("{}\n"), []byte("null\n"))
		}, false},
		{"a header with more to it", func(l [][]byte) [][]byte {
			l[0] = bytes.Replace(l[0], []byte(`{`), []byte(`{"more":{"a":[1]},`), 1)
			return l
		}, false},
		{"a damaged line", func(l [][]byte) [][]byte { return slices.Insert(l, 3, []byte("{\"blob\":\n")) }, true},
		{"an empty line", func(l [][]byte) [][]byte { return slices.Insert(l, 3, []byte("\n")) }, true},
		{"a damaged header", func(l [][]byte) [][]byte { l[0][0] = 'x'; return l }, true},
		{"no header", func(l [][]byte) [][]byte { return l[1:] }, true},
		{"a header whose note cannot be read", func(l [][]byte) [][]byte {
			l[0] = bytes.Replace(l[0], []byte(`{`), []byte(`{"compacted":7,`), 1)
			return l
		}, true},
		{"a torn tail", func(l [][]byte) [][]byte { return append(l, []byte(`{"blob":`)) }, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := outdated(t)
			text := bytes.Join(tt.alter(bytes.SplitAfter(readFile(t, segmentPath(dir, 2)), []byte("\n"))), nil)
			must(t, os.WriteFile(segmentPath(dir, 2), text, 0o666))
			want := truth(t, dir)
			removeIndex(t, dir)
			before := segmentsOf(t, dir)
			m := openSmall(t, dir, nil)
			must(t, m.Compact(t.Context(), nil))
			must(t, m.Close())
			after := segmentsOf(t, dir)
			if got := bytes.Equal(after[2], before[2]); got != tt.unmoved {
				t.Errorf("it was left as it is: %v, want %v", got, tt.unmoved)
			}
			for _, some := range []string{unknown, "\n{}\n", "\nnull\n", `"more":{"a":[1]}`} {
				if n := strings.Count(string(text), some); strings.Count(string(after[2]), some) != n {
					t.Errorf("%q stands %d times in it: %s", some, n, after[2])
				}
			}
			if size(after) >= size(before) {
				t.Error("nothing was left out anywhere")
			}
			wantDump(t, "the journal", truth(t, dir), want)
			wantTruth(t, dir)
		})
	}
}

func TestCompactionSparesMarkedSegments(t *testing.T) {
	t.Parallel()
	dir := outdated(t)
	before := segmentsOf(t, dir)
	m := openSmall(t, dir, nil)
	must(t, m.Compact(t.Context(), []Mark{{Segment: 2}, {Segment: 3}, {Segment: 77}}))
	must(t, m.Close())
	for n, data := range segmentsOf(t, dir) {
		if spared := n == 2 || n == 3 || n == len(before); bytes.Equal(data, before[n]) != spared {
			t.Errorf("segment %d was spared: %v", n, !spared)
		}
	}
	wantTruth(t, dir)
}

// TestCompactionMayStopAnywhere lets the disk fail at each step of a compaction in turn, and
// looks at what the disk holds before each, as a killed process leaves it.
func TestCompactionMayStopAnywhere(t *testing.T) {
	t.Parallel()
	whole := outdated(t)
	want, before := truth(t, whole), segmentsOf(t, whole)
	broken := errors.New("the disk is broken")
	steps, done := 0, false
	for at := 1; !done; at++ {
		dir, killed := filepath.Join(t.TempDir(), "archive"), filepath.Join(t.TempDir(), "killed")
		must(t, os.CopyFS(dir, os.DirFS(whole)))
		step := 0
		var taken []string
		armed := false
		m := openSmall(t, dir, func(op durable.Op, name string) error {
			if !armed {
				return nil
			}
			step++
			taken = append(taken, fmt.Sprint(op, " ", name))
			if step == at {
				must(t, os.CopyFS(killed, os.DirFS(dir)))
			}
			if step >= at {
				return broken
			}
			return nil
		})
		armed = true
		err := m.Compact(t.Context(), nil)
		armed = false
		if done = step < at; done != (err == nil) || !done && !errors.Is(err, broken) {
			t.Fatalf("broken at step %d of %v: %v", at, taken, err)
		}
		steps = step
		wantDump(t, "the index in use", dump(t, m.index), want)
		add(t, m, again(8, 3)...) // the run goes on, and says what it said
		must(t, m.Close())
		wantDump(t, "the next run", truth(t, dir), want)
		if done {
			break
		}
		wantDump(t, "after the kill", truth(t, killed), want)
		wantTruth(t, killed)
		wantRest(t, segmentsOf(t, killed), before) // nothing else is left there, and that after one Open
		m = openSmall(t, killed, nil)
		must(t, m.Compact(t.Context(), nil))
		must(t, m.Close())
		wantTruth(t, killed)
		if t.Failed() {
			t.Fatalf("broken at step %d of %v", at, taken)
		}
	}
	if steps < 15 {
		t.Errorf("a compaction has %d steps", steps)
	}
	t.Logf("%d steps", steps)
}
