package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"civitar/fetch"
)

// TestPagesForAServerOfFiles follows the files as nginx is told to find them.
func TestPagesForAServerOfFiles(t *testing.T) {
	w := &workload{name: "many", count: 1003, size: 1, kind: "image"}
	for i := range w.count {
		w.blobs = append(w.blobs, fmt.Sprintf("blob-%04d.jpg", i))
	}
	dir := t.TempDir()
	if err := tinyListing(w).writePages(dir); err != nil {
		t.Fatal(err)
	}
	for take, first := range map[int]int{1: 1, 100: 100, 1000: 251} {
		blobs, workflows := 0, make(map[any]bool)
		for cursor, pages := "0", 0; cursor != "" && (take > 1 || pages == 0); pages++ {
			var p struct {
				Next  string
				Items []map[string]any
			}
			text := read(t, dir, fmt.Sprint(take), cursor+".json")
			if err := json.Unmarshal([]byte(text), &p); err != nil {
				t.Fatal(err)
			}
			if pages == 0 && len(p.Items) != first {
				t.Errorf("the first page of %d has %d workflows, want %d", take, len(p.Items), first)
			}
			for _, item := range p.Items {
				workflows[item["id"]] = true
			}
			blobs += strings.Count(text, `"available":true`)
			cursor = p.Next
		}
		if take > 1 && (blobs != w.count || len(workflows) != 251) {
			t.Errorf("pages of %d: %d blobs of %d workflows", take, blobs, len(workflows))
		}
	}
}

// TestFarServesCivitar has civitar's own client find and fetch what the far server lists.
func TestFarServesCivitar(t *testing.T) {
	w := tiny(t, 30)
	server := httptest.NewUnstartedServer(nil)
	w.api = "http://" + server.Listener.Addr().String()
	server.Config.Handler = newFar(tinyListing(w)).handler()
	server.Start()
	defer server.Close()
	client, err := fetch.New(fetch.Config{BaseURL: w.api, Token: token})
	if err != nil {
		t.Fatal(err)
	}
	fetched := make(map[string]bool)
	pages := 0
	for page, err := range client.Pages(t.Context(), fetch.Query{Take: 3}) {
		if err != nil {
			t.Fatal(err)
		}
		pages++
		for _, wf := range page.Workflows {
			for _, b := range wf.Blobs {
				if !bytes.Equal(bring(t, client, b), []byte(read(t, w.dir, string(b.ID)))) {
					t.Errorf("blob %s has other bytes", b.ID)
				}
				fetched[string(b.ID)] = true
			}
		}
	}
	if len(fetched) != w.count || pages != 3 {
		t.Errorf("%d of %d blobs, on %d pages", len(fetched), w.count, pages)
	}
}

func bring(t *testing.T, client *fetch.Client, b fetch.Blob) []byte {
	t.Helper()
	loc, err := client.Resolve(t.Context(), b)
	if err != nil {
		t.Fatal(err)
	}
	if loc.Private || !strings.Contains(string(loc.URL), "/blobs/content/") {
		t.Errorf("blob %s is at %v", b.ID, loc)
	}
	body, err := client.Open(t.Context(), loc, fetch.Resume{})
	if err != nil {
		t.Fatal(err)
	}
	defer body.Close()
	if body.Validator == "" || body.Size < 0 {
		t.Errorf("blob %s could not be resumed", b.ID)
	}
	content, err := io.ReadAll(body)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

func TestFarRefuses(t *testing.T) {
	w := tiny(t, 4)
	handler := newFar(tinyListing(w)).handler()
	blob := "/v2/consumer/blobs/" + w.blobs[0]
	for path, want := range map[string]int{
		"/v2/consumer/workflows":        http.StatusUnauthorized,
		blob:                            http.StatusForbidden,
		blob + "?sig=00&exp=2027":       http.StatusForbidden,
		"/v2/consumer/blobs/content/00": http.StatusNotFound,
		signed("", w.blobs[0], "2027"):  http.StatusMovedPermanently,
		"/v2/consumer/workflows/none":   http.StatusNotFound,
	} {
		answer := httptest.NewRecorder()
		handler.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, path, nil))
		if answer.Code != want {
			t.Errorf("%s: %d, want %d", path, answer.Code, want)
		}
	}
}

func TestEveryResponseIsLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		answer := httptest.NewRecorder()
		delayed(http.NotFoundHandler(), latency).ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/", nil))
		if took := time.Since(start); took != latency || answer.Code != http.StatusNotFound {
			t.Errorf("%d after %v", answer.Code, took)
		}
	})
}
