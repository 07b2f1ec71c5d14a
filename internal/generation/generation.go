// Package generation reads out of a workflow what went into its results: the prompt, the
// seed, the models and the like, wherever the server put them.
//
// Everything is optional. A field that is missing, null or of another type counts as
// unknown.
package generation

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"

	"civitar/fetch"
)

// Generation is what went into the results of a step. Texts are empty, and numbers 0,
// where they are not known; numbers that can be large or have fractions are texts, as the
// server wrote them.
type Generation struct {
	Workflow           string // what was asked for: txt2img, img2vid and the like
	Engine, Ecosystem  string
	Prompt, Negative   string
	Seed, Steps, CFG   string
	Sampler, Scheduler string
	ClipSkip           string
	Width, Height      int // pixels asked for
	Resources          []Resource
}

// Workflow is one of which the parts that tell of its making were read.
type Workflow struct {
	prompt   string
	metadata object
	steps    map[string]object
}

// Parse reads a workflow.
func Parse(w *fetch.Workflow) *Workflow {
	dec := json.NewDecoder(bytes.NewReader(w.JSON))
	dec.UseNumber()
	var root object
	_ = dec.Decode(&root) // it was decoded before; what is no object tells nothing
	g := &Workflow{prompt: w.Prompt, metadata: root.object("metadata"), steps: map[string]object{}}
	steps, _ := root["steps"].([]any)
	for i, s := range steps {
		if step, ok := s.(map[string]any); ok {
			name := object(step).text("name")
			if name == "" {
				name = "$" + strconv.Itoa(i)
			}
			g.steps[name] = step
		}
	}
	return g
}

// Of tells what went into the results of a step, named as [fetch.Blob] names it.
func (w *Workflow) Of(step string) Generation {
	s := w.steps[step]
	for name := step; s == nil && strings.Contains(name, "-"); s = w.steps[name] { // repeated by another
		name = name[:strings.LastIndexByte(name, '-')]
	}
	own, input := s.object("metadata"), s.object("input")
	places := []object{own.object("params"), w.metadata.object("params"), input}
	text := func(keys ...string) string { return first(places, keys) }
	g := Generation{
		Workflow: text("workflow"), Engine: text("engine"), Ecosystem: text("ecosystem", "baseModel"),
		Prompt: text("prompt", "text", "musicDescription"), Negative: text("negativePrompt"), Seed: text("seed"), Steps: text("steps"),
		CFG: text("cfgScale", "guidanceScale"), Sampler: text("sampler", "sampleMethod"), Scheduler: text("scheduler", "schedule"),
		ClipSkip: text("clipSkip"), Resources: w.resources(own, input),
	}
	if g.Prompt == "" {
		g.Prompt = w.prompt
	}
	g.Width, _ = strconv.Atoi(text("width"))
	g.Height, _ = strconv.Atoi(text("height"))
	return g
}

// first is the first text or number under any of the keys.
func first(places []object, keys []string) string {
	for _, place := range places {
		for _, key := range keys {
			if v := place.text(key); v != "" {
				return v
			}
		}
	}
	return ""
}
