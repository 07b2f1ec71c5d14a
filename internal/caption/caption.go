// Package caption writes what can stand beside a file for other programs to read: the
// prompt, the tags, the seed and the models, as an XMP packet or in the style of the A1111
// web UI. docs/xmp.md tells where each field comes from.
package caption

import (
	"strings"
	"time"
	"unicode/utf8"

	"civitar/internal/generation"
)

// Caption is what is told of one result. Empty texts and zero times are not known.
type Caption struct {
	Workflow, Step, StepType, Blob string
	Level                          string
	Created, Completed             time.Time // of the workflow
	Tags                           []string
	Favorite                       bool
	Feedback                       string // liked, disliked or empty
	Generation                     generation.Generation
}

// made is when the result was.
func (c Caption) made() time.Time {
	if c.Completed.IsZero() {
		return c.Created
	}
	return c.Completed
}

// rating is in stars, 0 for none: favorites have five, what was liked four, what was
// disliked one.
func (c Caption) rating() int {
	switch {
	case c.Favorite:
		return 5
	case c.Feedback == "liked":
		return 4
	case c.Feedback == "disliked":
		return 1
	}
	return 0
}

// field is a named value.
type field struct{ name, value string }

// generated are the values that went into the result, those that are known.
func (c Caption) generated() []field {
	g := c.Generation
	var known []field
	for _, f := range []field{
		{"Level", c.Level}, {"Workflow", c.Workflow}, {"Step", c.Step}, {"StepType", c.StepType}, {"Blob", c.Blob},
		{"Process", g.Workflow}, {"Engine", g.Engine}, {"Ecosystem", g.Ecosystem}, {"NegativePrompt", g.Negative},
		{"Seed", g.Seed}, {"Steps", g.Steps}, {"CFGScale", g.CFG}, {"Sampler", g.Sampler}, {"Scheduler", g.Scheduler},
		{"ClipSkip", g.ClipSkip}, {"Model", g.Model()},
	} {
		if f.value != "" {
			known = append(known, f)
		}
	}
	return known
}

// clean is a text that XML can hold: what it cannot becomes the replacement character.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\t', r == '\n', r == '\r', r >= 0x20 && r <= 0xd7ff, r >= 0xe000 && r <= 0xfffd, r >= 0x10000 && r <= 0x10ffff:
			return r
		}
		return utf8.RuneError
	}, strings.ToValidUTF8(s, string(utf8.RuneError)))
}
