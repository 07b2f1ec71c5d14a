package main

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"civitar/internal/sandbox"
)

// Each filter keeps what the truth says it should, and nothing else; without it the next run
// fetches exactly the rest, and a dry run tells beforehand how much.
func TestFiltersKeepWhatTheySay(t *testing.T) {
	t.Parallel()
	a := newAccount(t, sandbox.Options{Workflows: 150})
	result := func(e sandbox.Expected) bool { return e.Disposition == "deliverable" }
	kind := func(kinds ...string) func(sandbox.Expected) bool {
		return func(e sandbox.Expected) bool {
			class, _, _ := strings.Cut(e.MediaType, "/")
			return result(e) && slices.Contains(kinds, class)
		}
	}
	for name, c := range map[string]struct {
		flags []string
		want  func(sandbox.Expected) bool
	}{
		"images":    {[]string{"--media=image"}, kind("image")},
		"moving":    {[]string{"--media=video,audio"}, kind("video", "audio")},
		"one step":  {[]string{"--step-type=IMAGEGEN", "--media=image"}, func(e sandbox.Expected) bool { return kind("image")(e) && e.StepType == "imageGen" }},
		"favorites": {[]string{"--favorite"}, func(e sandbox.Expected) bool { return result(e) && e.Favorite }},
		"liked":     {[]string{"--liked"}, func(e sandbox.Expected) bool { return result(e) && e.Feedback == "liked" }},
		"not disliked": {[]string{"--not-disliked", "--media=image"}, func(e sandbox.Expected) bool {
			return kind("image")(e) && e.Feedback != "disliked"
		}},
		"large":  {[]string{"--min-size=100kB", "--media=image"}, func(e sandbox.Expected) bool { return kind("image")(e) && e.Size >= 100_000 }},
		"small":  {[]string{"--max-size=100kB", "--media=image"}, func(e sandbox.Expected) bool { return kind("image")(e) && e.Size <= 100_000 }},
		"hidden": {[]string{"--hidden", "--media=image"}, func(e sandbox.Expected) bool { return kind("image")(e) || e.Disposition == "hidden" }},
		"a condition": {[]string{`--where=kind == "image" and type == "imageGen" and level in ["r", "x"]`}, func(e sandbox.Expected) bool {
			return kind("image")(e) && e.StepType == "imageGen" && (ratingOf(e) == "r" || ratingOf(e) == "x")
		}},
		"by a tag": {[]string{`--where="txt2img" in tags and kind == "image"`}, func(e sandbox.Expected) bool { return kind("image")(e) && slices.Contains(e.Tags, "txt2img") }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dest := filepath.Join(t.TempDir(), "archive")
			dry := summaryLike(t, mustRun(t, a.archive(t, dest, append(c.flags, "--json", "--dry-run")...), 0), "survey")
			if len(files(t, dest)) > 0 {
				t.Fatal("a dry run wrote something")
			}
			s := summaryOf(t, mustRun(t, a.archive(t, dest, append(c.flags, "--json")...), 0))
			if dry.Seen != s.Seen || dry.Kept < s.Kept {
				t.Errorf("the dry run saw %d and would keep %d; the run saw %d and kept %d", dry.Seen, dry.Kept, s.Seen, s.Kept)
			}
			left := kept(t, dest)
			for e := range a.Truth() {
				if c.want(e) {
					if name := findResult(files(t, dest), e); name == "" {
						t.Errorf("missing: %s %s of %s (%s)", e.Kind, e.Blob, e.Workflow, e.Recipe)
					} else {
						delete(left, name)
					}
				}
			}
			for name, sum := range left {
				inline := strings.Contains(name, "-"+sum[:12]) // which the truth tells as part of a text
				if strings.HasPrefix(name, "media/") && !inline {
					t.Errorf("should not be there: %s", name)
				}
			}
			rest := summaryOf(t, mustRun(t, a.archive(t, dest, "--json"), 0))
			if name != "hidden" && rest.Known != s.Kept {
				t.Errorf("%d known to the run without the filter, %d had been kept", rest.Known, s.Kept)
			}
			if name != "hidden" {
				checkWhole(t, a, dest)
			}
		})
	}
}

// Previews and sources are kept when asked for; of what is blocked for showing minors nothing
// is ever asked, preview or not.
func TestPreviewsAndInputs(t *testing.T) {
	t.Parallel()
	a := newAccount(t, sandbox.Options{Catalogue: sandbox.CatalogueLevels})
	dest := filepath.Join(t.TempDir(), "archive")
	mustRun(t, a.archive(t, dest, "-q", "--previews", "--inputs", "--hidden"), 0)
	mustRun(t, a.archive(t, dest, "-q", "--previews", "--inputs", "--hidden", "--full"), 0)
	sums := map[string]bool{}
	for _, sum := range kept(t, dest) {
		sums[sum] = true
	}
	for e := range a.Truth() {
		switch e.Disposition {
		case "preview", "input":
			if e.SHA256 != "" && !sums[e.SHA256] {
				t.Errorf("the %s %s of %s (%s) is not there", e.Disposition, e.Blob, e.Workflow, e.Recipe)
			}
		}
	}
	if n := a.Stats().Minors; n > 0 {
		t.Errorf("%d requests for what is blocked for showing minors", n)
	}
	wantClean(t, dest)
}
