package main

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"civitar/internal/sandbox"
)

// levelled is an account of levels, and one deliverable blob of it with this level of its own
// in a workflow of that level.
func levelled(t *testing.T, level, workflow string) (*account, sandbox.Expected) {
	t.Helper()
	a := newAccount(t, sandbox.Options{Catalogue: sandbox.CatalogueLevels})
	for e := range a.Truth() {
		if e.Disposition == "deliverable" && !e.ByID && e.Level == level && e.WorkflowLevel == workflow {
			return a, e
		}
	}
	t.Fatalf("no blob of level %q in a workflow of level %q", level, workflow)
	return nil, sandbox.Expected{}
}

func holds(t *testing.T, dest string, e sandbox.Expected) string {
	t.Helper()
	for name := range kept(t, dest) {
		if strings.Contains(name, e.Blob) {
			return name
		}
	}
	return ""
}

func TestLevelsThatChangeAreNoticed(t *testing.T) {
	t.Parallel()
	a, e := levelled(t, "x", "pg")
	dest := filepath.Join(t.TempDir(), "archive")
	again := func() summary {
		return summaryOf(t, mustRun(t, a.archive(t, dest, "--json", "--max-nsfw=pg13"), 0))
	}
	if again(); holds(t, dest, e) != "" {
		t.Fatal("a blob above the limit is kept")
	}
	if s := again(); s.Kept != 0 {
		t.Fatalf("%d kept when nothing had changed", s.Kept)
	}
	a.SetLevel(e.Blob, "pg13")
	if s := again(); s.Kept != 1 || holds(t, dest, e) == "" {
		t.Errorf("%d kept; the blob that is within the limit now is at %q", s.Kept, holds(t, dest, e))
	}

	a.SetLevel(e.Blob, "xxx")
	again()
	if r := mustRun(t, a.program(t, "status", dest), 0); !strings.Contains(r.stdout, "prune") {
		t.Errorf("status does not tell of a blob above the limit:\n%s", r.stdout)
	}
	var st struct{ Above struct{ Blobs int } }
	must(t, json.Unmarshal([]byte(mustRun(t, a.program(t, "status", dest, "--json"), 0).stdout), &st))
	if st.Above.Blobs != 1 {
		t.Errorf("status counts %d blobs above the limit", st.Above.Blobs)
	}
	if r := mustRun(t, a.program(t, "prune", dest, "--policy"), 0); !strings.Contains(r.stdout, e.Blob) || holds(t, dest, e) == "" {
		t.Errorf("prune without an order leaves it at %q and says\n%s", holds(t, dest, e), r.stdout)
	}
	aside := filepath.Join(t.TempDir(), "aside")
	at, before := holds(t, dest, e), kept(t, dest)
	mustRun(t, a.program(t, "prune", dest, "--policy", "--move-to", aside), 0)
	if got := kept(t, aside); len(got) != 1 || got[at] != e.SHA256 || holds(t, dest, e) != "" {
		t.Errorf("moved out: %v", got)
	}
	delete(before, at)
	sameKept(t, kept(t, dest), before)
	wantClean(t, dest)
	if s := again(); s.Kept != 0 {
		t.Errorf("%d kept after prune", s.Kept)
	}
}

// A workflow's own JSON, with its prompts, follows its level to the other tree.
func TestSidecarsFollowTheirLevel(t *testing.T) {
	t.Parallel()
	a := newAccount(t, sandbox.Options{Workflows: 20})
	var e sandbox.Expected
	for e = range a.Truth() {
		if l := strings.ToLower(e.WorkflowLevel); e.Disposition == "deliverable" && (l == "pg" || l == "pg13") {
			break
		}
	}
	dest := filepath.Join(t.TempDir(), "archive")
	mustRun(t, a.archive(t, dest, "-q", "--mature=separate"), 0)
	find := func() (all []string) {
		for name := range kept(t, dest) {
			if strings.HasSuffix(name, e.Workflow+".json") {
				all = append(all, name)
			}
		}
		return all
	}
	for _, level := range []string{"xxx", "pg"} {
		before := find()
		a.SetLevel(e.Workflow, level)
		for _, b := range []string{e.Blob} {
			a.SetLevel(b, level)
		}
		mustRun(t, a.archive(t, dest, "-q", "--full"), 0)
		got := find()
		if len(before) != 1 || len(got) != 1 {
			t.Fatalf("level %s: the sidecar was at %v, is at %v", level, before, got)
		}
		if mature := strings.HasPrefix(got[0], "mature/"); level == "xxx" && !mature {
			t.Errorf("level %s: the sidecar is at %s", level, got[0])
		}
		wantClean(t, dest)
	}
}
