package manifest

import (
	"database/sql"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestLatestLineAboutABlobWins(t *testing.T) {
	t.Parallel()
	at := func(n int) time.Time { return day.Add(time.Duration(n) * time.Hour) }
	b := func(n int, s State) Blob {
		b := Blob{Time: at(n), Workflow: "w", Blob: "b", State: s}
		if s == Kept {
			b.Path, b.Size = fmt.Sprint("media/", n), int64(n)
		} else {
			b.Reason = fmt.Sprint(n)
		}
		return b
	}
	tests := []struct {
		name  string
		lines []Line
		want  Blob
	}{
		{"once", []Line{b(1, Pending)}, b(1, Pending)},
		{"failed, then kept", []Line{b(1, Failed), b(2, Kept)}, b(2, Kept)},
		{"kept, then gone", []Line{b(1, Kept), b(2, Gone)}, b(2, Gone)},
		{"the last written, whatever its time", []Line{b(5, Failed), b(1, Kept)}, b(1, Kept)},
		{"of another workflow", []Line{b(1, Kept), Blob{Workflow: "v", Blob: "b", State: Gone}}, b(1, Kept)},
		{"of another case", []Line{b(1, Kept), Blob{Workflow: "w", Blob: "B", State: Gone}, Blob{Workflow: "W", Blob: "b", State: Gone}}, b(1, Kept)},
	}
	for _, tt := range tests {
		for _, split := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, in groups %v", tt.name, split), func(t *testing.T) {
				m := open(t, t.TempDir())
				if split {
					for _, l := range tt.lines {
						add(t, m, l)
					}
				} else {
					add(t, m, tt.lines...)
				}
				known, err := m.Known(t.Context(), []string{"w"})
				must(t, err)
				tt.want.Time = time.Time{} // not filled in
				if len(known) != 1 || len(known["w"].Blobs) > 2 || known["w"].Blobs["b"] != tt.want {
					t.Errorf("%+v, want %+v", known["w"], tt.want)
				}
				totals, err := m.index.Totals(t.Context())
				must(t, err)
				if totals.States[tt.want.State].Bytes != tt.want.Size {
					t.Errorf("totals %+v", totals)
				}
			})
		}
	}
}

func TestQuestionsAboutManyIDsAreAnsweredWhole(t *testing.T) {
	t.Parallel()
	const n = 510
	m := open(t, t.TempDir())
	add(t, m, groups(n)...)
	var workflows, paths []string
	for i := range 2 * n { // the second half is unknown
		w := fmt.Sprintf("w%04d", i)
		workflows = append(workflows, w)
		paths = append(paths, "media/2026-08-10/"+w+"_b0.jpg", "workflows/2026-08-10/"+w+".json", "media/2026-08-10/"+w+"_B0.jpg")
	}
	workflows = append(workflows, workflows[:10]...) // asked for twice
	known, err := m.Known(t.Context(), workflows)
	must(t, err)
	taken, err := m.Taken(t.Context(), paths)
	must(t, err)
	if len(known) != n || len(taken) != 2*n {
		t.Errorf("%d are known and %d taken, want %d and %d", len(known), len(taken), n, 2*n)
	}
	for i := range n {
		group := groupOf(i)
		b, w := group[0].(Blob), group[2].(Workflow)
		k := known[w.Workflow]
		if k == nil || len(k.Blobs) != 2 {
			t.Fatalf("%s: %+v", w.Workflow, k)
		}
		b.Time, b.Run = time.Time{}, ""
		w.Time, w.Run = time.Time{}, ""
		if k.Blobs[b.Blob] != b || k.Workflow != w {
			t.Errorf("known %+v, want %+v and %+v", k, w, b)
		}
		if got := taken[strings.ToLower(b.Path)]; got != (Key{w.Workflow, b.Blob}) {
			t.Errorf("%s is taken by %v", b.Path, got)
		}
		if got := taken[w.Sidecar]; got != (Key{Workflow: w.Workflow}) {
			t.Errorf("%s is taken by %v", w.Sidecar, got)
		}
	}
	for _, ids := range [][]string{nil, {}, {"unheard-of"}} {
		known, err := m.Known(t.Context(), ids)
		taken, terr := m.Taken(t.Context(), ids)
		if len(known) != 0 || len(taken) != 0 || err != nil || terr != nil {
			t.Errorf("%v: %v, %v, %v, %v", ids, known, taken, err, terr)
		}
	}
}

