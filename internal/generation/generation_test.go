package generation

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"civitar/fetch"
)

const anima = `{"id":2945208,"name":"base-v1.0","air":"urn:air:anima:checkpoint:civitai:2458426@2945208",
	"model":{"id":2458426,"name":"Anima","type":"Checkpoint"},"strength":1}`

var animaResource = Resource{
	AIR: "urn:air:anima:checkpoint:civitai:2458426@2945208", Name: "base-v1.0", Model: "Anima",
	Type: "Checkpoint", Version: "2945208", ModelID: "2458426", Strength: "1",
}

func TestOf(t *testing.T) {
	for _, c := range []struct {
		name, json, step string
		prompt           string // of the fetch.Workflow
		want             Generation
	}{
		{
			name: "the site's generator",
			json: `{"metadata":{"params":{"workflow":"txt2img","ecosystem":"Anima","prompt":"a cat","negativePrompt":"dogs",
				"seed":1674487023,"steps":40,"cfgScale":5.50,"sampler":"er_sde","clipSkip":2,"aspectRatio":{"value":"2:3","width":832,"height":1216}},
				"resources":[` + anima + `]},"steps":[{"name":"$0","input":{"engine":"sdcpp","prompt":"other","seed":1}}]}`,
			step: "$0",
			want: Generation{
				Workflow: "txt2img", Engine: "sdcpp", Ecosystem: "Anima", Prompt: "a cat", Negative: "dogs",
				Seed: "1674487023", Steps: "40", CFG: "5.50", Sampler: "er_sde", ClipSkip: "2", Width: 832, Height: 1216,
				Resources: []Resource{animaResource},
			},
		},
		{
			name: "the step's own parameters come first, but what was asked for is the workflow's",
			json: `{"metadata":{"params":{"workflow":"img2img:upscale","seed":1,"steps":9,"width":64,"height":64}},"steps":[
				{"name":"a"},{"name":"b","metadata":{"params":{"workflow":"txt2img","seed":2,"prompt":"mine","height":32}}}]}`,
			step: "b",
			want: Generation{Workflow: "img2img:upscale", Seed: "2", Steps: "9", Prompt: "mine", Width: 64, Height: 64},
		},
		{
			name: "the input alone",
			json: `{"metadata":{},"steps":[{"name":"$0","input":{"engine":"sdcpp","ecosystem":"sdxl","operation":"createImage",
				"model":"urn:air:sdxl:checkpoint:civitai:101055@128078","prompt":"p","negativePrompt":null,"sampleMethod":"euler_a","schedule":"karras",
				"steps":25,"cfgScale":7,"width":512,"height":768,"seed":12345678901234567890,
				"loras":{"urn:air:sdxl:lora:civitai:1@2":0.8,"urn:air:sdxl:lora:civitai:0@9":1}}}]}`,
			step: "$0",
			want: Generation{
				Engine: "sdcpp", Ecosystem: "sdxl", Prompt: "p", Sampler: "euler_a", Scheduler: "karras", Steps: "25", CFG: "7",
				Width: 512, Height: 768, Seed: "12345678901234567890", given: "urn:air:sdxl:checkpoint:civitai:101055@128078",
				Resources: []Resource{
					{AIR: "urn:air:sdxl:checkpoint:civitai:101055@128078", Type: "checkpoint", ModelID: "101055", Version: "128078"},
					{AIR: "urn:air:sdxl:lora:civitai:0@9", Type: "lora", ModelID: "0", Version: "9", Strength: "1"},
					{AIR: "urn:air:sdxl:lora:civitai:1@2", Type: "lora", ModelID: "1", Version: "2", Strength: "0.8"},
				},
			},
		},
		{
			name: "additional networks, lists of loras and embeddings",
			json: `{"steps":[{"name":"$0","input":{"additionalNetworks":{"urn:air:sd1:lora:civitai:1@2":{"strength":0.5,"type":"LORA"}},
				"loras":[{"air":"urn:air:sd1:lora:civitai:3@4","strength":0.25}],"embeddings":["urn:air:sd1:embedding:civitai:5@6",7,null,{}]}}]}`,
			step: "$0",
			want: Generation{Resources: []Resource{
				{AIR: "urn:air:sd1:lora:civitai:3@4", Type: "lora", ModelID: "3", Version: "4", Strength: "0.25"},
				{AIR: "urn:air:sd1:lora:civitai:1@2", Type: "lora", ModelID: "1", Version: "2", Strength: "0.5"},
				{AIR: "urn:air:sd1:embedding:civitai:5@6", Type: "embedding", ModelID: "5", Version: "6"},
				{Name: "7"},
			}},
		},
		{
			name: "older metadata: flat resources, a base model",
			json: `{"steps":[{"name":"$0","metadata":{"params":{"baseModel":"SD1"},"resources":[
				{"modelVersionId":"128713","versionName":"8","modelName":"DreamShaper","modelId":4384,"modelType":"Checkpoint","weight":1}]}}]}`,
			step: "$0",
			want: Generation{Ecosystem: "SD1", Resources: []Resource{
				{Name: "8", Model: "DreamShaper", Type: "Checkpoint", Version: "128713", ModelID: "4384", Strength: "1"}}},
		},
		{
			name: "speech", step: "$0",
			json: `{"steps":[{"name":"$0","input":{"engine":"qwen3","text":"Twenty to nine."}}]}`,
			want: Generation{Engine: "qwen3", Prompt: "Twenty to nine."},
		},
		{
			name: "music", step: "$0",
			json: `{"steps":[{"name":"$0","input":{"musicDescription":"neo-soul","lyrics":"la","seed":7,"steps":8,"cfg":1}}]}`,
			want: Generation{Prompt: "neo-soul", Seed: "7", Steps: "8", CFG: "1"},
		},
		{
			name: "training", step: "$0",
			json: `{"steps":[{"name":"$0","input":{"engine":"ai-toolkit","ecosystem":"sdxl","model":"urn:air:sdxl:checkpoint:civitai:1@2","trainingData":{"type":"zip"}}}]}`,
			want: Generation{Engine: "ai-toolkit", Ecosystem: "sdxl", given: "urn:air:sdxl:checkpoint:civitai:1@2",
				Resources: []Resource{{AIR: "urn:air:sdxl:checkpoint:civitai:1@2", Type: "checkpoint", ModelID: "1", Version: "2"}}},
		},
		{
			name: "a node graph, by its links", step: "$0",
			json: `{"metadata":{},"steps":[{"name":"$0","input":{"resources":[],"workflow":{
				"10":{"class_type":"KSampler","inputs":{"seed":5,"steps":20,"cfg":7.5,"sampler_name":"euler","scheduler":"normal","positive":["8",0],"negative":["2",0]}},
				"2":{"class_type":"CLIPTextEncode","inputs":{"text":"bad"}},
				"6":{"class_type":"CLIPTextEncode","inputs":{"text":"good"}},
				"8":{"class_type":"ControlNetApply","inputs":{"conditioning":[6,0]}}}}}]}`,
			want: Generation{Prompt: "good", Negative: "bad", Seed: "5", Steps: "20", CFG: "7.5", Sampler: "euler", Scheduler: "normal"},
		},
		{
			name: "a node graph without a sampler, in order of its numbers", step: "$0",
			json: `{"steps":[{"name":"$0","input":{"comfyWorkflow":{"10":{"class_type":"CLIPTextEncode","inputs":{"text":"second"}},
				"9":{"class_type":"CLIPTextEncodeFlux","inputs":{"text":"first"}},"1":{"class_type":"Note","inputs":{"text":"no"}}}}}]}`,
			want: Generation{Prompt: "first"},
		},
		{
			name: "a node graph in a circle", step: "$0",
			json: `{"steps":[{"name":"$0","input":{"workflow":{"1":{"inputs":{"cfg":1,"positive":["1",0],"negative":["2"]}},"2":{"inputs":{"conditioning":["2"]}}}}}]}`,
			want: Generation{CFG: "1"},
		},
		{
			name: "a prompt that only another step has", prompt: "elsewhere", step: "$1",
			json: `{"steps":[{"name":"$0"},{"name":"$1","input":{"image":{"$ref":"$0"}}}]}`,
			want: Generation{Prompt: "elsewhere"},
		},
		{
			name: "a model by name", step: "$0",
			json: `{"steps":[{"name":"$0","input":{"engine":"openai","model":"gpt-image-1","prompt":"p"}}]}`,
			want: Generation{Engine: "openai", Prompt: "p", given: "gpt-image-1"},
		},
		{
			name: "a model that is an address or bytes is no name", step: "$0",
			json: `{"steps":[{"name":"$0","input":{"diffusionModel":"data:model/gltf-binary;base64,Z2w=","model":"https://models.example/a.glb"}}]}`,
		},
		{name: "of other types", step: "$0", json: `{"metadata":[],"steps":[{"name":"$0","metadata":{"params":"x","resources":{"a":[]}},
			"input":{"prompt":{},"seed":true,"steps":[],"width":"wide","height":-3,"loras":1,"workflow":{"1":[]},"model":null}}]}`,
			want: Generation{Resources: []Resource{{Name: "a"}}}},
		{name: "null", step: "$0", json: `{"metadata":null,"steps":null}`},
		{name: "steps of a wrong type", step: "$0", json: `{"steps":[1,null,[],"x"]}`},
		{name: "no workflow", step: "$0", json: `[]`},
		{name: "no JSON", step: "$0"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := &fetch.Workflow{JSON: json.RawMessage(c.json), Prompt: c.prompt}
			if got := Of(w, c.step); !reflect.DeepEqual(got, c.want) {
				t.Errorf("got  %+v\nwant %+v", got, c.want)
			}
		})
	}
}

