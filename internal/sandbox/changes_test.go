package sandbox

import (
	"sync"
	"testing"
)

func TestChanges(t *testing.T) {
	t.Parallel()
	s := start(t, Options{Workflows: 40, Catalogue: CatalogueLevels})
	p := s.server.account.plan(0)
	b, other, upload := p.blobs[0].id, p.blobs[1].id, p.inputs[0].blob.id
	everywhere := func(field string, want any) {
		t.Helper()
		for name, answer := range map[string]any{
			"listing":  s.pages(""),
			"workflow": decode[any](t, s.want(s.api("/v2/consumer/workflows/"+p.id), 200).body),
			"step":     decode[any](t, s.want(s.api("/v2/consumer/workflows/"+p.id+"/steps/$0"), 200).body),
			"refresh":  decode[any](t, s.want(s.do("POST", byID(b)+"/refresh", "Authorization", "Bearer "+DefaultToken), 200).body),
		} {
			found := map[string]map[string]any{}
			if items, ok := answer.([]map[string]any); ok {
				for _, item := range items {
					blobsIn(item, found)
				}
			}
			blobsIn(answer, found)
			if found[b][field] != want {
				t.Errorf("%s: %s is %v, want %v", name, field, found[b][field], want)
			}
		}
	}
	truth := func(disposition, level, workflow string, hidden bool) {
		t.Helper()
		for _, e := range s.server.expect(s.server.account.plan(0)) {
			if e.Blob == b && (e.Disposition != disposition || e.Level != level || e.WorkflowLevel != workflow || e.Hidden != hidden) {
				t.Errorf("%+v", e)
			}
		}
	}
	everywhere("nsfwLevel", "pg")
	if !s.server.SetLevel(b, "xxx") || !s.server.SetLevel(p.id, "R") || !s.server.SetLevel(upload, "x") {
		t.Error("not found")
	}
	everywhere("nsfwLevel", "xxx")
	truth("deliverable", "xxx", "R", false)
	if w := decode[map[string]any](t, s.api("/v2/consumer/workflows/"+p.id).body); w["nsfwLevel"] != "R" {
		t.Error(w["nsfwLevel"])
	}
	fresh := decode[map[string]any](t, s.want(s.do("POST", byID(upload)+"/refresh", "Authorization", "Bearer "+DefaultToken), 200).body)
	if fresh["nsfwLevel"] != "x" {
		t.Errorf("upload %v", fresh)
	}
	s.want(s.do("POST", "/_sandbox/level?id="+b+"&value="), 200)
	everywhere("nsfwLevel", nil)
	s.want(s.do("POST", "/_sandbox/blocked?id="+b+"&value=CSAM"), 200)
	everywhere("blockedReason", "CSAM")
	truth("blocked", "", "R", false)
	if before := s.server.Stats().Minors; s.follow(s.signed(b)).status != 403 && s.server.Stats().Minors != before+2 {
		t.Error("not counted")
	}
	s.want(s.do("POST", "/_sandbox/blocked?id="+b+"&value="), 200)
	everywhere("blockedReason", nil)
	s.want(s.do("POST", "/_sandbox/hidden?id="+b+"&value=true"), 200)
	truth("hidden", "", "R", true)
	s.want(s.do("POST", "/_sandbox/hidden?id="+b+"&value=false"), 200)
	truth("deliverable", "", "R", false)
	for _, path := range []string{"level?id=none&value=x", "hidden?id=" + b + "&value=perhaps", "blocked?id=" + p.id + "&value=x", "level?id=" + p.blobs[0].preview + "&value=x"} {
		s.want(s.do("POST", "/_sandbox/"+path), 400)
	}
	if now := s.server.account.plan(0).blobs[1]; now.id != other || now.level != "PG" {
		t.Errorf("%+v changed too", now)
	}
}

// What changes while others ask is no race, and every answer is of before or after.
func TestChangesBesideRequests(t *testing.T) {
	t.Parallel()
	s := start(t, Options{Tiny: true, Workflows: 4})
	id := s.server.account.plan(1).blobs[0].id
	var group sync.WaitGroup
	group.Go(func() {
		for range 50 {
			s.server.SetLevel(id, "r")
			s.server.SetLevel(id, "pg")
		}
	})
	for range 50 {
		if level := s.blobs("")[id]["nsfwLevel"]; level != "r" && level != "pg" {
			t.Errorf("level %v", level)
		}
	}
	group.Wait()
}
