package policy

import (
	"fmt"
	"slices"
	"strings"

	"civitar/fetch"
)

// levels in their order (the API page, "NSFW levels").
func levels() []fetch.Level { return []fetch.Level{"pg", "pg13", "r", "x", "xxx"} }

// ParseLevel reads a level in any case; "na" is none that could be a limit.
func ParseLevel(s string) (fetch.Level, error) {
	l := fetch.Level(strings.ToLower(strings.TrimSpace(s)))
	if !rated(l) {
		return "", fmt.Errorf("%q is no level: give pg, pg13, r, x or xxx", s)
	}
	return l, nil
}

// rated tells a level that says something. One that is unknown does not.
func rated(l fetch.Level) bool { return slices.Contains(levels(), l) }

// Rating is the level that counts for a blob: what is known by now, or else its own, or
// else its workflow's. It is no level that is rated where all of them are missing.
func Rating(w *fetch.Workflow, b fetch.Blob, known Facts) fetch.Level {
	for _, l := range []fetch.Level{known.Level, b.Level} {
		if l != "" && l != "na" {
			return l
		}
	}
	return w.Level
}

// above tells a level that is higher than what is kept. One that is unknown, a word of
// tomorrow's, counts as unrated.
func (p *Policy) above(l fetch.Level) bool {
	return p.MaxLevel != "" && rated(l) && slices.Index(levels(), l) > slices.Index(levels(), p.MaxLevel)
}

// Admits tells whether what has this level is kept, as far as the level goes.
func (p *Policy) Admits(l fetch.Level) bool {
	return !p.above(l) && (rated(l) || !p.skipsUnrated())
}

// Sensitive tells what belongs among the mature: what is mature, and what is unrated,
// since unrated is not safe (the API page, "NSFW levels").
func Sensitive(l fetch.Level) bool { return l.Mature() || !rated(l) }

// SensitiveWorkflow tells whether the workflow's own JSON, with its prompts, does: it is
// as sensitive as the most sensitive of its blobs, or without any, as it is itself.
func SensitiveWorkflow(w *fetch.Workflow) bool {
	if len(w.Blobs) == 0 || w.Level.Mature() {
		return Sensitive(w.Level)
	}
	return slices.ContainsFunc(w.Blobs, func(b fetch.Blob) bool { return Sensitive(Rating(w, b, Facts{})) })
}
