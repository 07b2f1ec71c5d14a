package sandbox

import (
	"bytes"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// site is a running server and a client that does not follow redirects.
type site struct {
	*testing.T
	server *Server
	url    string
	client *http.Client
}

func start(t *testing.T, o Options) *site {
	t.Helper()
	s := New(o)
	ts := httptest.NewServer(s)
	t.Cleanup(ts.Close)
	client := ts.Client()
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &site{t, s, ts.URL, client}
}

type answer struct {
	status int
	header http.Header
	body   []byte
	err    error // of reading the body
}

// do asks for a path or a whole URL; headers are name, value, name, value.
func (s *site) do(method, target string, headers ...string) answer {
	s.Helper()
	a, err := s.try(method, target, headers...)
	if err != nil {
		s.Fatalf("%s %s: %v", method, target, err)
	}
	return a
}

func (s *site) try(method, target string, headers ...string) (answer, error) {
	s.Helper()
	if strings.HasPrefix(target, "/") {
		target = s.url + target
	}
	r, err := http.NewRequestWithContext(s.Context(), method, target, nil)
	if err != nil {
		s.Fatal(err)
	}
	r.Header.Set("Accept-Encoding", "identity")
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	res, err := s.client.Do(r)
	if err != nil {
		return answer{}, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	return answer{res.StatusCode, res.Header, body, err}, nil
}

// api asks with the token.
func (s *site) api(path string) answer {
	s.Helper()
	return s.do("GET", path, "Authorization", "Bearer "+DefaultToken)
}

func (s *site) want(a answer, status int) answer {
	s.Helper()
	if a.status != status {
		s.Fatalf("status %d, want %d: %.200s", a.status, status, a.body)
	}
	return a
}

func decode[T any](t testing.TB, body []byte) T {
	t.Helper()
	var v T
	if err := json.Unmarshal(body, &v); err != nil {
		t.Fatalf("%v in %.300s", err, body)
	}
	return v
}

type pageJSON struct {
	Next       string           `json:"next"`
	NextCursor string           `json:"nextCursor"`
	Items      []map[string]any `json:"items"`
}

func (p pageJSON) ids() []string {
	var out []string
	for _, w := range p.Items {
		id, _ := w["id"].(string)
		out = append(out, id)
	}
	return out
}

func (s *site) page(query string) pageJSON {
	s.Helper()
	return decode[pageJSON](s, s.want(s.api("/v2/consumer/workflows?"+query), 200).body)
}

// pages walks the listing to its end.
func (s *site) pages(query string) []map[string]any {
	s.Helper()
	var all []map[string]any
	for cursor := ""; ; {
		p := s.page(query + "&cursor=" + url.QueryEscape(cursor))
		all = append(all, p.Items...)
		if cursor = p.Next; cursor == "" {
			return all
		}
	}
}

// blobsIn walks any JSON for objects with an id and available.
func blobsIn(v any, found map[string]map[string]any) {
	switch v := v.(type) {
	case map[string]any:
		id, _ := v["id"].(string)
		if _, ok := v["available"].(bool); ok && id != "" {
			found[id] = v
		}
		for _, inner := range v {
			blobsIn(inner, found)
		}
	case []any:
		for _, inner := range v {
			blobsIn(inner, found)
		}
	}
}

// blobs is every blob object of a listing, by id.
func (s *site) blobs(query string) map[string]map[string]any {
	s.Helper()
	found := map[string]map[string]any{}
	for _, w := range s.pages(query) {
		blobsIn(w["steps"], found)
	}
	return found
}

// follow fetches a blob's URL and then the redirect, without the token.
func (s *site) follow(target string, headers ...string) answer {
	s.Helper()
	a := s.do("GET", target, headers...)
	if a.status != 308 && a.status != 301 {
		return a
	}
	base, err := url.Parse(s.url)
	if err != nil {
		s.Fatal(err)
	}
	to, err := base.Parse(a.header.Get("Location"))
	if err != nil {
		s.Fatal(err)
	}
	return s.do("GET", to.String())
}

// byID is the path of a blob, for use with the token.
func byID(blob string) string { return "/v2/consumer/blobs/" + url.PathEscape(blob) }

// contentURL is where the bytes of a blob of this content are.
func (s *site) contentURL(content string, withTag bool) (string, []byte) {
	s.Helper()
	for i := range s.server.Len() {
		for _, b := range s.server.account.plan(i).blobs {
			if b.content == content && b.fate == fateDeliverable && !b.named && (b.etag() != "") == withTag {
				a := s.api(byID(b.id))
				return s.absolute(a.header.Get("Location")), b.bytes()
			}
		}
	}
	s.Fatalf("no %s in the account", content)
	return "", nil
}

func (s *site) absolute(location string) string {
	if strings.HasPrefix(location, "/") {
		return s.url + location
	}
	return location
}

func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

func equalBytes(t testing.TB, what string, got, want []byte) {
	t.Helper()
	if !bytes.Equal(got, want) {
		t.Errorf("%s: got %d bytes, want %d, or their content differs", what, len(got), len(want))
	}
}

// record asks without a network; for fake time and bodies without a port.
func (s *site) record(method, target string, headers ...string) *httptest.ResponseRecorder {
	s.Helper()
	r := httptest.NewRequestWithContext(s.Context(), method, target, nil)
	r.Header.Set("Authorization", "Bearer "+DefaultToken)
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	s.server.ServeHTTP(w, r)
	return w
}
