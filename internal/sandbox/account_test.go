package sandbox

import (
	"bytes"
	"strings"
	"testing"
	"time"
)

func listing(t *testing.T, s *Server, query string) []byte {
	t.Helper()
	site := &site{T: t, server: s}
	w := site.record("GET", "http://sandbox.test/v2/consumer/workflows?"+query)
	if w.Code != 200 {
		t.Fatalf("status %d: %s", w.Code, w.Body)
	}
	return w.Body.Bytes()
}

func TestSameOptionsSameAccount(t *testing.T) {
	t.Parallel()
	a, b, other := New(Options{}), New(Options{}), New(Options{Seed: 2})
	query := "take=1000"
	one := listing(t, a, query)
	if !bytes.Equal(one, listing(t, b, query)) {
		t.Error("two servers with equal options answer different listings")
	}
	if bytes.Equal(one, listing(t, other, query)) {
		t.Error("another seed answers the same listing")
	}
	for i := range 200 {
		p, q := a.account.plan(i), b.account.plan(i)
		for k := range p.blobs {
			if p.blobs[k].key != q.blobs[k].key || p.blobs[k].id != q.blobs[k].id {
				t.Fatalf("blob %d of workflow %d differs", k, i)
			}
		}
	}
}

func TestTimesAndIDs(t *testing.T) {
	t.Parallel()
	for name, o := range map[string]Options{
		"default":  {},
		"million":  {Tiny: true, Workflows: 1_000_000},
		"one":      {Workflows: 1},
		"squeezed": {Workflows: 5000, Span: time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			s := New(o)
			s.Add(50)
			n := s.Len()
			forms := map[string]bool{}
			from := max(0, n-3000)
			for i := from; i < n; i++ {
				at, id := s.account.timeline.created(i), s.account.timeline.id(i)
				if i > from && !at.After(s.account.timeline.created(i-1)) {
					t.Fatalf("workflow %d is not newer than the one before", i)
				}
				if found, ok := s.account.timeline.find(id, n); !ok || found != i {
					t.Fatalf("id %s of workflow %d found as %d, %v", id, i, found, ok)
				}
				forms[strings.SplitAfterN(strings.Replace(id, "wf_", "wf-", 1), "-", 2)[0]] = true
			}
			if newest := s.account.timeline.created(n - 51); !newest.Equal(DefaultEpoch()) {
				t.Errorf("newest workflow is of %v", newest)
			}
			if n > 100 && len(forms) != 3 {
				t.Errorf("forms of ids: %v", forms)
			}
		})
	}
	s := New(Options{})
	for _, id := range []string{"", "x", "8484131-20261120120000001", "wf_0123456789ABCDEFGHJKMNPQRS", "0-019be44b-181e-7a7e-ab1b-b58dc7610dca", "7-20261120120000000"} {
		if _, ok := s.account.workflow(id); ok {
			t.Errorf("found a workflow under %q", id)
		}
	}
}

func TestSealedIDs(t *testing.T) {
	t.Parallel()
	k := newIDKey(9)
	for _, wf := range []int{0, 1, 77, 999_999, 1<<40 - 1} {
		for _, id := range []string{k.uuid(idJob, wf, 3), k.token(idJob, wf, 3)} {
			class, got, n, ok := k.parse(id + "-0.jpg")
			if !ok || class != idJob || got != wf || n != 3 {
				t.Errorf("%s opened to %d %d %d %v", id, class, got, n, ok)
			}
			if _, _, _, ok := newIDKey(10).parse(id); ok {
				t.Errorf("%s opened in another account", id)
			}
		}
	}
}

