package pipeline

import (
	"errors"
	"strings"
	"time"

	"github.com/dustin/go-humanize"

	"civitar/fetch"
	"civitar/manifest"
)

// decision is what the listing alone says about a blob: fetch it, or a state with its
// reason.
type decision struct {
	state  manifest.State // "" means fetch it
	reason string
}

// Decide tells what a run would do with a blob, going by the listing alone: a state and its
// reason, or "" where it would fetch it. now is the time of the run.
func Decide(w *fetch.Workflow, b fetch.Blob, now time.Time) (manifest.State, string) {
	d := decide(w, b, now)
	return d.state, d.reason
}

// decide is the one place that says what is kept. now is the time of the run.
func decide(w *fetch.Workflow, b fetch.Blob, now time.Time) decision {
	switch {
	case b.Blocked != "":
		return decision{manifest.Withheld, clip("blocked: " + b.Blocked)}
	case b.Hidden:
		return decision{manifest.Skipped, "hidden: deleted by the user on the site"}
	case b.Temp:
		return decision{manifest.Skipped, "intermediate: not a result"}
	case b.Elsewhere:
		return decision{manifest.Skipped, "stored as an asset, which this API does not serve"}
	case b.Available:
		return decision{}
	case !w.Status.Ended():
		return decision{manifest.Pending, clip("the workflow is " + string(orUnknown(w.Status)))}
	case failed(w.Status):
		return decision{manifest.Gone, neverProduced(w)}
	case b.Level.Mature() && b.URL == "":
		return decision{manifest.Withheld, "mature content, which the server hides"}
	case justEnded(w, now):
		return decision{manifest.Pending, "not delivered yet"}
	}
	return decision{manifest.Gone, "not available, although its workflow succeeded"}
}

// justEnded tells that results of a workflow may be about to land.
func justEnded(w *fetch.Workflow, now time.Time) bool {
	return !w.Completed.IsZero() && now.Sub(w.Completed).Abs() < settle // clocks differ
}

func orUnknown(s fetch.Status) fetch.Status {
	if s == "" {
		return "of unknown status"
	}
	return s
}

func neverProduced(w *fetch.Workflow) string {
	reason := "never produced: the workflow " + string(w.Status)
	if w.Status == "canceled" || w.Status == "cancelled" {
		reason = "never produced: the workflow was canceled"
	}
	if len(w.Errors) > 0 {
		reason += ": " + strings.Join(w.Errors, "; ")
	}
	return clip(reason)
}

// clip bounds a reason: the server's words can be long.
func clip(s string) string {
	const most = 500
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}

// errTooBig says that a blob is larger than the run keeps.
var errTooBig = errors.New("too large")

// tooBig is the reason of blobs that are larger than the run keeps. It names the limit, so
// that a run with another one tries again.
func (r *run) tooBig() string {
	return "larger than --max-blob-size, " + humanize.Comma(r.MaxBlob) + " bytes"
}

// exceeds tells whether a size in bytes is larger than the run keeps.
func (r *run) exceeds(size int64) bool { return r.MaxBlob > 0 && size > r.MaxBlob }

// repeats tells that an earlier run asked the server for the blob itself and its answer
// was final, so that only a full run asks again.
func repeats(b manifest.Blob) bool {
	return b.Asked && (b.State == manifest.Withheld || b.State == manifest.Gone)
}
