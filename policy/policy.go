// Package policy says what is kept. It is the one place that does.
//
// A [Policy] is asked twice about a blob: [Policy.Decide] goes by what the listing tells,
// before any byte is asked for, and [Policy.Admit] by what the transfer has told since,
// the size, the bytes' own type, and a level that has changed. Both answer with a
// [Decision], whose reason is what the archive's record and the run's summary show.
//
// The zero Policy keeps every result that is not hidden, blocked or an intermediate.
package policy

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/dustin/go-humanize"

	"civitar/fetch"
	"civitar/manifest"
)

// Policy says what to keep. Lists that are empty are no limit.
type Policy struct {
	// MaxLevel is the highest level that is kept, "" for all. A blob without a level takes
	// its workflow's; one whose workflow has none either is unrated.
	MaxLevel fetch.Level
	// Unrated says what becomes of unrated blobs.
	Unrated Unrated
	// HideMature says that the server is asked to withhold what is mature.
	HideMature bool

	Kinds     []Kind
	StepTypes []string // in any case
	Statuses  []string // of the workflow, lower-case

	Favorite, Liked, NotDisliked bool // only those

	Hidden   bool // also what the user deleted on the site
	Temp     bool // also intermediates
	Inputs   bool // also what the steps were given
	Previews bool // also small renderings of the results

	MinSize, MaxSize int64 // bytes; 0 is no limit

	// Where, if set, must hold.
	Where *Where
}

// Unrated says what becomes of blobs that have no level anywhere.
type Unrated string

// What becomes of unrated blobs. By default they are kept, unless there is a MaxLevel.
const (
	UnratedDefault Unrated = ""
	UnratedKeep    Unrated = "keep"
	UnratedSkip    Unrated = "skip"
)

// Decision is what becomes of a blob: a state and its reason, or the zero Decision where
// it is to be fetched, or kept. Detail, if any, goes with the reason; it can quote the
// prompt.
type Decision struct {
	State          manifest.State
	Reason, Detail string
}

// Keeps tells that there is nothing against the blob.
func (d Decision) Keeps() bool { return d.State == "" }

// Text is the reason with its detail.
func (d Decision) Text() string {
	if d.Detail == "" {
		return d.Reason
	}
	return manifest.Brief(d.Reason + ": " + d.Detail)
}

// Facts are what is known of a blob besides the listing. Zero values are not known.
type Facts struct {
	Level fetch.Level // as told after the listing
	Size  int64       // bytes
	Media string      // MIME type, as the bytes tell
}

// Decide says what becomes of a blob, going by the listing and by what earlier runs have
// learned. now is the time of the run.
func (p *Policy) Decide(w *fetch.Workflow, b fetch.Blob, known Facts, now time.Time) Decision {
	if b.Blocked != "" {
		return Decision{State: manifest.Withheld, Reason: manifest.Brief("blocked: " + b.Blocked)}
	}
	if d := p.leaveOut(w, b, known); !d.Keeps() {
		return d
	}
	if !b.Available {
		return p.missing(w, b, now)
	}
	return p.choose(w, b, known)
}

// Admit says what becomes of a blob whose transfer has told more about it.
func (p *Policy) Admit(w *fetch.Workflow, b fetch.Blob, known Facts) Decision {
	if d := p.leaveOut(w, b, known); !d.Keeps() {
		return d
	}
	return p.choose(w, b, known)
}

// leaveOut is what can be said for certain, also of a blob that is not there yet.
func (p *Policy) leaveOut(w *fetch.Workflow, b fetch.Blob, known Facts) Decision {
	kind, sure := KindOf(b, known.Media)
	level := Rating(w, b, known)
	switch {
	case b.Hidden && !p.Hidden:
		return skip("hidden: deleted by the user on the site")
	case b.Temp && !p.Temp:
		return skip("intermediate: not a result")
	case b.Elsewhere:
		return skip("stored as an asset, which this API does not serve")
	case sure && len(p.Kinds) > 0 && !slices.Contains(p.Kinds, kind):
		return skip("of kind %s", kind)
	case len(p.StepTypes) > 0 && !containsFold(p.StepTypes, b.StepType):
		return skip("of step type %s", orNone(b.StepType))
	case p.above(level):
		return skip("rated %s, above %s", level, p.MaxLevel)
	}
	return Decision{}
}

