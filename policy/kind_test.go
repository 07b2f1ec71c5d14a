package policy

import (
	"testing"

	"civitar/fetch"
)

func TestKindOf(t *testing.T) {
	for _, c := range []struct {
		name  string
		blob  fetch.Blob
		media string // as the bytes tell
		want  Kind
		sure  bool
	}{
		{"type and name agree", fetch.Blob{ID: "a.jpg", Kind: "image"}, "", Image, true},
		{"the type alone", fetch.Blob{ID: "a", Kind: "video"}, "", Video, true},
		{"the name alone", fetch.Blob{ID: "a.SafeTensors", Kind: "blob"}, "", Model, true},
		{"neither", fetch.Blob{ID: "a", Kind: "blob"}, "", "", false},
		{"they contradict each other", fetch.Blob{ID: "a.mp4", Kind: "image"}, "", Image, false},
		{"the bytes end that", fetch.Blob{ID: "a.mp4", Kind: "image"}, "video/mp4", Video, true},
		{"the bytes know better than both", fetch.Blob{ID: "a.jpg", Kind: "image"}, "video/webm", Video, true},
		{"the bytes of neither", fetch.Blob{ID: "a"}, "image/png", Image, true},
		{"a mesh is packed as text", fetch.Blob{ID: "a.obj", Kind: "model3d"}, "text/plain", Model, true},
		{"weights are packed as anything", fetch.Blob{ID: "a.pt", Kind: "blob"}, "application/zip", Model, true},
		{"a type of the API's, packed", fetch.Blob{ID: "a", Kind: "model"}, "application/octet-stream", Model, true},
		{"bytes that say nothing of what nobody names", fetch.Blob{ID: "a"}, "application/octet-stream", Other, true},
		{"an archive", fetch.Blob{ID: "a.zip"}, "application/zip", Other, true},
		{"a text result", fetch.Blob{ID: "$0.json", Text: true}, "image/png", Text, true},
		{"inline data", fetch.Blob{ID: "a", MediaType: "audio/wav"}, "", Audio, true},
		{"a word of tomorrow's", fetch.Blob{ID: "a", Kind: "hologram"}, "", "", false},
	} {
		if kind, sure := KindOf(c.blob, c.media); kind != c.want || sure != c.sure {
			t.Errorf("%s: %q, sure %t; want %q, %t", c.name, kind, sure, c.want, c.sure)
		}
	}
}

func TestKindOfMedia(t *testing.T) {
	for media, want := range map[string]Kind{
		"image/svg+xml": Image, "video/mp4": Video, "audio/flac": Audio, "application/ogg": Audio, "model/gltf-binary": Model,
		"application/vnd.safetensors": Model, "text/vtt": Text, "application/json": Text, "application/xml": Text,
		"application/zip": Other, "": Other, "nonsense": Other,
	} {
		if got := KindOfMedia(media); got != want {
			t.Errorf("%q: %s, want %s", media, got, want)
		}
	}
}
