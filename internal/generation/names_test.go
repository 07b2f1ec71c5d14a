package generation

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"civitar/fetch"
	"civitar/internal/sandbox"
)

// The names of steps are fetch's; these tests hold this package to them.

func checkNames(t *testing.T, w *fetch.Workflow) (blobs int) {
	t.Helper()
	p := Parse(w)
	for _, b := range w.Blobs {
		if p.steps[b.Step] == nil {
			t.Errorf("%s: no step %q of %s", w.ID, b.Step, b.ID)
		}
	}
	return len(w.Blobs)
}

func TestNamesOfTheFixtures(t *testing.T) {
	files, err := filepath.Glob("../../fetch/testdata/steps/*.json")
	if err != nil || len(files) < 40 {
		t.Fatal(len(files), err)
	}
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var c struct{ Workflow json.RawMessage }
		if err := json.Unmarshal(raw, &c); err != nil {
			t.Fatal(file, err)
		}
		answer := func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(c.Workflow) }
		w, err := client(t, http.HandlerFunc(answer), "").Workflow(t.Context(), "x")
		if err != nil {
			t.Fatal(file, err)
		}
		if checkNames(t, w) == 0 && !strings.Contains(string(raw), `"want": []`) {
			t.Errorf("%s: no blobs", file)
		}
	}
}

func TestSandbox(t *testing.T) {
	c := client(t, sandbox.New(sandbox.Options{Workflows: 400, Token: sandbox.DefaultToken}), sandbox.DefaultToken)
	blobs, prompts := 0, 0
	for w, err := range c.Workflows(t.Context(), fetch.Query{}) {
		if err != nil {
			t.Fatal(err)
		}
		blobs += checkNames(t, w)
		p := Parse(w)
		for _, b := range w.Blobs {
			g := p.Of(b.Step)
			if (g.Prompt == "") != (w.Prompt == "") && b.StepType != "textToSpeech" {
				t.Errorf("%s %s: prompt %q, workflow's %q", w.ID, b.Step, g.Prompt, w.Prompt)
			}
			if strings.Contains(string(w.JSON), `"type":"Checkpoint"`) && g.Model() == "" && len(g.Resources) > 0 {
				t.Errorf("%s %s: no model in %+v", w.ID, b.Step, g.Resources)
			}
			if g.Prompt != "" {
				prompts++
			}
		}
	}
	if blobs < 400 || prompts < blobs/2 {
		t.Errorf("%d blobs, %d prompts", blobs, prompts)
	}
}

func client(t *testing.T, h http.Handler, token string) *fetch.Client {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	c, err := fetch.New(fetch.Config{BaseURL: s.URL, Token: token})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}
