package caption

import (
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"testing"
)

// exiftool reads a packet as most photo libraries do, which have ExifTool inside.
func exiftool(t *testing.T, packet []byte) map[string]any {
	t.Helper()
	tool, err := exec.LookPath("exiftool")
	if err != nil {
		t.Skip("exiftool is not here: install it (libimage-exiftool-perl on Debian and Ubuntu)")
	}
	file := filepath.Join(t.TempDir(), "caption.xmp")
	if err := os.WriteFile(file, packet, 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), tool, "-j", "-struct", "-validate", "-warning", "-XMP:all", file).Output()
	if err != nil {
		t.Fatal(err)
	}
	dec := json.NewDecoder(bytes.NewReader(out))
	dec.UseNumber()
	var files []map[string]any
	if err := dec.Decode(&files); err != nil || len(files) != 1 {
		t.Fatalf("%v: %s", err, out)
	}
	return files[0]
}

func TestExiftool(t *testing.T) {
	got := exiftool(t, XMP(anima()))
	type list = []any
	n := func(s string) json.Number { return json.Number(s) }
	tags := list{"civitai", "gen", "txt2img"}
	for key, want := range map[string]any{
		"Validate":    "OK",
		"Description": "a cat, \"sitting\"\n<lora:x:0.6> & 夜明けの富士山 🤖♟️",
		"Subject":     tags, "TagsList": tags,
		"CreateDate": "2026:08:10 22:38:01Z", "DateTimeOriginal": "2026:08:10 22:38:01Z", "DateCreated": "2026:08:10 22:38:01Z",
		"CreatorTool": "Civitai (Anima base-v1.0)", "Rating": n("4"),
		"WorkflowID": "8484131-20260810223715659", "BlobID": "72bb48c5-0.jpg", "Level": "pg13",
		"Ecosystem": "Anima", "NegativePrompt": "dogs\nblur",
		"Seed": n("1674487023"), "Steps": n("40"), "CfgScale": n("5.5"), "Sampler": "er_sde",
		"Resources": list{
			map[string]any{"Model": "Anima", "Name": "base-v1.0", "Type": "Checkpoint", "Strength": n("1"), "ModelID": n("2458426"),
				"Version": n("2945208"), "Air": "urn:air:anima:checkpoint:civitai:2458426@2945208"},
			map[string]any{"Type": "lora", "Strength": n("0.75"), "ModelID": "a/b", "Version": "main", "Air": "urn:air:flux1:lora:huggingface:a/b@main"},
		},
	} {
		if !reflect.DeepEqual(got[key], want) {
			t.Errorf("%s: got %#v, want %#v", key, got[key], want)
		}
	}
}

func TestExiftoolOfHostileTexts(t *testing.T) {
	texts := maps.Clone(hostile)
	texts["long"] = long
	for name, text := range texts {
		t.Run(name, func(t *testing.T) {
			c := anima()
			c.Generation.Prompt = text
			got := exiftool(t, XMP(c))
			if want := cleaned(text); got["Description"] != want {
				t.Errorf("got %.200q, want %.200q", got["Description"], want)
			}
			if got["Validate"] != "OK" || got["Seed"] != json.Number("1674487023") {
				t.Errorf("%v, seed %v", got["Validate"], got["Seed"])
			}
		})
	}
}
