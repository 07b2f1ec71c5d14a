package caption

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"civitar/internal/generation"
)

// prefixes are what this test calls the namespaces.
var prefixes = map[string]string{
	"http://purl.org/dc/elements/1.1/": "dc", "http://ns.adobe.com/xap/1.0/": "xmp",
	"http://ns.adobe.com/exif/1.0/": "exif", "http://ns.adobe.com/photoshop/1.0/": "photoshop",
	"http://www.digikam.org/ns/1.0/": "digiKam", "urn:civitar:xmp:1/": "civitar",
	"http://www.w3.org/1999/02/22-rdf-syntax-ns#": "rdf", "adobe:ns:meta/": "x",
}

// leaves reads a packet with encoding/xml: every element without children, as path=text.
func leaves(t *testing.T, packet []byte) []string {
	t.Helper()
	dec := xml.NewDecoder(bytes.NewReader(packet))
	var all, path []string
	var text strings.Builder
	leaf := false
	for {
		token, err := dec.Token()
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatalf("not well-formed: %v", err)
		}
		switch e := token.(type) {
		case xml.StartElement:
			if prefixes[e.Name.Space] == "" {
				t.Fatalf("unknown namespace %q", e.Name.Space)
			}
			path, leaf = append(path, prefixes[e.Name.Space]+":"+e.Name.Local), true
			text.Reset()
		case xml.CharData:
			text.Write(e)
		case xml.EndElement:
			if leaf {
				place := strings.TrimPrefix(strings.Join(path, "/"), "x:xmpmeta/rdf:RDF/rdf:Description/")
				all = append(all, place+"="+text.String())
			}
			path, leaf = path[:len(path)-1], false
		}
	}
}

func wantLeaves(t *testing.T, c Caption, want []string) {
	t.Helper()
	packet := XMP(c)
	if got := leaves(t, packet); !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if !utf8.Valid(packet) || !bytes.Equal(packet, XMP(c)) {
		t.Error("not UTF-8, or not the same twice")
	}
}

func TestXMP(t *testing.T) {
	wantLeaves(t, anima(), []string{
		"dc:description/rdf:Alt/rdf:li=a cat, \"sitting\"\n<lora:x:0.6> & 夜明けの富士山 🤖♟️",
		"dc:subject/rdf:Bag/rdf:li=civitai", "dc:subject/rdf:Bag/rdf:li=gen", "dc:subject/rdf:Bag/rdf:li=txt2img",
		"digiKam:TagsList/rdf:Seq/rdf:li=civitai", "digiKam:TagsList/rdf:Seq/rdf:li=gen", "digiKam:TagsList/rdf:Seq/rdf:li=txt2img",
		"xmp:CreateDate=2026-08-10T22:38:01Z", "exif:DateTimeOriginal=2026-08-10T22:38:01Z", "photoshop:DateCreated=2026-08-10T22:38:01Z",
		"xmp:CreatorTool=Civitai (Anima base-v1.0)", "xmp:Rating=4",
		"civitar:workflowID=8484131-20260810223715659", "civitar:stepName=$0", "civitar:stepType=imageGen", "civitar:blobID=72bb48c5-0.jpg",
		"civitar:level=pg13", "civitar:task=txt2img", "civitar:engine=sdcpp", "civitar:ecosystem=Anima", "civitar:negativePrompt=dogs\nblur",
		"civitar:seed=1674487023", "civitar:steps=40", "civitar:cfgScale=5.5", "civitar:sampler=er_sde", "civitar:scheduler=simple",
		"civitar:clipSkip=2", "civitar:width=832", "civitar:height=1216",
		"civitar:resources/rdf:Bag/rdf:li/civitar:model=Anima", "civitar:resources/rdf:Bag/rdf:li/civitar:name=base-v1.0",
		"civitar:resources/rdf:Bag/rdf:li/civitar:type=Checkpoint", "civitar:resources/rdf:Bag/rdf:li/civitar:strength=1",
		"civitar:resources/rdf:Bag/rdf:li/civitar:modelID=2458426", "civitar:resources/rdf:Bag/rdf:li/civitar:version=2945208",
		"civitar:resources/rdf:Bag/rdf:li/civitar:air=urn:air:anima:checkpoint:civitai:2458426@2945208",
		"civitar:resources/rdf:Bag/rdf:li/civitar:type=lora", "civitar:resources/rdf:Bag/rdf:li/civitar:strength=0.75",
		"civitar:resources/rdf:Bag/rdf:li/civitar:modelID=a/b", "civitar:resources/rdf:Bag/rdf:li/civitar:version=main",
		"civitar:resources/rdf:Bag/rdf:li/civitar:air=urn:air:flux1:lora:huggingface:a/b@main",
	})
}

