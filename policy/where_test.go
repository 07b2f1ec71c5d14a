package policy

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"civitar/fetch"
)

func where(t *testing.T, text string) *Where {
	t.Helper()
	w, err := ParseWhere(text)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return w
}

func TestWhere(t *testing.T) {
	w, err := fetch.ParseWorkflow([]byte(`{"id":"w","createdAt":"2026-08-10T22:37:15Z","completedAt":"2026-08-10T22:39:15Z","status":"Succeeded","nsfwLevel":"pg13","tags":["gen","anime"],
		"metadata":{"params":{"prompt":"a cat at sea","negativePrompt":"dogs","seed":1674487023,"steps":20,"cfgScale":3.5,"sampler":"Euler a","baseModel":"SDXL","engine":"sdcpp"},
		"resources":[{"id":2,"name":"v1","model":{"id":1,"name":"Dream","type":"Checkpoint"}},{"id":4,"name":"v2","model":{"id":3,"name":"Detail","type":"LORA"}}]},
		"steps":[{"name":"$0","$type":"imageGen","output":{"images":[{"type":"image","id":"a.jpg","available":true}]}}]}`))
	if err != nil {
		t.Fatal(err)
	}
	b := w.Blobs[0]
	b.Favorite, b.Feedback = true, "liked"
	for _, text := range []string{
		`workflow == "w" and status == "succeeded" and "anime" in tags`,
		`created.Year() == 2026 and created > date("2026-08-10") and completed - created == duration("2m")`,
		`prompt contains "cat" and negative == "dogs" and seed == 1674487023 and steps >= 20 and cfg == 3.5`,
		`sampler == "Euler a" and ecosystem == "SDXL" and engine == "sdcpp" and model == "Dream v1"`,
		`any(resources, # startsWith "Detail") and len(resources) == 2`,
		`blob == "a.jpg" and step == "$0" and type == "imageGen" and kind == "image" and level == "pg13"`,
		`size == 700 and favorite and feedback == "liked"`,
		`json.metadata.params.steps == 20 and json.metadata?.nothing?.at?.all == nil`,
	} {
		if d := where(t, text).decide(w, b, Facts{Size: 700}); !d.Keeps() {
			t.Errorf("%s: %s", text, d.Text())
		}
		if d := where(t, "not ("+text+")").decide(w, b, Facts{Size: 700}); d.Reason != "--where does not hold" {
			t.Errorf("not (%s): %q", text, d.Text())
		}
	}
	d := where(t, `json.nothing.at.all == 1`).decide(w, b, Facts{})
	if d.Reason != "--where cannot be answered" || d.Detail == "" || strings.Contains(d.Detail, "\n") {
		t.Errorf("a field that is not there: %+v", d)
	}
}

// What nobody knows is empty, and no fault.
func TestWhereOnNothing(t *testing.T) {
	text := `prompt == "" and seed == 0 and cfg == 0 and len(resources) == 0 and len(tags) == 0 and kind == "" and size == 0 and created.IsZero() and level == ""`
	if d := where(t, text).decide(&fetch.Workflow{}, fetch.Blob{}, Facts{}); !d.Keeps() {
		t.Error(d.Text())
	}
}

func TestWhereErrorsTellTheirPlace(t *testing.T) {
	for _, c := range []struct {
		text, line string
		column     int
		reason     string
	}{
		{`knd == "image"`, `knd == "image"`, 0, "unknown name knd"},
		{`kind == "é" and sise > 3`, `kind == "é" and sise > 3`, 16, "unknown name sise"},
		{`size`, `size`, 0, "expected bool"},
		{`size > "big"`, `size > "big"`, 5, "mismatched types"},
		{`(size > 3`, `(size > 3`, 8, ""},
		{"size > 3 and\nsise > 4", "sise > 4", 0, "unknown name sise"},
		{``, ``, 0, ""},
	} {
		_, err := ParseWhere(c.text)
		at := new(WhereError)
		if !errors.As(err, &at) || !strings.Contains(err.Error(), c.reason) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%q: %v, want %s", c.text, err, c.reason)
			continue
		}
		if line, column := at.Place(); line != c.line || column != c.column {
			t.Errorf("%q: column %d of %q, want %d of %q", c.text, column, line, c.column, c.line)
		}
	}
}

func TestValuesRoundTrip(t *testing.T) {
	for _, p := range []Policy{
		{},
		{MaxLevel: "pg13"},
		{MaxLevel: "pg13", Unrated: UnratedKeep},
		{Unrated: UnratedSkip, HideMature: true},
		{Kinds: []Kind{Video, Image}, StepTypes: []string{"imageGen", "a,b"}, Statuses: []string{"succeeded", "failed"}},
		{Favorite: true, Liked: true, NotDisliked: true, Hidden: true, Temp: true, Inputs: true, Previews: true},
		{MinSize: 1, MaxSize: 1 << 40, Where: where(t, `"a&b=c" in tags`)},
	} {
		values := p.Values()
		back, err := FromValues(values)
		if err != nil || !reflect.DeepEqual(back.Values(), values) {
			t.Errorf("%v: %v, %v", values, back.Values(), err)
		}
		for _, level := range []fetch.Level{"", "na", "pg", "pg13", "r", "xxx"} {
			if p.Admits(level) != back.Admits(level) {
				t.Errorf("%v: %q is kept by one only", values, level)
			}
		}
	}
	if _, err := FromValues(map[string][]string{"where": {"nothing =="}}); err == nil {
		t.Error("a condition that makes no sense is taken")
	}
}

// Policies that decide alike are one scope; others are not.
func TestValuesTellPoliciesApart(t *testing.T) {
	alike := [][2]Policy{
		{{}, {Unrated: UnratedKeep}},
		{{MaxLevel: "r"}, {MaxLevel: "r", Unrated: UnratedSkip}},
		{{Kinds: []Kind{Video, Image}}, {Kinds: []Kind{Image, Video, Image}}},
		{{StepTypes: []string{"imageGen"}}, {StepTypes: []string{"IMAGEGEN"}}},
	}
	for _, pair := range alike {
		if a, b := pair[0].Values().Encode(), pair[1].Values().Encode(); a != b {
			t.Errorf("%s and %s", a, b)
		}
	}
	seen := map[string]bool{}
	for _, p := range []Policy{{}, {MaxLevel: "r"}, {MaxLevel: "r", Unrated: UnratedKeep}, {Unrated: UnratedSkip}, {HideMature: true}, {Favorite: true}, {Liked: true},
		{NotDisliked: true}, {Hidden: true}, {Temp: true}, {Inputs: true}, {Previews: true}, {MinSize: 1}, {MaxSize: 1}, {Kinds: []Kind{Text}},
		{StepTypes: []string{"text"}}, {Statuses: []string{"text"}}, {Where: where(t, "favorite")}} {
		values := p.Values().Encode()
		if seen[values] {
			t.Errorf("%+v has the values of another: %s", p, values)
		}
		seen[values] = true
	}
}

func TestVolatile(t *testing.T) {
	for _, p := range []Policy{{MaxLevel: "r"}, {Favorite: true}, {Liked: true}, {NotDisliked: true}, {Where: where(t, "favorite")}, {Unrated: UnratedSkip}, {HideMature: true}} {
		if !p.Volatile() {
			t.Errorf("%v goes by what can change", p.Values())
		}
	}
	if p := (Policy{Kinds: []Kind{Image}, MaxSize: 3, Hidden: true}); p.Volatile() {
		t.Errorf("%v goes by nothing that can change", p.Values())
	}
}