func TestOfRepeatedSteps(t *testing.T) {
	p := Parse(&fetch.Workflow{JSON: json.RawMessage(`{"metadata":{"params":{"prompt":"the form's","seed":1}},"steps":[{
		"name":"$0","input":{"template":{"input":{"engine":"flux2","steps":4}}},"output":{"steps":[
			{"name":"x","input":{"prompt":"one"}},
			null,
			{"name":"x","metadata":{"params":{"seed":3}},"output":{"steps":[{"input":{"steps":5}}]}}]}}]}`)})
	for _, c := range []struct {
		step string
		want Generation
	}{
		{"$0", Generation{Prompt: "the form's", Seed: "1", Engine: "flux2", Steps: "4"}},
		{"$0-0", Generation{Prompt: "one", Seed: "1", Engine: "flux2", Steps: "4"}},
		{"$0-2", Generation{Prompt: "the form's", Seed: "3", Engine: "flux2", Steps: "4"}},
		{"$0-2-0", Generation{Prompt: "the form's", Seed: "3", Engine: "flux2", Steps: "5"}},
		{"$0-0-7", Generation{Prompt: "one", Seed: "1", Engine: "flux2", Steps: "4"}}, // not read: the one around it
		{"$9-1", Generation{Prompt: "the form's", Seed: "1"}},
		{"", Generation{Prompt: "the form's", Seed: "1"}},
	} {
		if got := p.Of(c.step); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: got  %+v\nwant %+v", c.step, got, c.want)
		}
	}
}

