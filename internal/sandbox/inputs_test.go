package sandbox

import (
	"net/url"
	"slices"
	"strings"
	"testing"
)

// linksIn walks any JSON for links to blobs of this server, and tells their ids.
func (s *site) linksIn(v any, found map[string]bool) {
	switch v := v.(type) {
	case map[string]any:
		for _, inner := range v {
			s.linksIn(inner, found)
		}
	case []any:
		for _, inner := range v {
			s.linksIn(inner, found)
		}
	case string:
		if rest, ours := strings.CutPrefix(v, s.url+"/v2/consumer/blobs/"); ours {
			id, _, _ := strings.Cut(rest, "?")
			id, _ = url.PathUnescape(id)
			found[id] = true
		}
	}
}

// inputsOf are the links in the inputs of a workflow's steps, also of nested ones.
func (s *site) inputsOf(v any, found map[string]bool) {
	switch v := v.(type) {
	case map[string]any:
		if v["$type"] != nil {
			s.linksIn(v["input"], found)
		}
		for _, inner := range v {
			s.inputsOf(inner, found)
		}
	case []any:
		for _, inner := range v {
			s.inputsOf(inner, found)
		}
	}
}

func TestInputsAreInTheTruth(t *testing.T) {
	t.Parallel()
	for _, options := range []Options{{Workflows: 90}, {Catalogue: CatalogueLevels}} {
		s := start(t, options)
		want, results := map[string]map[string]bool{}, map[string]string{}
		kinds, types, shared := map[string]int{}, map[string]int{}, 0
		for e := range s.server.Truth() {
			switch {
			case e.Disposition != "input":
				results[e.Blob] = e.Workflow
				continue
			case want[e.Workflow] == nil:
				want[e.Workflow] = map[string]bool{}
			}
			want[e.Workflow][e.Blob] = true
			kinds[e.Kind]++
			types[e.StepType]++
		}
		own := 0
		for _, w := range s.pages("take=1000") {
			id := w["id"].(string)
			found := map[string]bool{}
			s.inputsOf(w["steps"], found)
			for blob := range found {
				if results[blob] == id {
					own++
					delete(found, blob)
				} else if results[blob] != "" {
					shared++
				}
			}
			if !slices.Equal(sorted(found), sorted(want[id])) {
				t.Errorf("%s works on %v, the truth says %v", id, sorted(found), sorted(want[id]))
			}
		}
		if options.Catalogue == "" && (shared == 0 || own == 0 || kinds["video"] == 0 || types["convertImage"] == 0 || types["videoGen"] == 0 || types["imageUpscaler"] == 0) {
			t.Errorf("%d of other workflows, %d of its own, kinds %v, types %v", shared, own, kinds, types)
		}
	}
}
