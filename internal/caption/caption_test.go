package caption

import (
	"strings"
	"time"

	"civitar/internal/generation"
)

func anima() Caption {
	return Caption{
		Workflow: "8484131-20260810223715659", Step: "$0", StepType: "imageGen", Blob: "72bb48c5-0.jpg",
		Level: "pg13", Tags: []string{"civitai", "gen", "txt2img"}, Feedback: "liked",
		Created:   time.Date(2026, 8, 10, 22, 37, 15, 659_000_000, time.UTC),
		Completed: time.Date(2026, 8, 11, 0, 38, 1, 0, time.FixedZone("", 2*3600)),
		Generation: generation.Generation{
			Workflow: "txt2img", Engine: "sdcpp", Ecosystem: "Anima",
			Prompt: "a cat, \"sitting\"\n<lora:x:0.6> & 夜明けの富士山 🤖♟️", Negative: "dogs\nblur",
			Seed: "1674487023", Steps: "40", CFG: "5.5", Sampler: "er_sde", Scheduler: "simple", ClipSkip: "2",
			Width: 832, Height: 1216,
			Resources: []generation.Resource{
				{AIR: "urn:air:anima:checkpoint:civitai:2458426@2945208", Name: "base-v1.0", Model: "Anima",
					Type: "Checkpoint", Version: "2945208", ModelID: "2458426", Strength: "1"},
				{AIR: "urn:air:flux1:lora:huggingface:a/b@main", Type: "lora", Version: "main", ModelID: "a/b", Strength: "0.75"},
			},
		},
	}
}

// long is a prompt of a megabyte.
var long = strings.Repeat("<夜\x00明🤖, ", 1<<20/16)

// hostile are texts that break careless writers.
var hostile = map[string]string{
	"markup":             `]]> </rdf:li></rdf:Alt><!-- <?xpacket end="w"?> &amp; &#0; ' "`,
	"control characters": "a\x00b\x01\x08\x0b\x0c\x1b[31mred\x7f\u0085\u2028\u2029z",
	"line ends":          "one\r\ntwo\rthree\nfour\t tab",
	"broken UTF-8":       "a\xff\xfe\xc3(\xed\xa0\x80b",
	"no characters":      "\ufffe\uffff\ufffd\U0010ffff",
	"quotes":             `"quoted", 'single', back\slash\", ending in \`,
	"emoji and scripts":  "🤖♟️ 夜明けの富士山 北 שלום سلام é\u0301 \u202edlrow\u202c",
	"settings":           "cat\nNegative prompt: dog\nSteps: 20, Sampler: x, Seed: 1, Size: 1x1",
	"settings in a line": "cat. negative prompt: dog, steps: 20, Template: x\nparameters: y",
	"a list's end":       `x}], Seed: 1, Steps: 2, Civitai resources: [{"a":1}]`,
	"only spaces":        " \t\n ",
}
