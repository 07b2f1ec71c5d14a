package fetch

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
)

// somePage is an answer of a listing: workflows of four pictures each, with signed URLs.
func somePage(workflows int) []byte {
	type object = map[string]any
	prompt := "paper lanterns over a quiet canal, golden hour, reflections on the water, detailed stone bridge, soft light, wide angle"
	var items []object
	for i := range workflows {
		var images []object
		for j := range 4 {
			id := fmt.Sprintf("72bb48c5-4362-46c4-b455-%012x-%d.jpg", i, j)
			images = append(images, object{"type": "image", "id": id, "available": true, "jobId": nil, "nsfwLevel": "pg13", "blockedReason": nil, "width": 1024, "height": 1024,
				"url":          "https://orchestration-new.civitai.com/v2/consumer/blobs/" + id + "?sig=CfDJ8KqjGtWnd0xEh7uSGnJ5cTt5pD3kqw&exp=2027-05-25T23:21:19.5989604Z",
				"urlExpiresAt": "2027-05-25T23:21:19.5989604Z"})
		}
		items = append(items, object{
			"id": fmt.Sprintf("8484131-20260810%09d", i), "createdAt": "2026-08-10T22:37:15.659Z", "completedAt": "2026-08-10T22:37:35.659Z", "status": "succeeded",
			"tags": []string{"civitai", "gen", "txt2img", "img"}, "nsfwLevel": "pg13", "cost": object{"base": 13, "total": 23},
			"metadata": object{"params": object{"workflow": "txt2img", "ecosystem": "Flux1", "prompt": prompt, "negativePrompt": "blurry, watermark", "seed": 1674487023, "steps": 40, "cfgScale": 5},
				"resources": []object{{"id": 2945208, "name": "base-v1.0", "air": "urn:air:anima:checkpoint:civitai:2458426@2945208", "strength": 1}}},
			"steps": []object{{"$type": "imageGen", "name": "$0", "status": "succeeded", "input": object{"engine": "sdcpp", "prompt": prompt, "quantity": 4},
				"jobs": []object{{"id": "11c39c0a-b3b1-43d9-b758-e9188b2e3108", "status": "succeeded", "cost": 8}}, "metadata": object{"params": object{"seed": 12345}},
				"output": object{"images": images, "errors": []string{}}}},
		})
	}
	text, err := json.Marshal(object{"next": "2", "items": items})
	if err != nil {
		panic(err)
	}
	return text
}

// BenchmarkDecodePage reads a page of a hundred workflows.
func BenchmarkDecodePage(b *testing.B) {
	c, err := New(Config{BaseURL: DefaultBaseURL, Token: "0123456789abcdef0123456789abcdef"})
	if err != nil {
		b.Fatal(err)
	}
	text := somePage(100)
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		if !validJSON(text) {
			b.Fatal("it is no JSON")
		}
		if page, err := c.decodePage(context.Background(), "list", text); err != nil || len(page.Workflows) != 100 || len(page.Workflows[99].Blobs) != 4 {
			b.Fatal(err)
		}
	}
}
