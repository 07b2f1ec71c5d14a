// Package caption writes what is known of a result in the two forms that other programs read
// from a file beside it: [XMP], which photo libraries read, and [Parameters], which image
// browsers of the Stable Diffusion world read. docs/xmp.md lists the fields.
//
// A caption is the same bytes for the same result, on any machine and at any time. Its texts
// come from whoever wrote the prompt: none of them can end the field it stands in.
package caption

import (
	"time"

	"civitar/internal/generation"
)

// Caption is what is told of one result. What is empty is left out.
type Caption struct {
	Workflow, Step, StepType, Blob string

	Level              string    // pg to xxx, as the API rates
	Created, Completed time.Time // of the workflow
	Tags               []string

	Favorite bool
	Feedback string // liked, disliked or ""

	Generation generation.Generation
}

// made is when the result was there, as near as the API tells it.
func (c Caption) made() time.Time {
	if c.Completed.IsZero() {
		return c.Created
	}
	return c.Completed
}

// stamp is RFC 3339 in UTC, or "" for the zero time.
func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339Nano)
}