func TestXMPOfLittle(t *testing.T) {
	wantLeaves(t, Caption{}, []string{"xmp:CreatorTool=Civitai"})
	wantLeaves(t, Caption{Created: time.Date(2026, 1, 2, 3, 4, 5, 60_000_000, time.UTC)}, []string{
		"xmp:CreateDate=2026-01-02T03:04:05.06Z", "exif:DateTimeOriginal=2026-01-02T03:04:05.06Z",
		"photoshop:DateCreated=2026-01-02T03:04:05.06Z", "xmp:CreatorTool=Civitai",
	})
}

func TestRating(t *testing.T) {
	for _, c := range []struct {
		favorite       bool
		feedback, want string
	}{
		{true, "", "5"}, {true, "disliked", "5"}, {false, "liked", "4"}, {false, "disliked", "1"}, {false, "", ""}, {false, "meh", ""},
	} {
		if got := rating(Caption{Favorite: c.favorite, Feedback: c.feedback}); got != c.want {
			t.Errorf("%+v: got %q", c, got)
		}
	}
}

func TestXMPOfHostileTexts(t *testing.T) {
	for name, text := range hostile {
		t.Run(name, func(t *testing.T) { checkXMP(t, text, text, text, text, text) })
	}
	checkXMP(t, long, "", "tag", "model", "id")
}

// cleaned is a text as XML 1.0, section 2.2, can hold it.
func cleaned(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '\t' || r == '\n' || r == '\r' || r >= 0x20 && r <= 0xd7ff || r >= 0xe000 && r <= 0xfffd || r >= 0x10000 {
			return r
		}
		return utf8.RuneError
	}, s)
}

func checkXMP(t *testing.T, prompt, negative, tag, model, id string) {
	t.Helper()
	resource := generation.Resource{Model: model, AIR: id}
	var want []string
	add := func(place, text string) {
		if text != "" {
			want = append(want, place+"="+cleaned(text))
		}
	}
	add("dc:description/rdf:Alt/rdf:li", prompt)
	want = append(want, "dc:subject/rdf:Bag/rdf:li="+cleaned(tag), "digiKam:TagsList/rdf:Seq/rdf:li="+cleaned(tag), "xmp:CreatorTool=Civitai")
	add("civitar:workflowID", id)
	add("civitar:negativePrompt", negative)
	add("civitar:resources/rdf:Bag/rdf:li/civitar:model", model)
	add("civitar:resources/rdf:Bag/rdf:li/civitar:air", id)
	if model == "" && id == "" {
		want = append(want, "civitar:resources/rdf:Bag/rdf:li=\n    ")
	}
	wantLeaves(t, Caption{Workflow: id, Tags: []string{tag}, Generation: generation.Generation{
		Prompt: prompt, Negative: negative, Resources: []generation.Resource{resource},
	}}, want)
}

// FuzzXMP: what is written is well-formed and holds the texts.
func FuzzXMP(f *testing.F) {
	for _, text := range hostile {
		f.Add(text[:min(len(text), 100)], "no", "tag", text[:min(len(text), 40)], "id")
	}
	f.Fuzz(checkXMP)
}
