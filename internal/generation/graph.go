package generation

import (
	"cmp"
	"maps"
	"slices"
	"strings"
)

// maxLinks bounds the way from a sampler to its prompt, which a graph may lead in a circle.
const maxLinks = 8

// graph reads a ComfyUI node graph as if it were parameters. Which of its texts is the prompt
// is told by the links of the node that samples; without such a node it is the first text.
func graph(input object) object {
	nodes := asObject(input["workflow"])
	if nodes == nil {
		nodes = asObject(input["comfyWorkflow"])
	}
	ids := slices.SortedFunc(maps.Keys(nodes), func(a, b string) int {
		return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b)) // they are numbers as a rule
	})
	prompt := ""
	for _, id := range ids {
		node := asObject(nodes[id])
		in := asObject(node["inputs"])
		if _, samples := in["cfg"]; samples && in["positive"] != nil {
			return sampler(nodes, in)
		}
		if strings.HasPrefix(text(node["class_type"]), "CLIPTextEncode") {
			prompt = or(prompt, text(in["text"]))
		}
	}
	return object{"prompt": prompt}
}

// sampler reads a KSampler's inputs or its like's.
func sampler(nodes, in object) object {
	return object{
		"prompt":         linked(nodes, in, "positive"),
		"negativePrompt": linked(nodes, in, "negative"),
		"seed":           or(text(in["seed"]), text(in["noise_seed"])),
		"steps":          in["steps"],
		"cfg":            in["cfg"],
		"sampler":        in["sampler_name"],
		"scheduler":      in["scheduler"],
	}
}

// linked follows an input to the text behind it, through nodes that change a conditioning.
func linked(nodes, in object, key string) string {
	for range maxLinks {
		link, _ := in[key].([]any)
		if link == nil {
			link, _ = in["conditioning"].([]any)
		}
		if len(link) == 0 {
			return ""
		}
		in = asObject(asObject(nodes[text(link[0])])["inputs"])
		if s := text(in["text"]); s != "" {
			return s
		}
	}
	return ""
}
