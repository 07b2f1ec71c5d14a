package layout

import (
	"errors"
	"fmt"
	"path"
	"regexp"
	"strings"
	"testing"
	"time"

	"civitar/sink"
)

func sample() Fields {
	created := time.Date(2026, 8, 10, 22, 37, 15, 0, time.UTC)
	return Fields{
		Workflow: "8484131-20260810223715659", Step: "$0", StepType: "imageGen", Blob: "72bb48c5-0", Level: "pg13",
		Created: created, Completed: created.Add(2 * time.Hour), Tags: []string{"civitai", "", "gen", "txt2img", "img"}, Index: 7, Kind: "image",
		Seed: "1674487023", Ecosystem: "Flux1", Model: "Anima base-v1.0", Prompt: "a lighthouse at dusk, waves, oil painting",
	}
}

func TestPath(t *testing.T) {
	bare := Fields{Workflow: "w", Blob: "b"}
	tag := regexp.MustCompile(`~[0-9a-f]{8}`)
	for _, c := range []struct {
		template string
		fields   Fields
		want     string // # stands for a hash
	}{
		{Default, sample(), "2026-08-10/8484131-20260810223715659_72bb48c5-0.jpg"},
		{Default, bare, "undated/w_b.jpg"},
		{"{year}/{month}/{day}/{hour}/{time}_{blob}", sample(), "2026/08/10/22/223715_72bb48c5-0.jpg"},
		{"{completed}/{blob}", sample(), "2026-08-11/72bb48c5-0.jpg"},
		{"{kind}/{nsfw}/{type}/{step}/{blob}", sample(), "image/pg13/imageGen/$0/72bb48c5-0.jpg"},
		{"{kind}/{nsfw}/{type}/{step}/{seed}/{ecosystem}/{model}/{blob}", bare, "other/unrated/none/none/noseed/none/nomodel/b.jpg"},
		{"{nsfw}_{blob}", Fields{Blob: "b", Level: "na"}, "unrated_b.jpg"},
		{"{workflow}_{index:3}", sample(), "8484131-20260810223715659_007.jpg"},
		{"{blob:4}_{workflow:7}", sample(), "72bb_8484131.jpg"},
		{"{seed}_{blob}", sample(), "1674487023_72bb48c5-0.jpg"},
		{"{model}_{blob}", sample(), "Anima-base-v1.0_72bb48c5-0.jpg"},
		{"{prompt}_{blob}", sample(), "a-lighthouse-at-dusk-waves-oil-painting_72bb48c5-0.jpg"},
		{"{prompt:20}_{blob}", sample(), "a-lighthouse-at-dusk_72bb48c5-0.jpg"},
		{"{prompt:19}_{blob}", sample(), "a-lighthouse-at_72bb48c5-0.jpg"},
		{"{prompt:5|none}_{blob}", Fields{Blob: "b", Prompt: "夜明けの富士山"}, "none_b.jpg"},
		{"{tags}/{blob}", sample(), "civitai+gen+txt2img/72bb48c5-0.jpg"},
		{"{tags:1}/{blob}", sample(), "civitai/72bb48c5-0.jpg"},
		{"{model|any model}/{blob}", bare, "any-model/b.jpg"},
		{"{{{blob}}}", bare, "{b}.jpg"},
		{"{blob}", Fields{Blob: "../../etc/passwd"}, "_.._etc_passwd#.jpg"},
		{"{type}/{blob}", Fields{Blob: "b", StepType: ".."}, "_#/b.jpg"},
		{"{type}/{blob}", Fields{Blob: "b", StepType: "a/b"}, "a_b#/b.jpg"},
		{"{type}/{blob}", Fields{Blob: "b", StepType: "CON"}, "_CON#/b.jpg"},
		{"{model}/{blob}", Fields{Blob: "b", Model: "../.."}, "nomodel/b.jpg"},
	} {
		l, err := Parse(c.template)
		if err != nil {
			t.Errorf("%s: %v", c.template, err)
			continue
		}
		if got := l.Path(c.fields, ".jpg"); tag.ReplaceAllString(got, "#") != c.want && got != c.want {
			t.Errorf("%s: %s, want %s", c.template, got, c.want)
		}
	}
}

func TestErrorsTellTheirPlace(t *testing.T) {
	deep := strings.Repeat("a/", 8)
	for _, c := range []struct {
		template, reason string
		column           int
	}{
		{"", "missing", 0},
		{"/{blob}", "missing", 0},
		{"{date}//{blob}", "missing", 7},
		{"{date}/", "missing", 7},
		{"../{blob}", "only dots", 2},
		{"{date}/. ./{blob}", "only dots", 10},
		{"{date}", "tell results apart", 0},
		{"{workflow}", "tell results apart", 0},
		{"é{dat}/{blob}", "did you mean {date}", 1},
		{"{blob}{Prompt}", "did you mean {prompt}", 6},
		{"{blob}{modle}", "did you mean {model}", 6},
		{"{blob}{x}", "civitar layout lists them", 6},
		{"{blob", "not closed", 0},
		{"a{blob{", "not closed", 1},
		{"{blob}{date/", "not closed", 6},
		{"{blob}}", "closes none", 6},
		{`{date}\{blob}`, "backslash", 6},
		{"{blob}:", "cannot be part", 6},
		{"{blob}\x00", "cannot be part", 6},
		{"{blob}\xff", "cannot be part", 6},
		{"{kind:3}{blob}", "takes no number", 0},
		{"{blob:0}", "from 1 to 200", 0},
		{"{blob:201}", "from 1 to 200", 0},
		{"{blob:+3}", "from 1 to 200", 0},
		{"{blob:}", "from 1 to 200", 0},
		{"{blob|}", "after |", 0},
		{"{blob|é}", "after |", 0},
		{deep + "{blob}", "more than 7 levels", 22},
	} {
		_, err := Parse(c.template)
		at := new(Error)
		if !errors.As(err, &at) || !strings.Contains(err.Error(), c.reason) {
			t.Errorf("%q: %v, want %s", c.template, err, c.reason)
			continue
		}
		if text, column := at.Place(); text != c.template || column != c.column {
			t.Errorf("%q: column %d of %q, want %d", c.template, column, text, c.column)
		}
	}
}