// choose is what can be said once the blob is there.
func (p *Policy) choose(w *fetch.Workflow, b fetch.Blob, known Facts) Decision {
	size := cmp.Or(known.Size, b.Size, int64(len(b.Data)))
	switch {
	case !rated(Rating(w, b, known)) && p.skipsUnrated():
		return skip("unrated")
	case len(p.Statuses) > 0 && !containsFold(p.Statuses, string(w.Status)):
		return skip("the workflow's status is %s", orNone(string(w.Status)))
	case p.Favorite && !b.Favorite:
		return skip("not a favorite")
	case p.Liked && b.Feedback != "liked":
		return skip("not liked")
	case p.NotDisliked && b.Feedback == "disliked":
		return skip("disliked")
	case p.Exceeds(size):
		return skip("larger than %s bytes", humanize.Comma(p.MaxSize))
	case size > 0 && size < p.MinSize:
		return skip("smaller than %s bytes", humanize.Comma(p.MinSize))
	case p.Where != nil:
		return p.Where.decide(w, b, known)
	}
	return Decision{}
}

// Exceeds tells whether a size in bytes is larger than what is kept.
func (p *Policy) Exceeds(size int64) bool { return p.MaxSize > 0 && size > p.MaxSize }

func (p *Policy) skipsUnrated() bool {
	return p.Unrated == UnratedSkip || p.Unrated == UnratedDefault && p.MaxLevel != ""
}

// Volatile tells that the policy goes by what can change after the listing: levels, and
// what the user thinks of a result.
func (p *Policy) Volatile() bool {
	return p.MaxLevel != "" || p.skipsUnrated() || p.HideMature || p.Favorite || p.Liked || p.NotDisliked || p.Where != nil
}

// settle is how long a blob may be missing from a workflow that has succeeded before it is
// given up: results land a moment after their workflow ends.
const settle = 15 * time.Minute

// missing is what becomes of a blob that is not there.
func (p *Policy) missing(w *fetch.Workflow, b fetch.Blob, now time.Time) Decision {
	level := Rating(w, b, Facts{})
	switch {
	case !w.Status.Ended():
		return Decision{State: manifest.Pending, Reason: manifest.Brief("the workflow is " + string(orUnknown(w.Status)))}
	case w.Status.Failed():
		return neverProduced(w)
	case b.URL == "" && level.Mature():
		return Decision{State: manifest.Withheld, Reason: "mature content, which the server hides"}
	case b.URL == "" && p.HideMature && !rated(level):
		return Decision{State: manifest.Withheld, Reason: "unrated, and mature content is hidden by the server"}
	case justEnded(w, now):
		return Decision{State: manifest.Pending, Reason: "not delivered yet"}
	}
	return Decision{State: manifest.Gone, Reason: "not available, although its workflow succeeded"}
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

func neverProduced(w *fetch.Workflow) Decision {
	reason := "never produced: the workflow " + string(w.Status)
	if w.Status == "canceled" || w.Status == "cancelled" {
		reason = "never produced: the workflow was canceled"
	}
	return Decision{State: manifest.Gone, Reason: reason, Detail: strings.Join(w.Errors, "; ")}
}

func skip(format string, args ...any) Decision {
	return Decision{State: manifest.Skipped, Reason: manifest.Brief(fmt.Sprintf(format, args...))}
}

func containsFold(list []string, s string) bool {
	return slices.ContainsFunc(list, func(it string) bool { return strings.EqualFold(it, s) })
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}
