package layout

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// field is something that a template can name. Its option is a number.
type field struct {
	name, about, example string
	option               string // what the number after the colon says, "" for none allowed
	absent               string // what stands for a value that is not known
	value                func(f Fields, option int) string
}

// Field tells of one for those who choose: its name, what it is, an example, and what a
// number after a colon says.
type Field struct{ Name, About, Example, Option string }

// All are the fields that a template can name.
func All() []Field {
	var all []Field
	for _, f := range fields() {
		all = append(all, Field{f.name, f.about, f.example, f.option})
	}
	return all
}

const (
	promptBytes = 60
	tagsShown   = 3
	nameBytes   = 80
)

func fields() []field {
	text := func(value func(Fields) string) func(Fields, int) string {
		return func(f Fields, most int) string { return cut(value(f), most) }
	}
	words := func(standard int, value func(Fields) string) func(Fields, int) string {
		return func(f Fields, most int) string {
			if most == 0 {
				most = standard
			}
			return cutWords(plain(value(f)), most)
		}
	}
	when := func(form string) func(Fields, int) string {
		return func(f Fields, _ int) string { return stamp(f.Created, form) }
	}
	const most = "at most N bytes"
	return []field{
		{"workflow", "id of the workflow", "8484131-20260810223715659", most, "none", text(func(f Fields) string { return f.Workflow })},
		{"blob", "id of the blob, or the step of a text", "72bb48c5-0", most, "none", text(func(f Fields) string { return f.Blob })},
		{"step", "name of the step", "$0", most, "none", text(func(f Fields) string { return f.Step })},
		{"type", "type of the step", "imageGen", most, "none", text(func(f Fields) string { return f.StepType })},
		{"index", "place among the workflow's results, from 1", "1", "N digits", "0", func(f Fields, digits int) string {
			return fmt.Sprintf("%0*d", digits, f.Index)
		}},
		{"kind", "image, video, audio, model, text or other", "image", "", "other", text(func(f Fields) string { return f.Kind })},
		{"nsfw", "level, or unrated", "pg13", "", "unrated", text(level)},
		{"date", "day of the workflow's creation, UTC", "2026-08-10", "", "undated", when(time.DateOnly)},
		{"year", "its year", "2026", "", "undated", when("2006")},
		{"month", "its month", "08", "", "undated", when("01")},
		{"day", "its day", "10", "", "undated", when("02")},
		{"hour", "its hour", "22", "", "undated", when("15")},
		{"time", "time of the workflow's creation, UTC", "223715", "", "undated", when("150405")},
		{"completed", "day on which it ended, UTC", "2026-08-10", "", "undated", func(f Fields, _ int) string { return stamp(f.Completed, time.DateOnly) }},
		{"seed", "seed", "1674487023", "", "noseed", words(nameBytes, func(f Fields) string { return f.Seed })},
		{"ecosystem", "family of models", "Flux1", most, "none", words(nameBytes, func(f Fields) string { return f.Ecosystem })},
		{"model", "checkpoint", "Anima-base-v1.0", most, "nomodel", words(nameBytes, func(f Fields) string { return f.Model })},
		{"prompt", "the prompt's first words", "a-lighthouse-at-dusk", most, "noprompt", words(promptBytes, func(f Fields) string { return f.Prompt })},
		{"tags", "the first tags", "civitai+gen+txt2img", "the first N", "untagged", tags},
	}
}

func level(f Fields) string {
	if f.Level == "na" {
		return ""
	}
	return f.Level
}

func tags(f Fields, most int) string {
	if most == 0 {
		most = tagsShown
	}
	var shown []string
	for _, t := range f.Tags {
		if t = plain(t); t != "" && len(shown) < most {
			shown = append(shown, t)
		}
	}
	return cut(strings.Join(shown, "+"), nameBytes)
}

func stamp(t time.Time, form string) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(form)
}

// cut keeps at most so many bytes of a text, 0 for all.
func cut(s string, most int) string {
	if most == 0 || len(s) <= most {
		return s
	}
	for most > 0 && !utf8.RuneStart(s[most]) {
		most--
	}
	return s[:most]
}

// cutWords cuts between words, where there is a word that is short enough.
func cutWords(s string, most int) string {
	if len(s) <= most {
		return s
	}
	short := cut(s, most)
	if s[len(short)] != '-' {
		if i := strings.LastIndexByte(short, '-'); i > 0 {
			short = short[:i]
		}
	}
	return strings.TrimRight(short, "-")
}

// plain makes words of a text that names can hold: whatever else there is becomes a single
// dash. Nothing is left of a text in another script, and what stands for absent ones does
// for it.
func plain(s string) string {
	var b strings.Builder
	dash := false
	for _, r := range s {
		ok := r < unicode.MaxASCII && (unicode.IsLetter(r) || unicode.IsDigit(r) || r == '.' || r == '_')
		if !ok {
			dash = b.Len() > 0
			continue
		}
		if dash {
			b.WriteByte('-')
			dash = false
		}
		b.WriteRune(r)
	}
	return strings.Trim(b.String(), ".-")
}

// number reads an option.
func number(s string) (int, bool) {
	n, err := strconv.Atoi(s)
	return n, err == nil && n > 0 && n <= 200 && s[0] != '+'
}