func TestPathIsTakenAsLongAsItHasAnOwner(t *testing.T) {
	t.Parallel()
	m := open(t, t.TempDir())
	b := Blob{Workflow: "w", Blob: "b", State: Kept, Path: "media/A.jpg"}
	gone := b
	gone.State, gone.Path = Gone, ""
	moved := b
	moved.Path = "media/other"
	for i, tt := range []struct {
		line  Line
		taken bool
	}{{b, true}, {b, true}, {moved, false}, {b, true}, {gone, false}} {
		add(t, m, tt.line)
		taken, err := m.Taken(t.Context(), []string{"media/a.jpg", ""})
		must(t, err)
		if got := taken["media/a.jpg"] == (Key{"w", "b"}); got != tt.taken || len(taken) > 1 {
			t.Errorf("after line %d: %v, want it taken: %v", i, taken, tt.taken)
		}
	}
}

func TestCoverageIsThatOfItsScope(t *testing.T) {
	t.Parallel()
	m := open(t, t.TempDir())
	first := []Span{{Newest: day, Oldest: day.Add(-time.Hour), Cursor: "c"}}
	second := []Span{{Newest: day.Add(time.Hour), Done: true}, {Cursor: "d"}}
	for _, tt := range []struct {
		name, scope string
		add         []Line
		want        []Span
	}{
		{"nothing yet", "", nil, nil},
		{"the account's", "", []Line{Coverage{Spans: first}}, first},
		{"not another's", "tag", nil, nil},
		{"another's", "tag", []Line{Coverage{Scope: "tag", Spans: second}}, second},
		{"still the account's", "", nil, first},
		{"the latest", "", []Line{Coverage{Spans: second}}, second},
		{"taken back", "", []Line{Coverage{Spans: nil}}, nil},
	} {
		add(t, m, tt.add...)
		got, err := m.Coverage(t.Context(), tt.scope)
		if err != nil || !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%s: %+v, %v; want %+v", tt.name, got, err, tt.want)
		}
	}
	wantDump(t, "the index in use", dump(t, m.index), truth(t, m.dir))
}

func TestRevisitNamesWhatMustBeAskedForAgain(t *testing.T) {
	t.Parallel()
	m := open(t, t.TempDir())
	for _, w := range []struct {
		id, scope, run string
		open           bool
		blobs          []State
	}{
		{"done", "", "r1", false, []State{Kept, Skipped, Withheld, Gone}},
		{"empty", "", "r1", false, nil},
		{"failed", "", "r1", false, []State{Kept, Failed}},
		{"open", "", "r1", true, []State{Kept}},
		{"openandpending", "tag", "r1", true, []State{Pending, Failed, Pending}},
		{"pending", "tag", "r2", false, []State{Pending}},
	} {
		for i, s := range w.blobs {
			add(t, m, Blob{Workflow: w.id, Blob: fmt.Sprint(i), State: s, Run: "another"})
		}
		add(t, m, Workflow{Workflow: w.id, Scope: w.scope, Run: w.run, Open: w.open})
	}
	add(t, m, Blob{Workflow: "orphan", Blob: "0", State: Pending, Run: "r2"}) // its workflow's line was torn
	all := []string{"failed", "open", "openandpending", "orphan", "pending"}
	tests := []struct {
		name, scope, run, after string
		n                       int
		want                    []string
	}{
		{"of every scope", "", "r3", "", 10, all},
		{"not what this run has seen itself", "", "r1", "", 10, []string{"orphan", "pending"}},
		{"nor what another has", "", "r2", "", 10, []string{"failed", "open", "openandpending", "orphan"}},
		{"of a scope", "tag", "r3", "", 10, []string{"openandpending", "pending"}},
		{"of a scope, seen by this run", "tag", "r2", "", 10, []string{"openandpending"}},
		{"of no such scope", "none", "r3", "", 10, nil},
		{"the first two", "", "r3", "", 2, all[:2]},
		{"after them", "", "r3", "open", 2, all[2:4]},
		{"after one that is none", "", "r3", "omega", 1, all[1:2]},
		{"after all", "", "r3", "pending", 10, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := m.Revisit(t.Context(), tt.scope, tt.run, tt.after, tt.n)
			if err != nil || !slices.Equal(got, tt.want) {
				t.Errorf("%v, %v; want %v", got, err, tt.want)
			}
		})
	}
	add(t, m, Blob{Workflow: "failed", Blob: "1", State: Kept}, Workflow{Workflow: "open"})
	if got, err := m.Revisit(t.Context(), "", "r3", "", 10); err != nil || !slices.Equal(got, all[2:]) {
		t.Errorf("after they ended: %v, %v; want %v", got, err, all[2:])
	}
}