func TestEveryFieldIsListedWithAnExampleThatHolds(t *testing.T) {
	f := sample()
	f.Blob, f.Index = "72bb48c5-0", 1
	f.Prompt, f.Completed = "a lighthouse at dusk", f.Created
	for _, field := range All() {
		l, err := Parse("{" + field.Name + "}/{blob}")
		if err != nil {
			t.Error(err)
			continue
		}
		if got := path.Dir(l.Path(f, "")); got != field.Example || field.About == "" {
			t.Errorf("{%s} gives %s, and tells %s", field.Name, got, field.Example)
		}
		if _, err := Parse("{" + field.Name + ":3}/{blob}"); (err == nil) != (field.Option != "") {
			t.Errorf("{%s:3}: %v, told %q", field.Name, err, field.Option)
		}
		if !l.Uses(field.Name) || l.Uses("nothing") {
			t.Errorf("{%s} is not used", field.Name)
		}
	}
}

// The longest that a template and a server can come to.
func TestTheLongestPathIsWithinItsBound(t *testing.T) {
	l, err := Parse(strings.Repeat("{type}{step}/", 7) + "{blob}")
	if err != nil {
		t.Fatal(err)
	}
	long := strings.Repeat("x", 5000)
	one := l.Path(Fields{StepType: long, Step: "a", Blob: long}, ".safetensors")
	if err := wrong(one, ".safetensors"); err != nil {
		t.Error(err)
	}
	if other := l.Path(Fields{StepType: long, Step: "b", Blob: long}, ".safetensors"); path.Dir(other) == path.Dir(one) {
		t.Error("folders that differ behind what fits are one")
	}
}

var (
	elementShape = regexp.MustCompile(`^[A-Za-z0-9_$+=@,()\[\]{}][-A-Za-z0-9_.$+=@,()\[\]{}~]*$`)
	devices      = regexp.MustCompile(`(?i)^(con|prn|aux|nul|conin\$|conout\$|com[0-9]|lpt[0-9]) *(\.|$)`)
)

// wrong says what is wrong with a path on one system or another.
func wrong(name, ext string) error {
	elements := strings.Split(name, "/")
	for _, e := range elements {
		switch {
		case len(e) > sink.MaxName:
			return fmt.Errorf("%q is %d bytes long", e, len(e))
		case !elementShape.MatchString(e), strings.HasSuffix(e, "."), devices.MatchString(e):
			return fmt.Errorf("%q is not safe", e)
		}
	}
	switch {
	case len(name) > maxPath:
		return fmt.Errorf("%d bytes", len(name))
	case len(elements) > maxElements:
		return fmt.Errorf("%d elements", len(elements))
	case !strings.HasSuffix(name, ext):
		return fmt.Errorf("%q does not end in %s", name, ext)
	}
	return nil
}

// FuzzLayout: whatever parses gives a path that is relative, clean, safe on all systems,
// within bounds, and always the same.
func FuzzLayout(f *testing.F) {
	for _, template := range []string{Default, "{year}/{month}/{model|x}_{blob}", "{{{prompt:7}}}/{tags:2}/{workflow}-{index:4}", "con/{blob}", " .{blob}. ",
		strings.Repeat("{prompt}{model}/", 7) + "{blob}", "{kind:3}", "é/{type}{blob}"} {
		f.Add(template, "8484131-1", "72bb48c5-0", "imageGen", "a cat, sitting", "gen", int64(1786401435))
		f.Add(template, "..", "con", "../", "\xff\u202e", "~", int64(-1<<62))
		f.Add(template, "-", ".", "", "", "", int64(1))
		f.Add(template, "", "nul .x", strings.Repeat("é.", 300), strings.Repeat("word ", 90), ". .", int64(0))
	}
	f.Fuzz(func(t *testing.T, template, workflow, blob, kind, prompt, tag string, unix int64) {
		l, err := Parse(template)
		if err != nil {
			at := new(Error)
			if !errors.As(err, &at) {
				t.Fatalf("%q: %T", template, err)
			}
			if text, column := at.Place(); column < 0 || column > len(text) {
				t.Errorf("%q: wrong at %d", template, column)
			}
			return
		}
		again, err := Parse(l.String())
		if err != nil || again.String() != l.String() {
			t.Fatalf("%q does not parse again: %v", template, err)
		}
		values := Fields{Workflow: workflow, Blob: blob, Step: tag, StepType: kind, Kind: kind, Level: tag, Prompt: prompt, Model: prompt, Ecosystem: kind,
			Seed: blob, Tags: []string{tag, prompt, kind}, Created: time.Unix(unix, 0), Completed: time.Unix(unix/2, 0), Index: int(unix & 0xffff)}
		for _, ext := range []string{"", ".jpg", ".safetensors"} {
			got := l.Path(values, ext)
			if err := wrong(got, ext); err != nil || path.Clean(got) != got || path.IsAbs(got) {
				t.Errorf("%q: %q: %v", template, got, err)
			}
			if other := again.Path(values, ext); other != got {
				t.Errorf("%q: %q, and %q", template, got, other)
			}
		}
	})
}
