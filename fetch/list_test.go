package fetch

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// pages serves bodies by cursor.
func pages(byCursor map[string]string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, ok := byCursor[r.URL.Query().Get("cursor")]
		if !ok {
			w.WriteHeader(400)
		}
		io.WriteString(w, body)
	}
}

func idsOf(t *testing.T, c *Client, q Query) string {
	t.Helper()
	var ids []string
	for w, err := range c.Workflows(background, q) {
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, string(w.ID))
	}
	return strings.Join(ids, " ")
}

func TestCursorRules(t *testing.T) {
	for name, row := range map[string]struct {
		pages map[string]string
		want  string
		asked int
	}{
		"absent":        {map[string]string{"": `{"items":[{"id":"a"}]}`}, "a", 1},
		"null":          {map[string]string{"": `{"items":[{"id":"a"}],"next":null}`}, "a", 1},
		"empty":         {map[string]string{"": `{"next":"","items":[{"id":"a"}]}`}, "a", 1},
		"two":           {map[string]string{"": `{"items":[{"id":"a"}],"next":"n"}`, "n": `{"items":[{"id":"b"}]}`}, "a b", 2},
		"older name":    {map[string]string{"": `{"items":[{"id":"a"}],"next":null,"nextCursor":"n"}`, "n": `[{"id":"b"}]`}, "a b", 2},
		"number":        {map[string]string{"": `{"items":[{"id":"a"}],"next":17}`, "17": `{"items":null}`}, "a", 2},
		"same again":    {map[string]string{"": `{"items":[{"id":"a"}],"next":"n"}`, "n": `{"items":[{"id":"b"}],"next":"n"}`}, "a b", 2},
		"circle":        {map[string]string{"": `{"items":[],"next":"n"}`, "n": `{"items":[{"id":"b"}],"next":"m"}`, "m": `{"items":[{"id":"c"}],"next":"n"}`}, "b c", 3},
		"empty between": {map[string]string{"": `{"items":[],"next":"n"}`, "n": `{"next":"m"}`, "m": `{"items":[{"id":"c"}]}`}, "c", 3},
		"bare array":    {map[string]string{"": `[{"id":"a"},{"id":"a"},{"id":""},null,7,{"x":1},{"id":12}]`}, "a 12", 1},
		"empty object":  {map[string]string{"": `{}`}, "", 1},
		"mark":          {map[string]string{"": "\xef\xbb\xbf {\"items\":[{\"id\":\"a\"}]}\n"}, "a", 1},
	} {
		c, transport := client(t, pages(row.pages))
		if got := idsOf(t, c, Query{}); got != row.want || transport.count() != row.asked {
			t.Errorf("%s: %q in %d pages, want %q in %d", name, got, transport.count(), row.want, row.asked)
		}
	}
}

func TestPagesTellCursorsAndStop(t *testing.T) {
	c, transport := client(t, pages(map[string]string{"s": `{"items":[{"id":"a"}],"next":"n"}`, "n": `{"items":[],"next":"s"}`}))
	var got []string
	for p, err := range c.Pages(background, Query{Cursor: "s"}) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, p.Cursor+">"+p.Next)
	}
	if fmt.Sprint(got) != "[s>n n>]" {
		t.Error(got)
	}
	for range c.Pages(background, Query{Cursor: "s"}) {
		break
	}
	if transport.count() != 3 {
		t.Error(transport.count())
	}
}

func TestEndlessEmptyPages(t *testing.T) {
	n := 0
	c, _ := client(t, func(w http.ResponseWriter, _ *http.Request) { n++; fmt.Fprintf(w, `{"items":[],"next":"%d"}`, n) })
	var last error
	for _, err := range c.Pages(background, Query{}) {
		last = err
	}
	wantKind(t, last, ErrUnavailable)
	if n != maxEmptyPages+1 {
		t.Error(n)
	}
}

func TestQueryParameters(t *testing.T) {
	var got string
	c, transport := client(t, func(w http.ResponseWriter, r *http.Request) { got = r.URL.RawQuery; io.WriteString(w, "[]") })
	day := time.Date(2026, 8, 10, 2, 0, 0, 0, time.FixedZone("", 7200))
	idsOf(t, c, Query{Tags: []string{"a", "b&c"}, Text: "x y", From: day, To: day.Add(time.Hour), ExcludeFailed: true, Ascending: true, HideMature: true, Cursor: "q/=", Take: 5000})
	want := "ascending=true&cursor=q%2F%3D&excludeFailed=true&fromDate=2026-08-10T00%3A00%3A00Z&hideMatureContent=true&query=x+y&tags=a&tags=b%26c&take=1000&toDate=2026-08-10T01%3A00%3A00Z"
	if got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
	h := transport.asked[0].Header
	if h.Get("Authorization") != "Bearer "+testToken || h.Get("Accept") != "application/json" || h.Get("User-Agent") != "civitar" {
		t.Error(h)
	}
}

