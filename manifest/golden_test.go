package manifest

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// answers is what a record says to every question there is.
type answers struct {
	Source   string
	Created  time.Time
	Totals   Totals
	Reasons  map[State][]Reason
	Waiting  []Waiting
	Total    int64
	Kept     []Blob
	Runs     []Run
	Coverage map[string][]Span
	Revisit  map[string][]string // by scope
	Known    map[string]*Known
	Taken    map[string]Key
}

// ask puts every question, about these workflows, scopes and folded paths.
func ask(t *testing.T, x *index, workflows, scopes, folded []string) answers {
	t.Helper()
	ctx := context.Background()
	a := answers{Reasons: map[State][]Reason{}, Coverage: map[string][]Span{}, Revisit: map[string][]string{}}
	var errs []error
	note := func(err error) { errs = append(errs, err) }
	var err error
	a.Totals, err = x.Totals(ctx)
	note(err)
	for _, s := range States() {
		a.Reasons[s], err = x.Reasons(ctx, s, 10)
		note(err)
	}
	a.Waiting, a.Total, err = x.Waiting(ctx, 10)
	note(err)
	note(x.Kept(ctx, func(b Blob) error { a.Kept = append(a.Kept, b); return nil }))
	for i := range a.Kept {
		a.Kept[i].Created, a.Kept[i].Asked = time.Time{}, false // answers that the fixture does not know
	}
	a.Runs, err = x.Runs(ctx, 10)
	note(err)
	for _, s := range scopes {
		a.Coverage[s], err = x.Coverage(ctx, s)
		note(err)
		a.Revisit[s], err = x.Revisit(ctx, s, "a run that is new", "", 10)
		note(err)
	}
	a.Known, err = x.Known(ctx, workflows)
	note(err)
	for _, k := range a.Known {
		for id, b := range k.Blobs {
			b.Created = time.Time{}
			k.Blobs[id] = b
		}
	}
	a.Taken, err = x.Taken(ctx, folded)
	note(err)
	must(t, errors.Join(errs...))
	return a
}

// The compatibility promise: archives of format 1 give these answers for ever. The
// fixture is written by hand and holds what the format allows: two segments, a damaged
// and an empty line, an unknown kind and an unknown field, times in another zone, a line
// whose workflow has none, and a torn tail. Never change it; add another.
func TestArchivesOfFormat1AreReadForEver(t *testing.T) {
	t.Parallel()
	const fixture = "testdata/format1"
	workflows := []string{"8484131-20260810223715659", "8484131-20260811010000000", "8484131-20260812050000000",
		"8484131-20260812055500000", "8484131-20260812055900000", "unheard-of"}
	scopes := []string{"", "tag=fox", "unheard-of"}
	folded := []string{"media/2026-08-10/8484131-20260810223715659_a1.jpg", "workflows/2026-08-11/8484131-20260811010000000.json", "media/unheard-of"}
	var want answers
	must(t, json.Unmarshal(readFile(t, fixture+"/answers.json"), &want))

	dir := t.TempDir()
	must(t, os.MkdirAll(statePath(dir, journalDir), 0o777))
	must(t, os.CopyFS(statePath(dir, journalDir), os.DirFS(filepath.Join(fixture, journalDir))))
	r := read(t, dir)
	got := ask(t, r.index, workflows, scopes, folded)
	got.Source, got.Created = r.Source, r.Created
	sameJSON(t, "Read", got, want)
	must(t, r.Close())

	m := open(t, dir)
	got = ask(t, m.index, workflows, scopes, folded)
	got.Source, got.Created = m.journal.source, m.journal.created
	sameJSON(t, "Open", got, want)
	add(t, m, groupOf(1)...) // it can be gone on with
	must(t, m.Close())
	wantTruth(t, dir)
}
