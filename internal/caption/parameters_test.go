package caption

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"civitar/internal/generation"
)

func TestParameters(t *testing.T) {
	for _, c := range []struct {
		name string
		c    Caption
		want string
	}{
		{"everything", anima(), `a cat, "sitting"
<lora:x:0.6> & 夜明けの富士山 🤖♟️
Negative prompt: dogs
blur
Steps: 40, Sampler: er_sde, Schedule type: simple, CFG scale: 5.5, Seed: 1674487023, Size: 832x1216, Model: Anima base-v1.0, ` +
			`Clip skip: 2, Civitai workflow: 8484131-20260810223715659, Civitai step: $0, Civitai blob: 72bb48c5-0.jpg, Created Date: 2026-08-10T22:38:01Z, ` +
			`Civitai resources: [{"type":"checkpoint","weight":1,"modelVersionId":2945208,"modelName":"Anima","modelVersionName":"base-v1.0"},` +
			`{"type":"lora","weight":0.75,"air":"urn\u003aair\u003aflux1\u003alora\u003ahuggingface\u003aa/b@main"}]
`},
		{"no prompt", Caption{Workflow: "w", Step: "$0", Blob: "b"}, "Steps: Undefined, Civitai workflow: w, Civitai step: $0, Civitai blob: b\n"},
		{"a negative prompt alone", Caption{Generation: generation.Generation{Negative: " x ", Steps: "1"}}, "Negative prompt: x\nSteps: 1\n"},
		{"quotes", Caption{Step: `a"b`, Blob: "a, b: \\c", Workflow: "[dev]"},
			`Steps: Undefined, Civitai workflow: [dev], Civitai step: "a\u0022b", Civitai blob: "a\u002c b\u003a \u005cc"` + "\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := string(Parameters(c.c)); got != c.want {
				t.Errorf("got\n%s\nwant\n%s", got, c.want)
			}
		})
	}
}

func TestPart(t *testing.T) {
	for prompt, want := range map[string]string{
		hostile["settings in a line"]: "cat. negative prompt : dog, steps : 20, Template : x\nparameters : y",
		hostile["settings"]:           "cat\nNegative prompt : dog\nSteps : 20, Sampler: x, Seed: 1, Size: 1x1",
		hostile["line ends"]:          "one\ntwo\nthree\nfour\t tab",
		"a\x00b\x7f\u0085\u2028c\xff": "a b   c\ufffd",
		"footsteps: two":              "footsteps: two",
		" \n x \n ":                   "x",
	} {
		if got := part(prompt); got != want {
			t.Errorf("%q: got %q, want %q", prompt, got, want)
		}
	}
}

var (
	setting       = regexp.MustCompile(`([\p{L}\p{N}_][\p{L}\p{N}_ /-]+):\s*("(?:[^"\\]|\\.)+"|[^,]*)(?:,|$)`)
	emptyLine     = regexp.MustCompile(`\n{2,}`)
	resourcesList = regexp.MustCompile(`, Civitai resources:\s*(\[\{.*?\}\])`)
)

// readWebUI reads infotext by the rules of AUTOMATIC1111's web UI: the last line holds the
// settings if it has three of them; a line that begins with "Negative prompt:" ends the prompt;
// quoted settings are JSON.
func readWebUI(text string) (prompt, negative string, settings map[string]string) {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	settings = make(map[string]string)
	if found := setting.FindAllStringSubmatch(lines[len(lines)-1], -1); len(found) >= 3 {
		lines = lines[:len(lines)-1]
		for _, pair := range found {
			value := pair[2]
			if strings.HasPrefix(value, `"`) && strings.HasSuffix(value, `"`) {
				_ = json.Unmarshal([]byte(pair[2]), &value) // else as it is
			}
			settings[pair[1]] = value
		}
	}
	to := &prompt
	for _, line := range lines {
		line = strings.TrimSpace(line)
		if rest, ok := strings.CutPrefix(line, "Negative prompt:"); ok {
			to, line = &negative, strings.TrimSpace(rest)
		}
		if *to != "" {
			*to += "\n"
		}
		*to += line
	}
	return prompt, negative, settings
}

type civitaiResource struct {
	Type, ModelName, ModelVersionName, AIR string
	Weight                                 json.Number
	ModelVersionID                         json.Number
}