func TestUnendedNamesTheOldestFirst(t *testing.T) {
	t.Parallel()
	m := open(t, t.TempDir())
	day := func(n int) time.Time { return time.Date(2026, 8, n, 0, 0, 0, 0, time.UTC) }
	add(t, m, Workflow{Workflow: "a", Created: day(3), Open: true}, Workflow{Workflow: "b", Created: day(1), Open: true, Scope: "tag"},
		Workflow{Workflow: "c", Created: day(2), Open: true, Scope: AnyScope}, Workflow{Workflow: "d", Created: day(1)}, Workflow{Workflow: "e", Created: day(4), Open: true},
		Workflow{Workflow: "e", Created: day(4)})
	for _, tt := range []struct {
		scope string
		n     int
		want  string
	}{{"", 10, "b1 c2 a3 "}, {"", 2, "b1 c2 "}, {"tag", 10, "b1 c2 "}, {"other", 10, "c2 "}} {
		found, err := m.Unended(t.Context(), tt.scope, tt.n)
		got := ""
		for _, w := range found {
			got += fmt.Sprint(w.Workflow, w.Created.Day(), " ")
		}
		if err != nil || got != tt.want {
			t.Errorf("%d of %q: %q, %v; want %q", tt.n, tt.scope, got, err, tt.want)
		}
	}
}

func TestTotalsAndReasonsCountLatestStates(t *testing.T) {
	t.Parallel()
	m := open(t, t.TempDir())
	for i, s := range []State{Kept, Kept, Skipped, Skipped, Skipped, Withheld, Failed, Pending} {
		b := Blob{Workflow: fmt.Sprint("w", i%3), Blob: fmt.Sprint(i), State: s, Size: int64(i + 1)}
		if s == Skipped {
			b.Reason = []string{"mature", "filter", "mature"}[i-2]
		}
		add(t, m, Blob{Workflow: b.Workflow, Blob: b.Blob, State: Pending}, b)
	}
	add(t, m, Workflow{Workflow: "w0"}, Workflow{Workflow: "w1", Open: true}, Workflow{Workflow: "w1"}, Workflow{Workflow: "w2", Open: true})
	totals, err := m.index.Totals(t.Context())
	must(t, err)
	want := Totals{3, 1, map[State]Count{Kept: {2, 3}, Skipped: {3, 12}, Withheld: {1, 6}, Failed: {1, 7}, Pending: {1, 8}}}
	if !reflect.DeepEqual(totals, want) {
		t.Errorf("%+v, want %+v", totals, want)
	}
	for _, tt := range []struct {
		state State
		n     int
		want  []Reason
	}{
		{Skipped, 10, []Reason{{"mature", 2}, {"filter", 1}}},
		{Skipped, 1, []Reason{{"mature", 2}}},
		{Withheld, 10, []Reason{{"", 1}}},
		{Gone, 10, nil},
	} {
		if got, err := m.index.Reasons(t.Context(), tt.state, tt.n); err != nil || !slices.Equal(got, tt.want) {
			t.Errorf("reasons of %s: %v, %v; want %v", tt.state, got, err, tt.want)
		}
	}
}

func TestWaitingNamesTheMostUrgentFirst(t *testing.T) {
	t.Parallel()
	m := open(t, t.TempDir())
	ended := func(h int) time.Time { return day.Add(time.Duration(h) * time.Hour) }
	add(t, m,
		Workflow{Workflow: "a", Created: day, Completed: ended(9)}, Workflow{Workflow: "b", Created: day, Completed: ended(2)},
		Workflow{Workflow: "c", Created: day, Open: true}, Workflow{Workflow: "d", Completed: ended(1)})
	var want []Waiting
	for _, w := range []Waiting{
		{Workflow: "b", Blob: "1", State: Failed, Completed: ended(2), Created: day},
		{Workflow: "b", Blob: "2", State: Pending, Reason: "why", Completed: ended(2), Created: day},
		{Workflow: "a", Blob: "1", State: Failed, Completed: ended(9), Created: day},
		{Workflow: "c", Blob: "1", State: Pending, Created: day},
		{Workflow: "orphan", Blob: "1", State: Failed},
	} {
		want = append(want, w)
		add(t, m, Blob{Workflow: w.Workflow, Blob: w.Blob, State: w.State, Reason: w.Reason})
	}
	for _, s := range []State{Kept, Skipped, Withheld, Gone} {
		add(t, m, Blob{Workflow: "d", Blob: string(s), State: s})
	}
	for _, n := range []int{10, 2, 0} {
		got, total, err := m.index.Waiting(t.Context(), n)
		if err != nil || total != 5 || !slices.Equal(got, want[:min(n, 5)]) {
			t.Errorf("the first %d: %+v of %d, %v; want %+v", n, got, total, err, want[:min(n, 5)])
		}
	}
}

