package caption

import (
	"encoding/json"
	"fmt"
	"strings"
)

// Parameters is the text that image browsers of this scene read, as the A1111 web UI has
// it: the prompt, the negative prompt, and a last line of "Name: value" pairs separated by
// commas.
func Parameters(c Caption) []byte {
	g := c.Generation
	var b strings.Builder
	if g.Prompt != "" {
		fmt.Fprintln(&b, strings.TrimSpace(strings.ToValidUTF8(g.Prompt, "\ufffd")))
	}
	if g.Negative != "" {
		fmt.Fprintln(&b, "Negative prompt:", strings.TrimSpace(strings.ToValidUTF8(g.Negative, "\ufffd")))
	}
	size := ""
	if g.Width > 0 && g.Height > 0 {
		size = fmt.Sprintf("%dx%d", g.Width, g.Height)
	}
	var pairs []string
	for _, f := range []field{
		{"Steps", g.Steps}, {"Sampler", g.Sampler}, {"Schedule type", g.Scheduler}, {"CFG scale", g.CFG}, {"Seed", g.Seed}, {"Size", size},
		{"Clip skip", g.ClipSkip}, {"Model", g.Model()}, {"Base model", g.Ecosystem}, {"Engine", g.Engine}, {"NSFW level", c.Level},
		{"Civitai workflow", c.Workflow}, {"Civitai blob", c.Blob},
	} {
		if f.value != "" {
			pairs = append(pairs, f.name+": "+quoted(f.value))
		}
	}
	if len(g.Resources) > 0 {
		pairs = append(pairs, "Civitai resources: "+resourceList(c))
	}
	fmt.Fprintln(&b, strings.Join(pairs, ", "))
	return []byte(b.String())
}

// quoted is a value that commas and colons do not cut: such are written as JSON texts.
func quoted(s string) string {
	if !strings.ContainsAny(s, ",:\"\r\n") {
		return s
	}
	data, _ := json.Marshal(s) // of a text it cannot fail
	return string(data)
}

// resourceList is a JSON list, as the site writes it.
func resourceList(c Caption) string {
	type resource struct {
		Type        string      `json:"type,omitempty"`
		Weight      json.Number `json:"weight,omitempty"`
		VersionID   json.Number `json:"modelVersionId,omitempty"`
		ModelName   string      `json:"modelName,omitempty"`
		VersionName string      `json:"modelVersionName,omitempty"`
		AIR         string      `json:"air,omitempty"`
	}
	var list []resource
	for _, r := range c.Generation.Resources {
		list = append(list, resource{strings.ToLower(r.Type), number(r.Strength), number(r.Version), r.Model, r.Name, r.AIR})
	}
	data, _ := json.Marshal(list) // texts and numbers that were checked
	return string(data)
}

// number is a text that is one, or none.
func number(s string) json.Number {
	if _, err := json.Number(s).Float64(); err != nil || !json.Valid([]byte(s)) {
		return ""
	}
	return json.Number(s)
}
