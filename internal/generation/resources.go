package generation

import (
	"maps"
	"slices"
	"strings"
)

// modelKeys are where inputs name their checkpoint. Where there are two, "model" is no more
// than the variant of the engine.
var modelKeys = [...]string{"diffuserModel", "diffusionModel", "checkpointModel", "modelAir", "model"}

const airPrefix = "urn:air:"

// resources are those that the metadata lists, which has their names, or else those that an
// input gives.
func (p *Parsed) resources(s *step) []Resource {
	var noted, asked []Resource
	for ; s != nil; s = s.outer {
		noted = orElse(noted, listed(s.metadata["resources"]))
		noted = orElse(noted, listed(asObject(s.metadata["params"])["resources"]))
		asked = orElse(asked, inputs(s.input))
	}
	noted = orElse(noted, listed(p.metadata["resources"]))
	noted = orElse(noted, listed(asObject(p.metadata["params"])["resources"]))
	return orElse(noted, asked)
}

func orElse(a, b []Resource) []Resource {
	if len(a) > 0 {
		return a
	}
	return b
}

// inputs are the resources that an input gives by AIR.
func inputs(input object) []Resource {
	var all []Resource
	for _, key := range append(modelKeys[:], "vaeModel") {
		if air := text(input[key]); strings.HasPrefix(air, airPrefix) {
			all = append(all, fromAIR(air))
		}
	}
	for _, key := range []string{"loras", "additionalNetworks", "embeddings", "resources"} {
		all = append(all, listed(input[key])...)
	}
	return all
}

// listed reads a list of resources, or of AIRs, or an object that maps AIRs to strengths.
func listed(v any) []Resource {
	var all []Resource
	switch v := v.(type) {
	case []any:
		for _, item := range v {
			all = append(all, resource(item))
		}
	case object:
		for _, air := range slices.Sorted(maps.Keys(v)) {
			r := fromAIR(air)
			r.Strength = or(text(v[air]), text(asObject(v[air])["strength"]))
			all = append(all, r)
		}
	}
	return slices.DeleteFunc(all, func(r Resource) bool { return r == Resource{} })
}

// resource reads one as metadata has it: nested as it is now, or flat as it was.
func resource(v any) Resource {
	o := asObject(v)
	model := asObject(o["model"])
	r := fromAIR(or(text(v), text(o["air"])))
	return Resource{
		AIR:      r.AIR,
		Name:     or(text(o["name"]), text(o["versionName"]), text(o["modelVersionName"]), r.Name),
		Model:    or(text(model["name"]), text(o["modelName"])),
		Type:     or(text(model["type"]), text(o["modelType"]), text(o["type"]), r.Type),
		Version:  or(text(o["id"]), text(o["modelVersionId"]), r.Version),
		ModelID:  or(text(model["id"]), text(o["modelId"]), r.ModelID),
		Strength: or(text(o["strength"]), text(o["weight"])),
	}
}

// fromAIR reads urn:air:{ecosystem}:{type}:{source}:{model}@{version}. All else is a name.
func fromAIR(air string) Resource {
	urn, ok := strings.CutPrefix(air, airPrefix)
	if !ok {
		return Resource{Name: air}
	}
	r := Resource{AIR: air}
	if parts := strings.SplitN(urn, ":", 4); len(parts) == 4 {
		r.Type = parts[1]
		r.ModelID, r.Version, _ = strings.Cut(parts[3], "@")
	}
	return r
}

// given is the model that an input names: by its name or AIR, not by an address or its bytes.
func given(s *step) string {
	for ; s != nil; s = s.outer {
		for _, key := range modelKeys {
			name := text(s.input[key])
			if name != "" && !strings.Contains(name, "://") && !strings.HasPrefix(name, "data:") {
				return name
			}
		}
	}
	return ""
}
