package generation

import "strings"

// Resource is a model that was used.
type Resource struct {
	AIR      string // its name for machines: urn:air:…
	Name     string // of the version
	Model    string // of the model
	Type     string // Checkpoint, LORA and the like
	Version  string // id of the version
	ModelID  string
	Strength string
}

// Model is the name of the checkpoint, or of what else stands for it, "" if unknown.
func (g Generation) Model() string {
	for _, r := range g.Resources {
		if strings.EqualFold(r.Type, "checkpoint") {
			return r.Title()
		}
	}
	if len(g.Resources) > 0 && g.Resources[0].Type == "" {
		return g.Resources[0].Title()
	}
	return ""
}

// Title is the resource's name for people.
func (r Resource) Title() string {
	if title := strings.TrimSpace(r.Model + " " + r.Name); title != "" {
		return title
	}
	return r.AIR
}

func (w *Workflow) resources(own, input object) []Resource {
	for _, place := range []object{own, w.metadata} {
		if all := described(place["resources"]); len(all) > 0 {
			return all
		}
	}
	return addressed(input)
}

// described are resources as the site describes them.
func described(v any) []Resource {
	list, _ := v.([]any)
	var all []Resource
	for _, it := range list {
		m, ok := it.(map[string]any)
		if !ok {
			continue
		}
		o := object(m)
		model := o.object("model")
		all = append(all, Resource{AIR: o.text("air"), Name: o.text("name"), Version: o.text("id"), Model: model.text("name"),
			ModelID: model.text("id"), Type: model.text("type"), Strength: o.text("strength")})
	}
	return all
}

// addressed are resources as a step's input names them: by AIR.
func addressed(input object) []Resource {
	var all []Resource
	for _, key := range []string{"model", "checkpoint", "diffuserModel"} {
		if air := input.text(key); air != "" {
			all = append(all, ofAIR(air, ""))
			break
		}
	}
	for _, key := range []string{"loras", "additionalNetworks"} {
		all = append(all, networks(input[key])...)
	}
	return all
}

// networks are those added to a model: AIRs with their strength, or a list of them.
func networks(v any) []Resource {
	var all []Resource
	switch v := v.(type) {
	case map[string]any:
		for _, air := range sortedKeys(v) {
			strength := object(v).text(air)
			if network, ok := v[air].(map[string]any); ok {
				strength = object(network).text("strength")
			}
			all = append(all, ofAIR(air, strength))
		}
	case []any:
		for _, it := range v {
			if o, ok := it.(map[string]any); ok {
				all = append(all, ofAIR(object(o).text("air"), object(o).text("strength")))
			}
		}
	}
	return all
}

// ofAIR reads urn:air:<ecosystem>:<type>:<source>:<model>@<version>.
func ofAIR(air, strength string) Resource {
	r := Resource{AIR: air, Strength: strength}
	parts := strings.Split(air, ":")
	if len(parts) >= 6 && parts[0] == "urn" {
		r.Type = parts[3]
		r.ModelID, r.Version, _ = strings.Cut(parts[5], "@")
	}
	return r
}
