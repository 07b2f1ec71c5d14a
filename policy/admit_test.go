package policy

import (
	"strings"
	"testing"

	"civitar/fetch"
	"civitar/manifest"
)

func TestAdmit(t *testing.T) {
	for _, c := range []struct {
		name   string
		policy Policy
		blob   fetch.Blob
		level  fetch.Level // the workflow's
		known  Facts
		reason string // "" where it is kept
	}{
		{name: "everything"},
		{name: "not above", policy: Policy{MaxLevel: "r"}, blob: fetch.Blob{Level: "r"}},
		{name: "above", policy: Policy{MaxLevel: "r"}, blob: fetch.Blob{Level: "x"}, reason: "rated x, above r"},
		{name: "raised since", policy: Policy{MaxLevel: "r"}, blob: fetch.Blob{Level: "pg"}, known: Facts{Level: "xxx"}, reason: "rated xxx, above r"},
		{name: "lowered since", policy: Policy{MaxLevel: "r"}, blob: fetch.Blob{Level: "xxx"}, known: Facts{Level: "pg"}},
		{name: "its workflow's level", policy: Policy{MaxLevel: "pg"}, blob: fetch.Blob{Level: "na"}, level: "x", reason: "rated x, above pg"},
		{name: "its own before its workflow's", policy: Policy{MaxLevel: "pg"}, blob: fetch.Blob{Level: "pg"}, level: "x"},
		{name: "unrated under a limit", policy: Policy{MaxLevel: "xxx"}, reason: "unrated"},
		{name: "unrated under a limit, asked for", policy: Policy{MaxLevel: "pg", Unrated: UnratedKeep}},
		{name: "unrated, not asked for", policy: Policy{Unrated: UnratedSkip}, blob: fetch.Blob{Level: "na"}, reason: "unrated"},
		{name: "a level of tomorrow's is none", policy: Policy{MaxLevel: "xxx"}, blob: fetch.Blob{Level: "zzz"}, reason: "unrated"},
		{name: "of the kind", policy: Policy{Kinds: []Kind{Video, Image}}, blob: fetch.Blob{Kind: "image"}, known: Facts{Media: "image/png"}},
		{name: "of another kind", policy: Policy{Kinds: []Kind{Image}}, blob: fetch.Blob{Kind: "image"}, known: Facts{Media: "video/mp4"}, reason: "of kind video"},
		{name: "of a step type, in any case", policy: Policy{StepTypes: []string{"IMAGEGEN"}}, blob: fetch.Blob{StepType: "imageGen"}},
		{name: "of another step type", policy: Policy{StepTypes: []string{"imageGen"}}, reason: "of step type none"},
		{name: "of another status", policy: Policy{Statuses: []string{"failed"}}, reason: "status is succeeded"},
		{name: "a favorite", policy: Policy{Favorite: true}, blob: fetch.Blob{Favorite: true}},
		{name: "no favorite", policy: Policy{Favorite: true}, reason: "not a favorite"},
		{name: "not liked", policy: Policy{Liked: true}, blob: fetch.Blob{Feedback: "disliked"}, reason: "not liked"},
		{name: "disliked", policy: Policy{NotDisliked: true}, blob: fetch.Blob{Feedback: "disliked"}, reason: "disliked"},
		{name: "no word on it", policy: Policy{NotDisliked: true}},
		{name: "as large as may be", policy: Policy{MaxSize: 10, MinSize: 10}, known: Facts{Size: 10}},
		{name: "larger", policy: Policy{MaxSize: 1000}, known: Facts{Size: 1001}, reason: "larger than 1,000 bytes"},
		{name: "smaller", policy: Policy{MinSize: 10}, blob: fetch.Blob{Size: 9}, reason: "smaller than 10 bytes"},
		{name: "of a size that nobody knows", policy: Policy{MinSize: 10}},
		{name: "smaller than announced", policy: Policy{MinSize: 10}, blob: fetch.Blob{Size: 11}, known: Facts{Size: 9}, reason: "smaller"},
		{name: "hidden", blob: fetch.Blob{Hidden: true}, reason: "hidden"},
		{name: "hidden, asked for", policy: Policy{Hidden: true}, blob: fetch.Blob{Hidden: true}},
		{name: "intermediate", blob: fetch.Blob{Temp: true}, reason: "intermediate"},
		{name: "intermediate, asked for", policy: Policy{Temp: true}, blob: fetch.Blob{Temp: true}},
		{name: "what holds", policy: Policy{Where: where(t, `size > 5 and level == "pg"`)}, blob: fetch.Blob{Level: "pg"}, known: Facts{Size: 6}},
		{name: "what does not hold", policy: Policy{Where: where(t, `size > 5`)}, known: Facts{Size: 5}, reason: "--where does not hold"},
	} {
		w := &fetch.Workflow{Status: "succeeded", Level: c.level}
		d := c.policy.Admit(w, c.blob, c.known)
		if d.Keeps() != (c.reason == "") || !strings.Contains(d.Reason, c.reason) || !d.Keeps() && d.State != manifest.Skipped {
			t.Errorf("%s: %+v, want %q", c.name, d, c.reason)
		}
	}
}

// What is rated by nobody is among the mature, and so is a workflow that has a blob there.
func TestSensitive(t *testing.T) {
	blobs := func(levels ...fetch.Level) (all []fetch.Blob) {
		for _, l := range levels {
			all = append(all, fetch.Blob{Level: l})
		}
		return all
	}
	for _, c := range []struct {
		name string
		w    fetch.Workflow
		want bool
	}{
		{"all is safe", fetch.Workflow{Level: "pg", Blobs: blobs("pg", "pg13")}, false},
		{"one blob is mature", fetch.Workflow{Level: "pg", Blobs: blobs("pg", "r")}, true},
		{"the workflow is", fetch.Workflow{Level: "x", Blobs: blobs("pg")}, true},
		{"a blob without a level has its workflow's", fetch.Workflow{Level: "pg", Blobs: blobs("", "na")}, false},
		{"nobody has rated a blob", fetch.Workflow{Blobs: blobs("pg", "")}, true},
		{"every blob is rated, the workflow is not", fetch.Workflow{Blobs: blobs("pg")}, false},
		{"nothing is there, and unrated", fetch.Workflow{}, true},
		{"nothing is there, and safe", fetch.Workflow{Level: "pg13"}, false},
		{"a level of tomorrow's", fetch.Workflow{Level: "pg", Blobs: blobs("zzz")}, true},
	} {
		if got := SensitiveWorkflow(&c.w); got != c.want {
			t.Errorf("%s: %t", c.name, got)
		}
	}
}

func TestParseLevel(t *testing.T) {
	for text, want := range map[string]fetch.Level{"PG13": "pg13", " r ": "r", "XXX": "xxx", "na": "", "": "", "18": ""} {
		if got, err := ParseLevel(text); got != want || (err == nil) != (want != "") {
			t.Errorf("%q: %q, %v", text, got, err)
		}
	}
}