func TestKeptHandsOnEveryKeptBlobInOrder(t *testing.T) {
	t.Parallel()
	m := open(t, t.TempDir())
	want := []Blob{
		{Workflow: "a", Blob: "1", State: Kept, Path: "p1", Size: 1, SHA256: "s", Media: "m", NSFW: "n", Step: "$0", Type: "t"},
		{Workflow: "a", Blob: "2", State: Kept},
		{Workflow: "b", Blob: "0", State: Kept},
	}
	add(t, m, want[2], Blob{Workflow: "a", Blob: "0", State: Gone}, want[1], want[0])
	var got []Blob
	must(t, m.index.Kept(t.Context(), func(b Blob) error { got = append(got, b); return nil }))
	if !slices.Equal(got, want) {
		t.Errorf("%+v, want %+v", got, want)
	}
	enough := errors.New("enough")
	calls := 0
	if err := m.index.Kept(t.Context(), func(Blob) error { calls++; return enough }); !errors.Is(err, enough) || calls != 1 {
		t.Errorf("%v after %d calls, want %v after the first", err, calls, enough)
	}
}

func TestRunsAreToldNewestFirst(t *testing.T) {
	t.Parallel()
	m := open(t, t.TempDir())
	for i := range 5 {
		add(t, m, Run{Time: day, Run: fmt.Sprint(i % 4), Summary: fmt.Appendf(nil, `{"n":%d}`, i)}) // an id twice is two runs
	}
	got, err := m.index.Runs(t.Context(), 3)
	must(t, err)
	sameJSON(t, "runs", got, []Run{{Time: day, Run: "0", Summary: []byte(`{"n":4}`)}, {Time: day, Run: "3", Summary: []byte(`{"n":3}`)},
		{Time: day, Run: "2", Summary: []byte(`{"n":2}`)}})
}

func TestQuestionsMayBeAskedWhileLinesAreAppended(t *testing.T) {
	t.Parallel()
	m := open(t, t.TempDir())
	add(t, m, groupOf(0)...)
	done := make(chan struct{})
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			for {
				known, err := m.Known(t.Context(), []string{"w0000"})
				if err != nil || len(known["w0000"].Blobs) != 2 {
					t.Errorf("%v, %v", known, err)
					return
				}
				_, err = m.Taken(t.Context(), []string{"x"})
				totals, terr := m.index.Totals(t.Context())
				if err != nil || terr != nil || totals.States[Kept].Blobs != totals.States[Failed].Blobs {
					t.Errorf("a group is seen in part: %+v, %v, %v", totals, err, terr)
					return
				}
				select {
				case <-done:
					return
				default:
				}
			}
		})
	}
	for i := range 30 {
		add(t, m, groupOf(i)...)
	}
	close(done)
	wg.Wait()
	wantDump(t, "the index in use", dump(t, m.index), truth(t, m.dir))
}

// TestPathsAreFoundByTheirIndex: without it every group of files would read the whole record.
func TestPathsAreFoundByTheirIndex(t *testing.T) {
	m := open(t, t.TempDir())
	for table, column := range map[string]string{"blob": "path", "blob ": "beside_path", "workflow": "sidecar"} {
		var plan []string
		err := m.each(t.Context(), func(r *sql.Rows) error {
			var id, parent, unused int
			var step string
			err := r.Scan(&id, &parent, &unused, &step)
			plan = append(plan, step)
			return err
		}, "EXPLAIN QUERY PLAN SELECT "+column+" FROM "+table+" WHERE "+isIn(column, "?,?"), "a", "b")
		if err != nil || len(plan) != 1 || !strings.Contains(plan[0], "INDEX") || !strings.Contains(plan[0], column+"=?") {
			t.Errorf("%s: %q, %v", column, plan, err)
		}
	}
}
