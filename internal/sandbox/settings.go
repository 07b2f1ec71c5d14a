package sandbox

import "strings"

// setting is what the user chose for a workflow, wherever it was written down: in the
// workflow's metadata, a step's, or a step's input. Nil if nowhere.
func (p *plan) setting(name string) any {
	places := []object{paramsOf(p.metadata)}
	for _, s := range p.steps {
		input, _ := s.input.(object)
		places = append(places, paramsOf(s.metadata), input)
	}
	for _, place := range places {
		if value := place.get(name); value != nil && value != "" {
			return value
		}
	}
	return nil
}

func paramsOf(metadata any) object {
	o, _ := metadata.(object)
	p, _ := o.get("params").(object)
	return p
}

// prompt is the setting, or where only a node graph has it, the text of its first node
// that holds one.
func (p *plan) prompt() string {
	if prompt, ok := p.setting("prompt").(string); ok {
		return prompt
	}
	for _, s := range p.steps {
		input, _ := s.input.(object)
		for _, graph := range []string{"workflow", "comfyWorkflow"} {
			nodes, _ := input.get(graph).(object)
			for _, m := range nodes {
				node, _ := m.value.(object)
				kind, _ := node.get("class_type").(string)
				inputs, _ := node.get("inputs").(object)
				if text, ok := inputs.get("text").(string); ok && strings.HasPrefix(kind, "CLIPTextEncode") {
					return text
				}
			}
		}
	}
	return ""
}

// opinion is what the user said of a result on the site: the marks of its step.
func (b *blob) opinion() (hidden, favorite bool, feedback string) {
	meta, _ := b.step.metadata.(object)
	for _, under := range []string{"output", "images"} {
		marks, _ := meta.get(under).(object)
		mark, _ := marks.get(b.id).(object)
		yes, _ := mark.get("hidden").(bool)
		hidden = hidden || yes
		yes, _ = mark.get("favorite").(bool)
		favorite = favorite || yes
		if feedback == "" {
			feedback, _ = mark.get("feedback").(string)
		}
	}
	return hidden, favorite, feedback
}
