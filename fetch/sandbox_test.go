package fetch_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"iter"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sync/errgroup"

	"civitar/fetch"
	"civitar/internal/sandbox"
)

// got is what the client made of one blob.
type got struct {
	workflow *fetch.Workflow
	blob     fetch.Blob
	err      error
	sha256   string
}

// roles are a workflow's blobs by what they are of it: results have an empty role.
func roles(w *fetch.Workflow) iter.Seq2[string, fetch.Blob] {
	return func(yield func(string, fetch.Blob) bool) {
		for _, b := range w.Blobs {
			p, ok := fetch.PreviewOf(b)
			if !yield("", b) || ok && !yield("preview ", p) {
				return
			}
		}
		for _, b := range w.Inputs {
			if !yield("input ", b) {
				return
			}
		}
	}
}

// fetchAll lists an account and asks for every blob's bytes.
func fetchAll(t *testing.T, c *fetch.Client) (map[string]got, error) {
	t.Helper()
	var mu sync.Mutex
	var group errgroup.Group
	group.SetLimit(16)
	all := make(map[string]got)
	for w, err := range c.Workflows(t.Context(), fetch.Query{Take: 50}) {
		if err != nil {
			t.Fatal(err)
		}
		if !json.Valid(w.JSON) || bytes.Contains(w.JSON, []byte("sig=")) {
			t.Errorf("%s: JSON is broken or signed", w.ID)
		}
		for role, b := range roles(w) {
			group.Go(func() error {
				g := got{workflow: w, blob: b}
				if !b.Text {
					g.sha256, g.err = sum(t, c, b)
				}
				mu.Lock()
				defer mu.Unlock()
				all[role+string(w.ID)+" "+string(b.ID)] = g
				return nil
			})
		}
	}
	return all, group.Wait()
}

func sum(t *testing.T, c *fetch.Client, b fetch.Blob) (string, error) {
	h := sha256.New()
	if b.Data != nil {
		h.Write(b.Data)
		return hex.EncodeToString(h.Sum(nil)), nil
	}
	loc, err := c.Resolve(t.Context(), b)
	if err != nil {
		return "", err
	}
	for try := 1; ; try++ {
		if err = transfer(t, c, loc, h); err == nil || try == 5 || !errors.Is(err, fetch.ErrUnavailable) {
			return hex.EncodeToString(h.Sum(nil)), err
		}
		h.Reset()
	}
}

func transfer(t *testing.T, c *fetch.Client, loc fetch.Location, to io.Writer) error {
	body, err := c.Open(t.Context(), loc, fetch.Resume{})
	if err != nil {
		return err
	}
	_, err = io.Copy(to, body)
	return errors.Join(err, body.Close())
}

func TestSandboxAccount(t *testing.T) {
	for name, options := range map[string]sandbox.Options{
		"calm":   {Workflows: 90},
		"levels": {Catalogue: sandbox.CatalogueLevels},
		"stormy": {Workflows: 40, Tiny: true, Faults: sandbox.Faults{Every429: 5, RetryAfter: -1, Every5xx: 60, EveryReset: 80, TruncateContent: 9, HTMLContent: 11, GzipContent: true, EmptyPages: true, RepeatCursor: true}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := sandbox.New(options)
			server := httptest.NewServer(s)
			defer server.Close()
			c, err := fetch.New(fetch.Config{BaseURL: server.URL, Token: sandbox.DefaultToken})
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			all, err := fetchAll(t, c)
			if err != nil {
				t.Fatal(err)
			}
			for want := range s.Truth() {
				switch want.Disposition {
				case "preview", "input":
					compareBeside(t, all, want)
				default:
					compare(t, all, want)
				}
			}
			stats := s.Stats()
			// Six blobs and their previews: of every other one the first answer says why.
			late := map[string]int64{"levels": 2 * (3*1 + 3*2)}[name]
			if stats.Minors != 0 || stats.LateMinors != late {
				t.Errorf("%d and %d requests for what shows minors, want 0 and %d", stats.Minors, stats.LateMinors, late)
			}
			if stats.TokenLeaks != 0 || stats.Blocked != 0 {
				t.Errorf("%d token leaks, %d placeholders asked for", stats.TokenLeaks, stats.Blocked)
			}
			for key, g := range all {
				if g.blob.Data == nil || g.blob.Text { // a chat's inline pictures are in its text, too
					t.Errorf("%s is not in the account: %+v", key, g.blob)
				}
			}
		})
	}
}

