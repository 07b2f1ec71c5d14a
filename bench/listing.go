package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

const (
	perWorkflow = 4 // blobs
	perDay      = 200
	defaultTake = 100
	maxTake     = 1000
	stamp       = "2006-01-02T15:04:05.000Z"
)

// listing is an account's, as GET /v2/consumer/workflows shows it (the API page, "Listing").
type listing struct {
	w      *workload
	newest time.Time
	link   func(blob string) string // the URL that a blob is listed with
}

type page struct {
	Next  string `json:"next,omitempty"`
	Items []any  `json:"items"`
}

// workflows is how many there are.
func (l listing) workflows() int { return (l.w.count + perWorkflow - 1) / perWorkflow }

// page is the part of the listing from a workflow on. A cursor is the number of a workflow.
func (l listing) page(from, take int) page {
	p := page{Items: []any{}}
	end := min(from+take, l.workflows())
	for i := from; i < end; i++ {
		p.Items = append(p.Items, l.workflow(i))
	}
	if end < l.workflows() {
		p.Next = strconv.Itoa(end)
	}
	return p
}

type object = map[string]any

// workflow has about as much to it as a common one of the service.
func (l listing) workflow(i int) object {
	created := l.newest.Add(-time.Duration(i) * 24 * time.Hour / perDay)
	ended := created.Add(19 * time.Second).Format(stamp)
	params := object{
		"workflow": "txt2img", "ecosystem": "Flux1", "seed": 1674487023 + i, "steps": 40, "cfgScale": 5, "sampler": "er_sde", "quantity": perWorkflow,
		"prompt":         "paper lanterns over a quiet canal, golden hour, reflections on the water, detailed stone bridge, soft light, wide angle",
		"negativePrompt": "blurry, low contrast, watermark, text, cropped, jpeg artifacts",
	}
	resource := object{
		"id": 2945208, "name": "base-v1.0", "air": "urn:air:anima:checkpoint:civitai:2458426@2945208",
		"model": object{"id": 2458426, "name": "Anima", "type": "Checkpoint"}, "strength": 1,
	}
	step := object{
		"$type": "imageGen", "name": "$0", "status": "succeeded", "timeout": "00:21:00", "completedAt": ended,
		"input":    object{"engine": "sdcpp", "prompt": params["prompt"], "quantity": perWorkflow},
		"jobs":     []any{object{"id": fmt.Sprintf("11c39c0a-b3b1-43d9-b758-%012x", i), "status": "succeeded", "cost": 8}},
		"metadata": object{"params": object{"seed": 1674487023 + i}},
		"output":   object{"images": l.images(i), "errors": []any{}},
	}
	return object{
		"id":        fmt.Sprintf("8484131-%s%06d", created.Format("20060102150405"), i),
		"createdAt": created.Format(stamp), "startedAt": created.Format(stamp), "completedAt": ended,
		"status": "succeeded", "nsfwLevel": "pg", "tags": []string{"civitai", "gen", "txt2img", "img"},
		"metadata": object{"params": params, "resources": []any{resource}},
		"cost":     object{"base": 13, "total": 23}, "steps": []any{step},
	}
}

func (l listing) images(workflow int) []any {
	var images []any
	first := workflow * perWorkflow
	for _, id := range l.w.blobs[first:min(first+perWorkflow, l.w.count)] {
		images = append(images, object{
			"type": l.w.kind, "id": id, "available": true, "url": l.link(id), "urlExpiresAt": l.expires(),
			"jobId": nil, "nsfwLevel": "pg", "blockedReason": nil, "width": 1024, "height": 1024,
		})
	}
	return images
}

func (l listing) expires() string { return l.newest.AddDate(0, 1, 0).Format(stamp) }

// writePages writes the listing for a server of files: as DIR/TAKE/CURSOR.json for the two
// sizes of a page that are likely, and for the one workflow that a new archive asks first.
func (l listing) writePages(dir string) error {
	for _, take := range []int{1, defaultTake, maxTake} {
		folder := filepath.Join(dir, strconv.Itoa(take))
		if err := os.MkdirAll(folder, 0o755); err != nil {
			return err
		}
		for from := 0; from < l.workflows() && (from == 0 || take > 1); from += take {
			text, err := json.Marshal(l.page(from, take))
			if err == nil {
				err = os.WriteFile(filepath.Join(folder, strconv.Itoa(from)+".json"), text, 0o644)
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}