// The API page's table, the forms of older tools, and every fate.
func TestCatalogueIsComplete(t *testing.T) {
	t.Parallel()
	s := New(Options{})
	types, fates, statuses, contents := map[string]int{}, map[string]int{}, map[string]int{}, map[string]int{}
	recipes, forms := map[string]int{}, map[string]int{}
	images, blobs := 0, 0
	for i := range s.Len() {
		p := s.account.plan(i)
		statuses[p.status]++
		recipes[p.recipe]++
		for _, st := range p.all {
			types[st.typ]++
			if o, ok := st.output.(object); ok {
				for _, m := range o {
					forms[st.typ+"."+m.key]++
				}
			}
		}
		for _, b := range p.blobs {
			fates[b.fate.disposition()]++
			contents[b.content]++
			blobs++
			if s.account.formats[b.content].kind == "image" {
				images++
			}
		}
	}
	for what, want := range map[string][]string{
		"type": {"textToImage", "imageGen", "model3DPreview", "videoGen", "videoUpscaler", "videoInterpolation", "videoEnhancement",
			"videoBackgroundRemoval", "videoFrameExtraction", "comfy", "customComfy", "convertImage", "imageUpscaler", "preprocessImage",
			"imageUpload", "tryOnU", "humanoidImageMask", "aceStepAudio", "imageBackgroundRemoval", "imageToSvg", "textToSpeech",
			"composeMedia", "transcode", "polyGen", "training", "imageResourceTraining", "comfyNodepackSnapshot", "repeat", "blobArchive",
			"chatCompletion", "transcription", "mediaCaptioning", "promptEnhancement", "sceneWeave"},
		"fate":   {"deliverable", "blocked", "placeholder", "hidden", "unavailable", "temp", "gone", "pending"},
		"status": {"unassigned", "preparing", "scheduled", "processing", "succeeded", "failed", "expired", "canceled", "finalizing"},
		"form": {"videoGen.videos", "imageUpscaler.blobId", "comfy.blobIds", "composeMedia.audioBlob", "composeMedia.videoBlob",
			"videoGen.draftCache", "polyGen.basicAnimations", "customComfy.tempBlobs", "customComfy.traceUrl", "videoGen.errors"},
	} {
		have := map[string]map[string]int{"type": types, "fate": fates, "status": statuses, "form": forms}[what]
		for _, name := range want {
			if have[name] == 0 {
				t.Errorf("no %s %s in the default account", what, name)
			}
		}
	}
	for _, group := range [][]recipe{s.account.recipes.ended, s.account.recipes.open} {
		for _, r := range group {
			if recipes[r.name] == 0 {
				t.Errorf("recipe %q is missing", r.name)
			}
		}
	}
	for content := range s.account.formats {
		if contents[content] == 0 && content != "tiny" && content != "large" {
			t.Errorf("content %s is missing", content)
		}
	}
	if images*2 < blobs {
		t.Errorf("%d images among %d blobs", images, blobs)
	}
	t.Log(fates, contents)
}

func TestStateChangesNoIDs(t *testing.T) {
	t.Parallel()
	s := New(Options{})
	before := map[string]string{}
	for i := range s.Len() {
		for _, b := range s.account.plan(i).blobs {
			before[b.id] = b.fate.disposition()
		}
	}
	s.FinishProcessing()
	for i := range s.Len() {
		p := s.account.plan(i)
		if !terminal(p.status) {
			t.Errorf("%s is still %s", p.id, p.status)
		}
		for _, b := range p.blobs {
			switch was := before[b.id]; {
			case was == "pending" && b.fate != fateDeliverable:
				t.Errorf("%s went from pending to %s", b.id, b.fate.disposition())
			case was != "pending" && was != "" && was != b.fate.disposition():
				t.Errorf("%s went from %s to %s", b.id, was, b.fate.disposition())
			}
			delete(before, b.id)
		}
	}
	if len(before) > 0 {
		t.Errorf("ids that vanished: %v", before)
	}
}

func TestTiny(t *testing.T) {
	t.Parallel()
	s := New(Options{Tiny: true, Workflows: 1_000_000, TinyBlobs: 7})
	seen := map[string]bool{}
	n := 0
	for e := range s.Truth() {
		if e.Disposition != "deliverable" || e.StepType != "imageGen" || e.Size >= 200 || e.MediaType != "image/png" {
			t.Fatalf("%+v", e)
		}
		seen[e.SHA256] = true
		if n++; n == 700 {
			break
		}
	}
	if len(seen) != 700 {
		t.Errorf("%d different pictures of 700", len(seen))
	}
	if p := s.account.plan(999_999); len(p.blobs) != 7 || p.status != "succeeded" {
		t.Errorf("%+v", p)
	}
}

func TestTruthIsDistinct(t *testing.T) {
	t.Parallel()
	s := New(Options{Workflows: 400})
	keys, ids := map[uint64]bool{}, map[string]bool{}
	for i := range s.Len() {
		for _, b := range s.account.plan(i).blobs {
			if keys[b.key] || ids[b.id] {
				t.Fatalf("%s is not the only one of its kind", b.id)
			}
			keys[b.key], ids[b.id] = true, true
		}
	}
}