// compare takes one expected result out of all.
func compare(t *testing.T, all map[string]got, want sandbox.Expected) {
	t.Helper()
	id := want.Blob
	if want.Disposition == "text" {
		for key, g := range all { // texts have no id of the server's
			if g.blob.Text && key == want.Workflow+" "+string(g.blob.ID) && sameText(g.blob.Data, want.SHA256) {
				id = string(g.blob.ID)
			}
		}
	}
	g, ok := all[want.Workflow+" "+id]
	if !ok {
		if want.Kind == "archive" || want.Kind == "image" {
			for key, other := range all { // named by the client: archives, inline data
				if other.blob.Step == want.Step && key == want.Workflow+" "+string(other.blob.ID) && other.sha256 == want.SHA256 {
					g, ok, id = other, true, string(other.blob.ID)
				}
			}
		}
		if !ok {
			t.Errorf("not found: %+v", want)
			return
		}
	}
	delete(all, want.Workflow+" "+id)
	compareOrigin(t, g, want)
	switch want.Disposition {
	case "deliverable", "hidden", "temp":
		if g.err != nil || g.sha256 != want.SHA256 || g.blob.Hidden != (want.Disposition == "hidden") || g.blob.Temp != (want.Disposition == "temp") {
			t.Errorf("%+v\ngave %+v", want, g)
		}
	case "placeholder", "late":
		if !errors.Is(g.err, fetch.ErrWithheld) {
			t.Errorf("%+v\ngave %+v", want, g)
		}
	case "blocked":
		if g.err == nil || g.blob.Blocked == "" {
			t.Errorf("%+v\ngave %+v", want, g)
		}
	case "gone":
		if !errors.Is(g.err, fetch.ErrGone) {
			t.Errorf("%+v\ngave %+v", want, g)
		}
	case "unavailable", "pending":
		if g.err == nil || g.blob.Available {
			t.Errorf("%+v\ngave %+v", want, g)
		}
	}
}

// compareBeside takes an expected preview or input out of all. What the server blocks has
// no preview.
func compareBeside(t *testing.T, all map[string]got, want sandbox.Expected) {
	t.Helper()
	key := want.Disposition + " " + want.Workflow + " " + want.Blob
	g, ok := all[key]
	delete(all, key)
	if !ok && want.Reason == "" {
		t.Errorf("not found: %+v", want)
	}
	if !ok {
		return
	}
	compareOrigin(t, g, want)
	if (g.err == nil) != (want.SHA256 != "") || g.err == nil && g.sha256 != want.SHA256 || g.blob.Step == "" {
		t.Errorf("%+v\ngave %+v", want, g)
	}
}

// compareOrigin compares what the listing alone tells.
func compareOrigin(t *testing.T, g got, want sandbox.Expected) {
	t.Helper()
	w := g.workflow
	level := func(l fetch.Level, text string) bool { return string(l) == strings.ToLower(text) }
	if !level(w.Level, want.WorkflowLevel) || w.Prompt != want.Prompt || !slices.Equal(w.Tags, want.Tags) {
		t.Errorf("%+v\ngave %q %q %q", want, w.Level, w.Prompt, w.Tags)
	}
	b := g.blob
	if b.Text || b.Elsewhere || want.ByName {
		return // without a level
	}
	if !level(b.Level, want.Level) || b.Hidden != want.Hidden || b.Favorite != want.Favorite || b.Feedback != want.Feedback {
		t.Errorf("%+v\ngave %+v", want, b)
	}
}

func sameText(data []byte, want string) bool {
	var compact bytes.Buffer
	if json.Compact(&compact, data) != nil {
		return false
	}
	h := sha256.Sum256(compact.Bytes())
	return hex.EncodeToString(h[:]) == want
}