// A client that hides mature blobs does so in all that shows workflows.
func TestHideMature(t *testing.T) {
	var asked []string
	c, _ := client(t, func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.URL.RequestURI())
		io.WriteString(w, `{"id":"w","items":[]}`)
	}, func(cfg *Config) { cfg.HideMature = true })
	idsOf(t, c, Query{})
	if _, err := c.Workflow(background, "w"); err != nil {
		t.Error(err)
	}
	if _, err := c.Step(background, "w", "$0"); err != nil {
		t.Error(err)
	}
	const path = "/v2/consumer/workflows"
	if want := []string{path + "?hideMatureContent=true", path + "/w?hideMatureContent=true", path + "/w/steps/$0?hideMatureContent=true"}; !slices.Equal(asked, want) {
		t.Errorf("%q", asked)
	}
}

func TestWorkflowsChecksDatesItself(t *testing.T) {
	body := `[{"id":"old","createdAt":"2026-01-01T00:00:00Z"},{"id":"in","createdAt":"2026-02-01T00:00:00Z"},{"id":"unknown"},{"id":"new","createdAt":"2026-03-01T00:00:00Z"}]`
	c, _ := client(t, answer(200, body))
	at := time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC)
	if got := idsOf(t, c, Query{From: at, To: at}); got != "in unknown" {
		t.Error(got)
	}
}

func TestTooLargeAnswer(t *testing.T) {
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	z.Write([]byte(`["` + strings.Repeat("x", 1<<20) + `"]`))
	z.Close()
	c, _ := server(t, func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
			w.Header().Set("Content-Encoding", "gzip")
			w.Write(zipped.Bytes())
		}
	})
	c.maxAnswer = 1 << 19
	for _, err := range c.Pages(background, Query{}) {
		wantKind(t, err, ErrTooLarge)
	}
	c.maxAnswer = 1 << 21
	if got := idsOf(t, c, Query{}); got != "" {
		t.Error(got)
	}
}

func TestTruncatedAnswerIsAskedAgain(t *testing.T) {
	n := 0
	c, _ := server(t, func(w http.ResponseWriter, _ *http.Request) {
		if n++; n == 1 {
			w.Header().Set("Content-Length", "1000")
			io.WriteString(w, `[{"id":`)
			return
		}
		io.WriteString(w, `[{"id":"a"}]`)
	}, func(cfg *Config) { cfg.Retries = 2 })
	if got := idsOf(t, c, Query{}); got != "a" || n != 2 {
		t.Error(got, n)
	}
}

func TestListingObeysContext(t *testing.T) {
	ctx, cancel := context.WithCancel(background)
	defer cancel()
	c, transport := client(t, pages(map[string]string{"": `{"items":[{"id":"a"}],"next":"n"}`}))
	var kinds []bool
	for _, err := range c.Pages(ctx, Query{}) {
		kinds = append(kinds, err == nil)
		cancel()
		if err != nil {
			wantKind(t, err, context.Canceled)
		}
	}
	if !slices.Equal(kinds, []bool{true, false}) || transport.count() != 1 {
		t.Error(kinds, transport.count())
	}
}

func TestAPIRedirects(t *testing.T) {
	var tokens []string
	move := func(location string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			tokens = append(tokens, r.URL.Host+" "+r.Header.Get("Authorization"))
			if r.URL.Path == "/new" {
				io.WriteString(w, "[]")
				return
			}
			w.Header().Set("Location", location)
			w.WriteHeader(308)
		}
	}
	for location, want := range map[string]error{
		"/new": nil, "https://api.test:443/new": nil, "https://evil.test/new": ErrUnsafeURL, "http://api.test/new": ErrUnsafeURL,
		"//evil.test/new": ErrUnsafeURL, "https://u@api.test/new": ErrUnsafeURL, "ftp://api.test/new": ErrUnsafeURL, "https://api.test:444/new": ErrUnsafeURL,
		"/v2/consumer/workflows": ErrUnsafeURL, "https://[::1?sig=SECRETx": ErrUnsafeURL, "javascript:alert": ErrUnsafeURL,
	} {
		tokens = nil
		c, _ := client(t, move(location))
		var last error
		for _, err := range c.Pages(background, Query{}) {
			last = err
		}
		if want == nil && last != nil {
			t.Errorf("%s: %v", location, last)
		}
		if want != nil {
			wantKind(t, last, want)
			noSecret(t, "error", last.Error())
		}
		if len(tokens) > maxHops+1 || strings.Contains(strings.Join(tokens, "\n"), "evil") {
			t.Errorf("%s: asked %q", location, tokens)
		}
	}
}