// readCivitai reads infotext by the rules of the site: the first line that begins with
// "Steps: " holds the settings; "Negative prompt:" divides the rest, wherever it stands.
func readCivitai(t *testing.T, text string) (prompt, negative, settings string, list []civitaiResource) {
	t.Helper()
	var rest []string
	for _, line := range strings.Split(text, "\n") {
		switch {
		case strings.HasPrefix(line, "Steps: ") && settings == "":
			settings = line
		case strings.TrimSpace(line) != "":
			rest = append(rest, strings.TrimSpace(line))
		}
	}
	if m := resourcesList.FindStringSubmatch(settings); m != nil {
		if err := json.Unmarshal([]byte(m[1]), &list); err != nil {
			t.Errorf("resources: %v: %s", err, m[1])
		}
	}
	prompt, negative, _ = strings.Cut(strings.Join(rest, "\n"), "Negative prompt:")
	return strings.TrimSpace(prompt), strings.TrimSpace(negative), settings, list
}

func TestParametersOfHostileTexts(t *testing.T) {
	for name, text := range hostile {
		t.Run(name, func(t *testing.T) { checkParameters(t, text, text, text, text) })
	}
	checkParameters(t, long, "no", "model", "id")
}

// checkParameters writes texts in every place and reads them back as others do.
func checkParameters(t *testing.T, prompt, negative, model, id string) {
	t.Helper()
	g := generation.Generation{Prompt: prompt, Negative: negative, Seed: "42", Steps: "40", CFG: "5", Resources: []generation.Resource{
		{Type: "checkpoint", Model: model, Version: "7", Strength: "0.5", AIR: "urn:air:x:checkpoint:civitai:6@7"},
		{Type: model, Name: model, AIR: id, Strength: id},
	}}
	raw := Parameters(Caption{Workflow: id, Step: "$0", Blob: id, Generation: g})
	text := string(raw)
	if !utf8.ValidString(text) || strings.ContainsFunc(text, func(r rune) bool { return r < ' ' && r != '\n' && r != '\t' }) {
		t.Errorf("not clean: %q", text)
	}
	wantPrompt, wantNegative := asLines(prompt), asLines(negative)

	gotPrompt, gotNegative, settings := readWebUI(text)
	if gotPrompt != wantPrompt || gotNegative != wantNegative {
		t.Errorf("prompts %.200q, %.200q; want %.200q, %.200q", gotPrompt, gotNegative, wantPrompt, wantNegative)
	}
	for key, want := range map[string]string{
		"Steps": "40", "Seed": "42", "CFG scale": "5", "Civitai step": "$0",
		"Civitai workflow": oneValue(id), "Civitai blob": oneValue(id), "Model": oneValue(model),
	} {
		if settings[key] != want {
			t.Errorf("%s: got %.200q, want %.200q", key, settings[key], want)
		}
		delete(settings, key)
	}
	delete(settings, "Civitai resources") // which this reader takes for one more
	if len(settings) > 0 {
		t.Errorf("settings that nobody wrote: %.200q", settings)
	}

	gotPrompt, gotNegative, line, list := readCivitai(t, text)
	if gotPrompt != emptyLine.ReplaceAllString(wantPrompt, "\n") || gotNegative != emptyLine.ReplaceAllString(wantNegative, "\n") {
		t.Errorf("Civitai's: prompts %.200q, %.200q", gotPrompt, gotNegative)
	}
	if !strings.HasPrefix(line, "Steps: 40, CFG scale: 5, Seed: 42") {
		t.Errorf("Civitai's: settings %.200q", line)
	}
	if len(list) == 0 || list[0].ModelName != clean(model) || list[0].ModelVersionID != "7" || list[0].Weight != "0.5" {
		t.Errorf("Civitai's: resources %+.200v", list)
	}
	if len(list) == 2 && (list[1].ModelVersionName != clean(model) || list[1].AIR != clean(id)) {
		t.Errorf("Civitai's: resources %+.200v", list)
	}
}

// asLines is a prompt as it can be read back: its lines, without spaces around them.
func asLines(prompt string) string {
	lines := strings.Split(part(prompt), "\n")
	for i := range lines {
		lines[i] = strings.TrimSpace(lines[i])
	}
	return strings.Join(lines, "\n")
}

func oneValue(s string) string { return strings.TrimSpace(clean(s)) }

// FuzzParameters: what is written is read back by the rules of those who read it.
func FuzzParameters(f *testing.F) {
	for _, text := range hostile {
		f.Add(text[:min(len(text), 100)], "no", text[:min(len(text), 40)], "id")
	}
	f.Fuzz(checkParameters)
}
