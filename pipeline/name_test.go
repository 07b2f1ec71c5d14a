package pipeline

import (
	"encoding/binary"
	"strings"
	"testing"
	"time"

	"civitar/fetch"
	"civitar/layout"
)

func TestExtensionIsWhatTheBytesSay(t *testing.T) {
	safetensors := append(binary.LittleEndian.AppendUint64(nil, 20), `{"a":{"dtype":"F16"}}`...)
	heads := map[string]string{
		"png": "\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", "jpeg": "\xff\xd8\xff\xe0\x00\x10JFIF\x00", "webp": "RIFF\x24\x00\x00\x00WEBPVP8 ",
		"mp4": "\x00\x00\x00\x18ftypisom\x00\x00\x02\x00isomiso2", "ogg": "OggS\x00\x02" + strings.Repeat("\x00", 22) + "\x01\x1e\x01vorbis",
		"glb": "glTF\x02\x00\x00\x00", "safetensors": string(safetensors), "ply": "ply\nformat ascii 1.0\n", "text": "just words",
		"json": `{"a": 1}`, "zip": "PK\x03\x04\x14\x00\x00\x00", "svg": `<svg xmlns="http://www.w3.org/2000/svg"></svg>`, "unknown": "\x01\x02\x03\x04\x05",
	}
	for _, c := range []struct{ id, bytes, want string }{
		{"a.jpg", "jpeg", "a.jpg"},
		{"a.jpeg", "jpeg", "a.jpeg"},
		{"a.JPEG", "jpeg", "a.JPEG"},
		{"a.jpeg", "png", "a.png"},
		{"a.png", "webp", "a.webp"},
		{"a", "png", "a.png"},
		{"72bb48c5.0", "png", "72bb48c5.0.png"},
		{"a.mp4", "mp4", "a.mp4"},
		{"a.m4v", "mp4", "a.m4v"},
		{"a.mov", "mp4", "a.mov"},
		{"a", "mp4", "a.mp4"},
		{"a.opus", "ogg", "a.opus"},
		{"a.glb", "glb", "a.glb"},
		{"a.bin", "safetensors", "a.safetensors"},
		{"a", "safetensors", "a.safetensors"},
		{"a.ply", "ply", "a.ply"},
		{"a.svg", "svg", "a.svg"},
		{"a.obj", "text", "a.obj"},
		{"a.gltf", "json", "a.gltf"},
		{"a.pt", "zip", "a.pt"},
		{"a.latent", "unknown", "a.latent"},
		{"a", "unknown", "a"},
	} {
		t.Run(c.id+" of "+c.bytes, func(t *testing.T) {
			mediaType, ext := media([]byte(heads[c.bytes]))
			if got := fileName(c.id, mediaType, ext); got != c.want {
				t.Errorf("got %s (%s, %s), want %s", got, mediaType, ext, c.want)
			}
		})
	}
}

func TestPathsOfAWorkflow(t *testing.T) {
	w := &fetch.Workflow{ID: "8484131-20260810223715659", Created: time.Date(2026, 8, 10, 23, 30, 0, 0, time.FixedZone("", 2*3600))}
	filing := Filing{Layout: layout.Standard()}
	if got := filing.media(&job{work: newWork(nil, w, nil), blob: fetch.Blob{ID: "$0.json"}}, ".json", false); got != "media/2026-08-10/8484131-20260810223715659_$0.json" {
		t.Error(got)
	}
	if got := filing.sidecar(w, false); got != "workflows/2026-08-10/8484131-20260810223715659.json" {
		t.Error(got)
	}
	if got := filing.sidecar(&fetch.Workflow{ID: "../x"}, false); !strings.HasPrefix(got, "workflows/undated/_x~") {
		t.Error(got)
	}
}
