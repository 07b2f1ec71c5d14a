package pipeline_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"civitar/fetch"
	"civitar/manifest"
	"civitar/pipeline"
	"civitar/policy"
	"civitar/sink"
)

// BenchmarkSmallBlob archives pictures of 16 KiB, four a workflow, from a server in this
// process into a folder and its record: what is measured is one blob from the listing to its
// durable line, and the server's share.
func BenchmarkSmallBlob(b *testing.B) {
	const size, perWorkflow, perPage = 16 << 10, 4, 100
	workflows := (b.N + perWorkflow - 1) / perWorkflow
	picture := []byte("\xff\xd8\xff\xe0" + strings.Repeat("x", size-4))
	var server *httptest.Server
	server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.URL.Path, "/content/") {
			w.Header().Set("Content-Type", "image/jpeg")
			w.Header().Set("Content-Length", strconv.Itoa(size))
			_, _ = w.Write(picture) // a client that has gone is its own concern
			return
		}
		from, _ := strconv.Atoi(r.FormValue("cursor"))
		end := min(from+perPage, workflows)
		var items []string
		for i := from; i < end; i++ {
			var images []string
			for j := range perWorkflow {
				images = append(images, fmt.Sprintf(`{"id":"%08d-%d.jpg","available":true,"url":"%s/v2/consumer/blobs/content/%08d%d"}`, i, j, server.URL, i, j))
			}
			items = append(items, fmt.Sprintf(`{"id":"8484131-%08d","createdAt":"2026-08-10T22:37:15Z","status":"succeeded","steps":[{"$type":"imageGen","name":"$0","status":"succeeded","output":{"images":[%s]}}]}`,
				workflows-i, strings.Join(images, ",")))
		}
		next := ""
		if end < workflows {
			next = strconv.Itoa(end)
		}
		fmt.Fprintf(w, `{"next":%q,"items":[%s]}`, next, strings.Join(items, ","))
	}))
	defer server.Close()
	b.SetBytes(size)
	b.ReportAllocs()
	b.ResetTimer()
	summary, err := archiveOnce(b.Context(), server.URL, b.TempDir())
	if err != nil || summary.Kept != int64(workflows*perWorkflow) {
		b.Fatalf("%+v, %v", summary, err)
	}
}

func archiveOnce(ctx context.Context, url, dir string) (summary pipeline.Summary, err error) {
	client, err := fetch.New(fetch.Config{BaseURL: url, Token: "0123456789abcdef0123456789abcdef"})
	if err != nil {
		return summary, err
	}
	defer client.Close()
	record, err := manifest.Open(ctx, dir, manifest.Options{Source: url})
	if err != nil {
		return summary, err
	}
	defer func() { err = errors.Join(err, record.Close()) }()
	files, err := sink.Open(dir)
	if err != nil {
		return summary, err
	}
	defer func() { err = errors.Join(err, files.Close()) }()
	return pipeline.Run(ctx, pipeline.Config{Source: client, Sink: files, Record: record, Policy: policy.Policy{}, Workers: 16, ID: "bench"})
}
