package sandbox

import (
	"fmt"
	"strings"
	"testing"
)

// The whole matrix is there, and listed as the truth has it.
func TestLevelsMeetEveryFate(t *testing.T) {
	t.Parallel()
	s := start(t, Options{Catalogue: CatalogueLevels})
	objects, levels := s.blobs("take=1000"), map[string]any{}
	for _, w := range s.pages("") {
		levels[w["id"].(string)] = w["nsfwLevel"]
	}
	told := func(level string) any {
		if level == "" {
			return nil
		}
		return level
	}
	found := map[string]int{}
	for e := range s.server.Truth() {
		fate := e.Disposition
		switch {
		case e.Disposition == "preview" || e.Disposition == "input":
			continue
		case e.Minors:
			fate = "minors"
		case e.ByID:
			fate = "by id"
		}
		found[e.WorkflowLevel+"/"+e.Level+"/"+fate]++
		if objects[e.Blob]["nsfwLevel"] != told(e.Level) || levels[e.Workflow] != told(e.WorkflowLevel) {
			t.Errorf("%+v is listed as %v in a workflow of %v", e, objects[e.Blob]["nsfwLevel"], levels[e.Workflow])
		}
	}
	for _, workflow := range writtenLevels() {
		for _, blob := range writtenLevels() {
			for _, fate := range []string{"deliverable", "blocked", "placeholder", "by id", "hidden", "unavailable"} {
				if found[workflow+"/"+blob+"/"+fate] == 0 {
					t.Errorf("no workflow of level %q has a %s blob of level %q", workflow, fate, blob)
				}
			}
		}
	}
}

func TestCatalogues(t *testing.T) {
	t.Parallel()
	small := New(Options{Catalogue: CatalogueLevels, Workflows: 3})
	small.Add(200)
	if small.Len() != 203 || small.account.plan(2).recipe != levelRecipes()[2].name || small.account.plan(202).recipe == "" {
		t.Errorf("%d workflows, %q", small.Len(), small.account.plan(2).recipe)
	}
	s := start(t, Options{Catalogue: "livels"})
	s.want(s.api("/v2/consumer/workflows"), 500)
}

// A job tells what the scanners found, also where the listing says nothing.
func TestMinors(t *testing.T) {
	t.Parallel()
	s := start(t, Options{Catalogue: CatalogueLevels})
	owner := []string{"Authorization", "Bearer " + DefaultToken}
	for _, c := range []struct {
		recipe string
		listed bool
	}{{"minors, listed", true}, {"minors, told late", false}} {
		p := s.planOf(c.recipe)
		job := decode[map[string]any](t, s.want(s.api("/v1/consumer/jobs/"+p.steps[0].job+"?detailed=true"), 200).body)
		context := job["lastEvent"].(map[string]any)["context"].(map[string]any)
		if context["hive_csam_score"].(float64) < 0.9 || context["blocked_reason"] == nil {
			t.Errorf("%s: %v", c.recipe, context)
		}
		listed, found := s.blobs(""), map[string]map[string]any{}
		blobsIn(decode[map[string]any](t, s.api("/v2/consumer/workflows/"+p.id).body)["steps"], found)
		before, asked, words := s.server.Stats(), int64(0), map[string]int{}
		for _, b := range p.blobs[1:] {
			if told := listed[b.id]["blockedReason"] != nil; told != c.listed || found[b.id]["blockedReason"] != b.reason {
				t.Errorf("%s: listed with a reason %v, by id %v", b.id, told, found[b.id])
			}
			signed := s.do("GET", s.signed(b.id), owner...)
			s.do("HEAD", byID(b.id), owner...)
			s.do("POST", byID(b.id)+"/refresh", owner...)
			s.do("GET", byID(b.preview)) // refused, and counted
			asked += 4
			if signed.status < 400 {
				s.do("GET", s.absolute(signed.header.Get("Location")))
				asked++
			}
			owned := s.api(byID(b.id))
			words[fmt.Sprint(owned.status >= 400, strings.Contains(string(owned.body), b.reason), signed.status >= 400)]++
			asked++
		}
		s.do("GET", s.signed(p.blobs[0].id)) // is not blocked
		after := s.server.Stats()
		told, late := after.Minors-before.Minors, after.LateMinors-before.LateMinors
		if c.listed && (told != asked || late != 0) || !c.listed && (told != 0 || late != asked) {
			t.Errorf("%s: %d and %d of %d requests counted", c.recipe, told, late, asked)
		}
		if want := map[bool]int{true: 1, false: 4}[c.listed]; len(words) != want {
			t.Errorf("%s: %d ways to answer, want %d: %v", c.recipe, len(words), want, words)
		}
	}
}
