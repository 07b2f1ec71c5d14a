package sandbox

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// planOf is the first workflow made by a recipe.
func (s *site) planOf(recipe string) *plan {
	s.Helper()
	for i := range s.server.Len() {
		if p := s.server.account.plan(i); p.recipe == recipe {
			return p
		}
	}
	s.Fatalf("no %q in the account", recipe)
	return nil
}

func TestWorkflowsStepsAndJobsByID(t *testing.T) {
	t.Parallel()
	s := start(t, Options{})
	wrapped, plain := 0, 0
	for i := range s.server.Len() {
		p := s.server.account.plan(i)
		a := s.api("/v2/consumer/workflows/" + p.id)
		if p.deleted {
			s.want(a, 404)
			continue
		}
		w := decode[map[string]any](t, s.want(a, 200).body)
		if w["id"] != p.id || w["status"] != p.status {
			t.Errorf("asked for %s, got %v", p.id, w["id"])
		}
		for _, st := range p.steps {
			one := decode[map[string]any](t, s.want(s.api("/v2/consumer/workflows/"+p.id+"/steps/"+url.PathEscape(st.name)), 200).body)
			if one["$type"] != st.typ || one["name"] != st.name {
				t.Errorf("step %v", one)
			}
		}
		for _, st := range p.all {
			job := s.api("/v1/consumer/jobs/" + st.job + "?detailed=true")
			if st.jobless {
				s.want(job, 404)
				continue
			}
			j := decode[map[string]any](t, s.want(job, 200).body)
			inner, ok := j["job"].(map[string]any)
			if ok {
				wrapped++
			} else {
				inner = j
				plain++
			}
			if properties := inner["properties"].(map[string]any); inner["id"] != st.job || properties["workflowId"] != p.id || j["lastEvent"] == nil {
				t.Errorf("job %s: %v", st.job, j)
			}
		}
	}
	if wrapped == 0 || plain == 0 {
		t.Errorf("%d jobs wrapped, %d not", wrapped, plain)
	}
	for _, path := range []string{"/v2/consumer/workflows/none", "/v2/consumer/workflows/8484131-20261120120000000/steps/$9",
		"/v1/consumer/jobs/11c39c0a-b3b1-43d9-b758-e9188b2e3108", "/v1/consumer/jobs/x", "/v2/consumer/nothing"} {
		s.want(s.api(path), 404)
	}
}

func TestWaitEndsWhenTheWorkflowDoes(t *testing.T) {
	t.Parallel()
	s := start(t, Options{})
	p := s.planOf("processing")
	done := make(chan answer)
	go func() { done <- s.api("/v2/consumer/workflows/" + p.id + "?wait=60") }()
	s.server.FinishProcessing()
	if w := decode[map[string]any](t, s.want(<-done, 200).body); w["status"] != "succeeded" || w["completedAt"] == nil {
		t.Errorf("%v", w["status"])
	}
}

func TestWaitIsBounded(t *testing.T) {
	t.Parallel()
	server := New(Options{})
	id := (&site{T: t, server: server}).planOf("scheduled").id
	synctest.Test(t, func(t *testing.T) {
		s := &site{T: t, server: server}
		server.Add(0) // a signal made inside the bubble
		for text, want := range map[string]time.Duration{"3": 3 * time.Second, "0.5": time.Second / 2, "100000": MaxWait, "NaN": 0, "Inf": MaxWait} {
			began := time.Now()
			w := s.record("GET", "/v2/consumer/workflows/"+id+"?wait="+text)
			if took := time.Since(began); took != want || want > 0 && w.Code != 202 {
				t.Errorf("wait=%s took %v and answered %d", text, took, w.Code)
			}
		}
	})
}

func TestWaitHonoursTheClient(t *testing.T) {
	t.Parallel()
	s := start(t, Options{})
	p := s.planOf("unassigned")
	ctx, cancel := context.WithCancel(t.Context())
	r, err := http.NewRequestWithContext(ctx, "GET", s.url+"/v2/consumer/workflows/"+p.id+"?wait=60", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+DefaultToken)
	go cancel()
	if _, err := s.client.Do(r); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	} // the server's Close, in Cleanup, waits until the handler has left
}

func TestRunningWorkflows(t *testing.T) {
	t.Parallel()
	s := start(t, Options{})
	half := decode[map[string]any](t, s.api("/v2/consumer/workflows/"+s.planOf("half landed").id).body)
	found := map[string]map[string]any{}
	blobsIn(half["steps"], found)
	available := 0
	for _, b := range found {
		if b["available"] == true {
			available++
		}
	}
	if half["status"] != "processing" || len(found) != 3 || available != 2 {
		t.Errorf("%v, %d blobs, %d available", half["status"], len(found), available)
	}
	if w := s.api("/v2/consumer/workflows/" + s.planOf("scheduled").id + "?wait=0"); w.status != 200 || !strings.Contains(string(w.body), `"output":null`) {
		t.Errorf("%d %s", w.status, w.body)
	}
}

func TestOddForms(t *testing.T) {
	t.Parallel()
	s := start(t, Options{})
	get := func(recipe string) map[string]any {
		return decode[map[string]any](t, s.want(s.api("/v2/consumer/workflows/"+s.planOf(recipe).id), 200).body)
	}
	if w := get("Comfy Cloud"); len(w["metadata"].(map[string]any)) != 0 {
		t.Errorf("metadata %v", w["metadata"])
	}
	if w := get("null fields"); w["metadata"] != nil || w["tags"] != nil || w["cost"] != nil {
		t.Errorf("%v", w)
	}
	if _, has := get("missing fields")["metadata"]; has {
		t.Error("metadata is there")
	}
	transcode := get("transcode")["steps"].([]any)[0].(map[string]any)["output"].(map[string]any)
	if transcode["id"] == nil || transcode["jobId"] == nil || transcode["type"] != nil {
		t.Errorf("%v", transcode)
	}
	old := get("imageResourceTraining stored as assets")["steps"].([]any)[0].(map[string]any)["output"].(map[string]any)
	epoch := old["epochs"].([]any)[0].(map[string]any)
	s.want(s.api(strings.TrimPrefix(epoch["blobUrl"].(string), s.url)), 404)
	if old["storedAsAssets"] != true {
		t.Errorf("%v", old)
	}
	if text, err := json.Marshal(get("failed")["steps"]); err != nil || !strings.Contains(string(text), `"errors":["`) {
		t.Errorf("%s", text)
	}
}

func TestAuthorization(t *testing.T) {
	t.Parallel()
	s := start(t, Options{Workflows: 5, Token: "secret"})
	id := s.server.account.plan(0).blobs[0].id
	for _, path := range []string{"/v2/consumer/workflows", "/v2/consumer/workflows/x", "/v2/consumer/workflows/x/steps/y", "/v1/consumer/jobs/x", byID(id)} {
		for _, header := range []string{"", "Bearer wrong", "Basic secret", "Bearer"} {
			a := s.want(s.do("GET", path, "Authorization", header), 401)
			if p := decode[map[string]any](t, a.body); p["status"] != 401.0 || strings.Contains(string(a.body), "wrong") {
				t.Errorf("%s", a.body)
			}
		}
	}
	s.want(s.do("POST", byID(id)+"/refresh"), 401)
	s.want(s.do("GET", "/v2/consumer/workflows", "Authorization", "bearer secret"), 200)
	s.want(s.do("POST", "/v2/consumer/workflows", "Authorization", "Bearer secret"), 405)
}
