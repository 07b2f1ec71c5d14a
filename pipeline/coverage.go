package pipeline

import (
	"slices"
	"time"

	"civitar/fetch"
	"civitar/manifest"
)

// overlap is how far a listing goes on below what earlier runs have covered, unless a
// whole page shows nothing new: workflows can appear a little late.
const overlap = time.Hour

// order is what the listing so far says about the server's order. Coverage is a claim
// about everything between two creation times, so it is made only while the listing is in
// the order that was asked for.
type order struct {
	ascending bool
	broken    bool
	last      time.Time
}

// see takes in a page. Times a little out of order do no harm: the overlap covers them.
func (o *order) see(ws []*fetch.Workflow) {
	first := o.last
	for _, w := range ws {
		t := w.Created
		if t.IsZero() {
			continue
		}
		if !o.last.IsZero() && o.wrong(o.last, t) > overlap {
			o.broken = true
		}
		if first.IsZero() {
			first = t
		}
		o.last = t
	}
	if !first.IsZero() && o.wrong(first, o.last) > 0 {
		o.broken = true
	}
}

// wrong is by how much b should not come after a.
func (o *order) wrong(a, b time.Time) time.Duration {
	if o.ascending {
		return a.Sub(b)
	}
	return b.Sub(a)
}

// bounds returns the newest and oldest creation time of a page, zero if none is known.
func bounds(ws []*fetch.Workflow) (newest, oldest time.Time) {
	for _, w := range ws {
		if w.Created.IsZero() {
			continue
		}
		if w.Created.After(newest) {
			newest = w.Created
		}
		if oldest.IsZero() || w.Created.Before(oldest) {
			oldest = w.Created
		}
	}
	return newest, oldest
}

// below returns the workflows that a span from t down should hold.
func below(ws []*fetch.Workflow, t time.Time) []*fetch.Workflow {
	var in []*fetch.Workflow
	for _, w := range ws {
		if !w.Created.IsZero() && !w.Created.After(t) {
			in = append(in, w)
		}
	}
	return in
}

// coverUpTo is the coverage after everything up to t, from the beginning of time, has
// ended, given what was covered before.
func coverUpTo(spans []manifest.Span, t time.Time) []manifest.Span {
	bottom := manifest.Span{Newest: t, Done: true}
	var above []manifest.Span
	for _, s := range spans {
		switch {
		case s.Done && s.Newest.Before(t):
		case s.Done || !s.Oldest.After(t): // meets the bottom: they are one
			if s.Newest.After(bottom.Newest) {
				bottom.Newest = s.Newest
			}
		default:
			above = append(above, s)
		}
	}
	return append(above, bottom)
}

// olderThan is what the spans cover before t.
func olderThan(spans []manifest.Span, t time.Time) []manifest.Span {
	var older []manifest.Span
	for _, s := range spans {
		if !s.Done && !s.Oldest.Before(t) {
			continue
		}
		if s.Newest.After(t) {
			s.Newest = t
		}
		older = append(older, s)
	}
	return older
}

func sameSpans(a, b []manifest.Span) bool {
	return slices.EqualFunc(a, b, func(x, y manifest.Span) bool {
		return x.Newest.Equal(y.Newest) && x.Oldest.Equal(y.Oldest) && x.Cursor == y.Cursor && x.Done == y.Done
	})
}