func TestModel(t *testing.T) {
	lora := Resource{Model: "Detail", Type: "LORA"}
	unnamed := Resource{Type: "checkpoint", AIR: "urn:air:sdxl:checkpoint:civitai:1@2"}
	for _, c := range []struct {
		g    Generation
		want string
	}{
		{Generation{Resources: []Resource{lora, animaResource}, given: "x"}, "Anima base-v1.0"},
		{Generation{Resources: []Resource{lora, unnamed}, given: unnamed.AIR}, unnamed.AIR},
		{Generation{Resources: []Resource{lora}}, ""},
		{Generation{given: "dall-e-3"}, "dall-e-3"},
	} {
		if got := c.g.Model(); got != c.want {
			t.Errorf("%+v: got %q, want %q", c.g, got, c.want)
		}
	}
}

func TestDeepNestingIsBounded(t *testing.T) {
	const levels = 3000 // within what encoding/json reads
	raw := strings.Repeat(`{"steps":[{"output":`, levels) + `{}` + strings.Repeat(`}]}`, levels)
	p := Parse(&fetch.Workflow{JSON: json.RawMessage(raw)})
	if n := len(p.steps); n != maxDepth+1 {
		t.Errorf("%d steps read", n)
	}
	if p.find("$0"+strings.Repeat("-0", levels)) != p.steps["$0"+strings.Repeat("-0", maxDepth)] {
		t.Error("a step too deep is not told by the one around it")
	}
}

// FuzzParse: whatever a server answers, reading it twice gives the same.
func FuzzParse(f *testing.F) {
	f.Add(`{"steps":{"b":{"name":"a"},"a":{},"c":{"input":{"workflow":{"1":{"inputs":{"cfg":1,"positive":["1"]}}}}}}}`)
	f.Add(`{"metadata":{"resources":{"b":1,"a":{"strength":2}}},"steps":[{"name":"s"},{"name":"s","output":{"steps":[{}]}}]}`)
	f.Fuzz(func(t *testing.T, raw string) {
		w := &fetch.Workflow{JSON: json.RawMessage(raw)}
		p, again := Parse(w), Parse(w)
		for name := range p.steps {
			if a, b := p.Of(name), again.Of(name); !reflect.DeepEqual(a, b) {
				t.Errorf("%q: %+v and %+v", name, a, b)
			}
		}
	})
}
