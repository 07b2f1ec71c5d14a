package pipeline

import (
	"net/url"
	"slices"
	"strings"
	"time"

	"civitar/fetch"
)

// Filter says which workflows a run is about. The server applies it; where servers differ
// (dates, failed ones), the run applies it as well.
type Filter struct {
	Tags          []string // all of them
	Text          string   // search in the metadata
	From, To      time.Time
	ExcludeFailed bool
	// Oldest lists oldest first. It changes the order, not what is listed.
	Oldest bool
}

// Scope is a text that is equal for filters that list the same workflows; "" is the whole
// account. Coverage is kept by scope.
func (f Filter) Scope() string {
	q := url.Values{}
	tags := slices.Clone(f.Tags)
	slices.Sort(tags)
	for _, t := range slices.Compact(tags) {
		q.Add("tag", t)
	}
	if f.Text != "" {
		q.Set("query", f.Text)
	}
	if !f.From.IsZero() {
		q.Set("from", f.From.UTC().Format(time.RFC3339Nano))
	}
	if !f.To.IsZero() {
		q.Set("to", f.To.UTC().Format(time.RFC3339Nano))
	}
	if f.ExcludeFailed {
		q.Set("exclude-failed", "true")
	}
	return q.Encode()
}

func (f Filter) query() fetch.Query {
	return fetch.Query{Tags: f.Tags, Text: f.Text, From: f.From, To: f.To, ExcludeFailed: f.ExcludeFailed, Ascending: f.Oldest}
}

// matches is the part of the filter that can be applied here. A workflow without a
// creation time passes: leaving it out would be a guess.
func (f Filter) matches(w *fetch.Workflow) bool {
	if !w.Created.IsZero() {
		if !f.From.IsZero() && w.Created.Before(f.From) || !f.To.IsZero() && w.Created.After(f.To) {
			return false
		}
	}
	return !f.ExcludeFailed || !failed(w.Status)
}

// beyond tells that a listing, newest first, has come to workflows older than the filter
// asks for.
func (f Filter) beyond(ws []*fetch.Workflow) bool {
	if f.From.IsZero() || len(ws) == 0 {
		return false
	}
	return !slices.ContainsFunc(ws, func(w *fetch.Workflow) bool { return w.Created.IsZero() || !w.Created.Before(f.From) })
}

func failed(s fetch.Status) bool {
	return s.Ended() && !strings.EqualFold(string(s), "succeeded")
}
