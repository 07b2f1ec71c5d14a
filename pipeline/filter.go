package pipeline

import (
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"net/url"
	"slices"
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

// Whole tells that the filter leaves out no workflow of the account.
func (f Filter) Whole() bool { return len(f.values()) == 0 }

// values are what the filter says, by the names of the flags that say it; equal for
// filters that list the same workflows.
func (f Filter) values() url.Values {
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
	return q
}

// Scope is a text that is equal for runs that are about the same workflows and would keep
// the same blobs of them; "" is a run that keeps everything. Coverage is kept by scope. An
// archive that encrypts tells nobody what was looked for.
func (c Config) Scope() string {
	q := c.Filter.values()
	maps.Copy(q, c.Policy.Values())
	scope := q.Encode()
	if scope != "" && c.Filing.Encrypts() {
		sum := sha256.Sum256([]byte(scope))
		return "sha256:" + hex.EncodeToString(sum[:16])
	}
	return scope
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
	return !f.ExcludeFailed || !w.Status.Failed()
}

// beyond tells that a listing, newest first, has come to workflows older than the filter
// asks for.
func (f Filter) beyond(ws []*fetch.Workflow) bool {
	if f.From.IsZero() || len(ws) == 0 {
		return false
	}
	return !slices.ContainsFunc(ws, func(w *fetch.Workflow) bool { return w.Created.IsZero() || !w.Created.Before(f.From) })
}
