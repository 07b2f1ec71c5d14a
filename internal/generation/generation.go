// Package generation reads out of a workflow what went into its results: the prompt, the
// settings, the model. The values stand in several places, which the API page and the
// vendor's client (`@civitai/client`, `types.gen.d.ts`) name; the nearest to the result wins:
//
//   - the metadata.params of the result's step, which the site's generator writes;
//   - the metadata.params of the workflow;
//   - the step's input, which is what the API was asked;
//   - a ComfyUI node graph in that input.
//
// A step inside a repeat looks into its own input before the metadata of the workflow, since
// its input is what the repeat varies, and then into the steps around it.
package generation

import (
	"strings"

	"civitar/fetch"
)

// Generation is what went into the results of a step. What is not known is empty. Numbers are
// literals as the server answered them: a seed need not fit any type of Go's.
type Generation struct {
	Workflow          string // what was asked for: txt2img, img2vid, …
	Engine, Ecosystem string
	Prompt, Negative  string

	// Seed is that of the step. The server counts up from it within a batch.
	Seed, Steps, CFG, Sampler, Scheduler, ClipSkip string

	Width, Height int // pixels as asked for; the result's can differ. 0 unknown
	Resources     []Resource

	given string // the model that the input names
}

// Resource is a model, network or embedding that was used.
type Resource struct {
	AIR      string // the resource's URN
	Name     string // of the version
	Model    string // the model's name
	Type     string // as answered: Checkpoint, LORA, …
	Version  string // id of the version
	ModelID  string
	Strength string // a number literal
}

// Of tells what went into the results of a step, named as [fetch.Blob].Step is. For many
// steps of one workflow, [Parse] it once.
func Of(w *fetch.Workflow, step string) Generation { return Parse(w).Of(step) }

// Model is the name of the checkpoint, or the name or AIR of the model that the step's input
// gives, or "".
func (g Generation) Model() string {
	for _, r := range g.Resources {
		if strings.EqualFold(r.Type, "checkpoint") && r.title() != "" {
			return r.title()
		}
	}
	return g.given
}

// title is the names of the model and its version.
func (r Resource) title() string { return strings.TrimSpace(r.Model + " " + r.Name) }
