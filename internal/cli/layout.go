package cli

import (
	"errors"
	"fmt"
	"io"
	"path"
	"strings"
	"time"

	"civitar/layout"
)

type layoutCmd struct {
	Example string `placeholder:"TEMPLATE" help:"Check a template, and show how it would name some results."`
}

func (layoutCmd) Help() string {
	return "Example:  civitar layout --example '{year}/{month}/{model|nomodel}_{seed}_{blob}'"
}

// Run tells what a layout can name, or tries one.
func (c *layoutCmd) Run(s *session) error {
	if c.Example == "" {
		return c.list(s.Stdout)
	}
	l, err := layout.Parse(c.Example)
	if err != nil {
		return usageError{fmt.Errorf("--example: %w", err)}
	}
	for _, e := range examples() {
		fmt.Fprintln(s.Stdout, path.Join("media", l.Path(e.fields, e.ext)))
	}
	return nil
}

func (c *layoutCmd) list(w io.Writer) error {
	for _, f := range layout.All() {
		name := "{" + f.Name + "}"
		if f.Option != "" {
			name = "{" + f.Name + ":N}"
		}
		about := f.About
		if f.Option != "" {
			about += " (N: " + f.Option + ")"
		}
		fmt.Fprintf(w, "%-14s %-62s %s\n", name, about, f.Example)
	}
	_, err := fmt.Fprintf(w, "{name|text} writes text where a value is not known; {{ and }} are braces; / begins a folder.\nThe default is %s\n", layout.Default)
	return err
}

type example struct {
	fields layout.Fields
	ext    string
}

// examples are a picture, a video of which little is known, and a text.
func examples() []example {
	created := time.Date(2026, 8, 10, 22, 37, 15, 0, time.UTC)
	image := layout.Fields{
		Workflow: "8484131-20260810223715659", Step: "$0", StepType: "imageGen", Blob: "72bb48c5-4362-46c4-b455-ff0da2414f46-0", Level: "pg13",
		Created: created, Completed: created.Add(time.Minute), Tags: []string{"civitai", "gen", "txt2img", "img"}, Index: 1, Kind: "image",
		Seed: "1674487023", Ecosystem: "Flux1", Model: "Anima base-v1.0", Prompt: "a lighthouse at dusk, waves, oil painting",
	}
	video := layout.Fields{Workflow: "0-019be44b-181e-7a7e-ab1b-b58dc7610dca", Step: "$0", StepType: "videoGen", Blob: "JNFDW54JNTATNW42HACYCWSQP0",
		Created: created, Index: 1, Kind: "video"}
	text := image
	text.StepType, text.Step, text.Blob, text.Index, text.Kind, text.Level = "chatCompletion", "$1", "$1", 2, "text", ""
	return []example{{image, ".jpg"}, {video, ".mp4"}, {text, ".json"}}
}

// placed is an error that knows where in what was given it lies.
type placed interface {
	error
	Place() (text string, column int)
}

// showPlace writes what was given with a mark below the place that is wrong.
func showPlace(w io.Writer, err error) {
	var at placed
	if !errors.As(err, &at) {
		return
	}
	text, column := at.Place()
	fmt.Fprintf(w, "  %s\n  %s^\n", oneLine(text), strings.Repeat(" ", column))
}
