package generation

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"civitar/fetch"
)

// maxDepth bounds the nesting of repeats. What is deeper is told by the innermost step that is read.
const maxDepth = 8

// Parsed is a workflow read once, to be asked for any of its steps.
type Parsed struct {
	prompt   string
	metadata object
	steps    map[string]*step
	used     map[string]int // how often a step's name was given
}

type step struct {
	metadata, input object
	outer           *step // the repeat that this one is in
}

// Parse reads a workflow's JSON. It cannot fail: a field that is missing, null or of another
// type counts as absent. Of results only nested steps are read.
func Parse(w *fetch.Workflow) *Parsed {
	fields := members(w.JSON)
	p := &Parsed{
		prompt:   w.Prompt,
		metadata: decode(fields["metadata"]),
		steps:    make(map[string]*step),
		used:     make(map[string]int),
	}
	p.read(fields["steps"], "", nil, 0)
	return p
}

// read files steps under the names that fetch gives them.
func (p *Parsed) read(list json.RawMessage, prefix string, outer *step, depth int) {
	if depth > maxDepth {
		return
	}
	keys, values := items(list)
	for i, value := range values {
		fields := members(value)
		if fields == nil {
			continue
		}
		name := literal(fields["name"])
		switch {
		case outer != nil:
			name = prefix + "-" + strconv.Itoa(i)
		case name == "":
			name = keys[i]
		}
		name = p.unique(name)
		s := &step{metadata: decode(fields["metadata"]), input: decode(fields["input"]), outer: outer}
		p.steps[name] = s
		p.read(members(fields["output"])["steps"], name, s, depth+1)
	}
}

// unique keeps names apart that a server gave twice, as fetch does.
func (p *Parsed) unique(name string) string {
	free := name
	for p.used[free] > 0 {
		p.used[name]++
		free = name + "_" + strconv.Itoa(p.used[name])
	}
	p.used[free] = 1
	return free
}

// find is the step of that name, or the innermost known one around it, or nil.
func (p *Parsed) find(name string) *step {
	for {
		if s := p.steps[name]; s != nil {
			return s
		}
		end := strings.LastIndexByte(name, '-')
		if end < 0 {
			return nil
		}
		name = name[:end]
	}
}

// Of tells what went into the results of a step, named as [fetch.Blob].Step is. Of a step
// that is not known, it tells what the workflow says.
func (p *Parsed) Of(name string) Generation {
	s := p.find(name)
	at := p.places(s)
	g := Generation{
		// What an upscaler's step says is how the picture came about that it was given.
		Workflow:  or(text(asObject(p.metadata["params"])["workflow"]), first(at, "workflow")),
		Engine:    first(at, "engine"),
		Ecosystem: first(at, "ecosystem", "baseModel"),
		Prompt:    or(first(at, "prompt", "text", "musicDescription"), p.prompt),
		Negative:  first(at, "negativePrompt"),
		Seed:      first(at, "seed"),
		Steps:     first(at, "steps", "numInferenceSteps"),
		CFG:       first(at, "cfgScale", "cfg", "guidanceScale"),
		Sampler:   first(at, "sampler", "sampleMethod"),
		Scheduler: first(at, "scheduler", "schedule"),
		ClipSkip:  first(at, "clipSkip"),
		Resources: p.resources(s),
		given:     given(s),
	}
	g.Width, g.Height = size(at)
	return g
}

// places are where a step's values can stand, nearest first.
func (p *Parsed) places(s *step) []object {
	var own, inputs, graphs []object
	for ; s != nil; s = s.outer {
		own = append(own, params(s.metadata)...)
		if s.outer != nil {
			own = append(own, s.input)
		}
		inputs = append(inputs, s.input, asObject(asObject(s.input["template"])["input"]))
		graphs = append(graphs, graph(s.input))
	}
	return slices.Concat(own, params(p.metadata), inputs, graphs)
}

// params are what the site's generator writes down; it has the size one level deeper.
func params(metadata object) []object {
	o := asObject(metadata["params"])
	return []object{o, asObject(o["aspectRatio"])}
}

// size is the first width and height that stand together.
func size(places []object) (width, height int) {
	for _, o := range places {
		if w, h := pixels(o["width"]), pixels(o["height"]); w > 0 && h > 0 {
			return w, h
		}
	}
	return 0, 0
}
