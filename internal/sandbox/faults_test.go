package sandbox

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// faulty is a small account with faults, and a blob's content URL from before
// they were set.
func faulty(t *testing.T, f Faults) (s *site, target string, want []byte) {
	t.Helper()
	s = start(t, Options{})
	target, want = s.contentURL("ogg", true)
	s.server.SetFaults(f)
	return s, target, want
}

// statuses asks n times for different pages.
func (s *site) statuses(n int) (out []int, answers []answer) {
	s.Helper()
	for i := range n {
		a := s.api(fmt.Sprintf("/v2/consumer/workflows/none-%d", i))
		out, answers = append(out, a.status), append(answers, a)
	}
	return out, answers
}

func TestEvery429(t *testing.T) {
	t.Parallel()
	s, target, _ := faulty(t, Faults{Every429: 3, RetryAfter: 7})
	got, answers := s.statuses(6)
	if fmt.Sprint(got) != "[404 404 429 404 404 429]" || answers[2].header.Get("Retry-After") != "7" {
		t.Errorf("%v, Retry-After %q", got, answers[2].header.Get("Retry-After"))
	}
	s.want(s.do("GET", target), 200)

	s.server.SetFaults(Faults{Every429: 1, RetryAfter: 60, RetryDate: true})
	a := s.want(s.api("/v2/consumer/workflows"), 429)
	at, err := http.ParseTime(a.header.Get("Retry-After"))
	if left := time.Until(at); err != nil || left < 50*time.Second || left > time.Minute {
		t.Errorf("Retry-After %q", a.header.Get("Retry-After"))
	}
	s.want(s.api("/v2/consumer/workflows"), 200) // the same request is not struck twice in a row

	s.server.SetFaults(Faults{Blob429: 1, RetryAfter: -1})
	if a := s.want(s.do("GET", target), 429); a.header.Get("Retry-After") != "" {
		t.Errorf("Retry-After %q", a.header.Get("Retry-After"))
	}
	s.want(s.do("GET", target), 200)
	s.want(s.api("/v2/consumer/workflows"), 200)
}

func TestEvery5xx(t *testing.T) {
	t.Parallel()
	s, _, _ := faulty(t, Faults{Every5xx: 1})
	got, answers := s.statuses(4)
	if fmt.Sprint(got) != "[500 503 500 502]" {
		t.Errorf("%v", got)
	}
	for i, media := range []string{"application/problem+json", "text/plain", "text/html", "text/html"} {
		if !strings.HasPrefix(answers[i].header.Get("Content-Type"), media) {
			t.Errorf("%d: %s", i, answers[i].header.Get("Content-Type"))
		}
	}
	if again, _ := s.statuses(4); fmt.Sprint(again) != "[404 404 404 404]" {
		t.Errorf("the second try: %v", again)
	}
}

func TestEveryReset(t *testing.T) {
	t.Parallel()
	// A POST, which the transport does not quietly send again.
	s, _, _ := faulty(t, Faults{EveryReset: 2})
	path := byID(s.server.account.plan(0).blobs[0].id) + "/refresh"
	for i, broken := range []bool{false, true, false, true} {
		if _, err := s.try("POST", path, "Authorization", "Bearer "+DefaultToken); (err != nil) != broken {
			t.Errorf("request %d: %v", i, err)
		}
	}
	if n := s.server.Stats().Status[0]; n != 2 {
		t.Errorf("%d counted without a status", n)
	}
}

func TestRefusedAndDown(t *testing.T) {
	t.Parallel()
	s, target, _ := faulty(t, Faults{Unauthorized: true})
	s.want(s.api("/v2/consumer/workflows"), 401)
	s.want(s.do("GET", target), 401)
	s.server.SetFaults(Faults{Forbidden: true})
	s.want(s.api("/v2/consumer/workflows"), 403)
	s.server.SetFaults(Faults{DownAfter: 2})
	s.want(s.api("/v2/consumer/workflows/none"), 404)
	for _, want := range []int{200, 200, 503, 503} {
		s.want(s.api("/v2/consumer/workflows"), want)
	}
	s.want(s.do("GET", target), 503)
	s.server.SetFaults(Faults{DownAfter: -1})
	s.want(s.api("/v2/consumer/workflows/none"), 503)
}

func TestCursorFaults(t *testing.T) {
	t.Parallel()
	s := start(t, Options{Workflows: 25, Faults: Faults{NextCursorName: true}})
	p := s.page("take=10")
	if p.Next != "" || p.NextCursor == "" || len(s.page("take=10&cursor="+url.QueryEscape(p.NextCursor)).Items) != 10 {
		t.Errorf("next %q, nextCursor %q", p.Next, p.NextCursor)
	}

	s.server.SetFaults(Faults{EmptyPages: true})
	var ids []string
	empty := 0
	for cursor := ""; ; {
		p := s.page("take=10&cursor=" + url.QueryEscape(cursor))
		ids = append(ids, p.ids()...)
		if len(p.Items) == 0 {
			empty++
		}
		if cursor = p.Next; cursor == "" {
			break
		}
	}
	if len(ids) != 25 || empty != 3 {
		t.Errorf("%d workflows, %d empty pages", len(ids), empty)
	}

	s.server.SetFaults(Faults{RepeatCursor: true})
	cursor := s.page("take=20").Next
	for range 3 {
		p := s.page("take=20&cursor=" + url.QueryEscape(cursor))
		if p.Next != cursor || len(p.Items) != 5 {
			t.Errorf("%d items, the cursor moved: %v", len(p.Items), p.Next != cursor)
		}
	}
	only := s.page("take=100")
	if after := s.page("take=100&cursor=" + url.QueryEscape(only.Next)); len(after.Items) != 0 || after.Next != only.Next {
		t.Errorf("%d items after the end", len(after.Items))
	}
}

func TestExpireListed(t *testing.T) {
	t.Parallel()
	s := start(t, Options{Workflows: 1, Faults: Faults{ExpireListed: true}})
	first := func(w map[string]any) string {
		found := map[string]map[string]any{}
		blobsIn(w, found)
		for _, id := range sorted(found) {
			return found[id]["url"].(string)
		}
		return ""
	}
	listed := s.page("").Items[0]
	s.want(s.do("GET", first(listed)), 403)
	single := decode[map[string]any](t, s.api("/v2/consumer/workflows/"+listed["id"].(string)).body)
	if a := s.do("GET", first(single)); a.status != 308 && a.status != 301 {
		t.Errorf("a fresh URL answers %d", a.status)
	}
}

func TestTruncatedContent(t *testing.T) {
	t.Parallel()
	for name, f := range map[string]Faults{
		"with length": {TruncateContent: 1}, "chunked": {TruncateContent: 1, NoLength: true},
		"gzip": {TruncateContent: 1, GzipContent: true}, "no ranges": {TruncateContent: 1, NoRanges: true},
		"slowly": {TruncateContent: 1, BytesPerSecond: 1 << 22},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, target, want := faulty(t, f)
			a := s.do("GET", target)
			if a.err == nil || len(a.body) == 0 || !f.GzipContent && len(a.body) != len(want)/2 {
				t.Errorf("%d bytes of %d, error %v", len(a.body), len(want), a.err)
			}
			if a = s.do("GET", target); a.err != nil {
				t.Errorf("second try: %v", a.err)
			}
		})
	}
}

func TestStalledContent(t *testing.T) {
	t.Parallel()
	s, target, want := faulty(t, Faults{StallContent: 1})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, "GET", target, nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := s.client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	got := make([]byte, len(want)/2)
	if _, err := io.ReadFull(res.Body, got); err != nil {
		t.Fatal(err)
	}
	equalBytes(t, "first half", got, want[:len(got)])
	// The rest never comes: the handler is seen waiting until we leave.
	cancel()
	if n, err := io.Copy(io.Discard, res.Body); err == nil || n != 0 {
		t.Errorf("%d more bytes, %v", n, err)
	}
	equalBytes(t, "second try", s.do("GET", target).body, want)
}

func TestContentFaults(t *testing.T) {
	t.Parallel()
	s, target, want := faulty(t, Faults{HTMLContent: 2})
	equalBytes(t, "first", s.do("GET", target).body, want)
	if a := s.want(s.do("GET", target), 200); !strings.HasPrefix(a.header.Get("Content-Type"), "text/html") {
		t.Errorf("%s", a.header.Get("Content-Type"))
	}
	equalBytes(t, "third", s.do("GET", target).body, want)

	s.server.SetFaults(Faults{ChangeEntity: 1})
	tag := s.do("GET", target).header.Get("ETag")
	a := s.want(s.do("GET", target, "Range", "bytes=10-", "If-Range", tag), 200)
	if a.header.Get("ETag") == tag {
		t.Error("the entity did not change")
	}
	equalBytes(t, "changed", a.body, want)
	equalBytes(t, "unchanged", s.want(s.do("GET", target, "Range", "bytes=10-", "If-Range", tag), 206).body, want[10:])

	s.server.SetFaults(Faults{NoLength: true})
	if a = s.do("GET", target); a.header.Get("Content-Length") != "" {
		t.Errorf("length %s", a.header.Get("Content-Length"))
	}
	equalBytes(t, "chunked", a.body, want)

	s.server.SetFaults(Faults{NoRanges: true})
	a = s.want(s.do("GET", target, "Range", "bytes=10-"), 200)
	equalBytes(t, "no ranges", a.body, want)

	s.server.SetFaults(Faults{GzipContent: true})
	a = s.do("GET", target)
	z, err := gzip.NewReader(bytes.NewReader(a.body))
	if err != nil || a.header.Get("Content-Encoding") != "gzip" {
		t.Fatal(err, a.header)
	}
	plain, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	equalBytes(t, "gzip", plain, want)
}

func TestRedirectFaults(t *testing.T) {
	t.Parallel()
	s, _, _ := faulty(t, Faults{RedirectLoop: true})
	id := s.server.account.plan(0).blobs[0].id
	signed := s.signed(id)
	if to := s.do("GET", signed).header.Get("Location"); s.url+to != signed {
		t.Errorf("%s leads to %s", signed, to)
	}
	other := strings.Replace(s.url, "127.0.0.1", "localhost", 1)
	s.server.SetFaults(Faults{ContentHost: other})
	to := s.api(byID(id)).header.Get("Location")
	if !strings.HasPrefix(to, other+"/v2/consumer/blobs/content/") {
		t.Fatalf("leads to %s", to)
	}
	r := httptest.NewRequest("GET", to, nil)
	s.server.ServeHTTP(httptest.NewRecorder(), r)
	if n := s.server.Stats().TokenLeaks; n != 0 {
		t.Errorf("%d leaks", n)
	}
	for _, path := range []string{to, other + "/v2/consumer/workflows", s.url + "/v2/consumer/blobs/blocked/x"} {
		r := httptest.NewRequest("GET", path, nil)
		r.Header.Set("Authorization", "Bearer "+DefaultToken)
		s.server.ServeHTTP(httptest.NewRecorder(), r)
	}
	if n := s.server.Stats().TokenLeaks; n != 3 {
		t.Errorf("%d leaks of 3", n)
	}
}

func TestPaceOfAnswers(t *testing.T) {
	t.Parallel()
	server := New(Options{})
	s := &site{T: t, server: server}
	bl := s.planOf("textToSpeech").blobs[0]
	target := "http://x/v2/consumer/blobs/content/" + server.contentToken(httptest.NewRequest("GET", "/", nil), bl)
	synctest.Test(t, func(t *testing.T) {
		s := &site{T: t, server: server}
		server.SetFaults(Faults{Latency: 3 * time.Second})
		began := time.Now()
		s.record("GET", "/v2/consumer/workflows?take=1")
		if took := time.Since(began); took != 3*time.Second {
			t.Errorf("latency %v", took)
		}
		server.SetFaults(Faults{BytesPerSecond: 10_000})
		began = time.Now()
		n := s.record("GET", target).Body.Len()
		want := time.Duration(n) * time.Second / 10_000
		if took := time.Since(began); took < want-time.Millisecond || took > want+time.Millisecond {
			t.Errorf("%d bytes took %v", n, took)
		}
	})
}

func TestFaultsByJSON(t *testing.T) {
	t.Parallel()
	s := start(t, Options{Workflows: 2})
	post := func(body string) int {
		r, err := http.NewRequestWithContext(t.Context(), "POST", s.url+"/_sandbox/faults", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		res, err := s.client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		return res.StatusCode
	}
	if got := post(`{"every5xx":1}`); got != 200 {
		t.Errorf("%d", got)
	}
	s.want(s.api("/v2/consumer/workflows"), 500)
	for _, bad := range []string{`{"evry5xx":1}`, `[`} {
		if got := post(bad); got != 400 {
			t.Errorf("%s: %d", bad, got)
		}
	}
}

// With all the "each Nth" faults on at once, trying again gets everything.
func TestPersistenceGetsThrough(t *testing.T) {
	t.Parallel()
	s, target, want := faulty(t, Faults{Every429: 2, Blob429: 2, Every5xx: 2, EveryReset: 2, TruncateContent: 2, HTMLContent: 2})
	for _, path := range []string{target, "/v2/consumer/workflows?take=3"} {
		tries := 0
		for ; ; tries++ {
			a, err := s.try("GET", path, "Authorization", "Bearer "+DefaultToken)
			if err == nil && a.err == nil && a.status == 200 && !bytes.HasPrefix(a.body, []byte("<!")) {
				if path == target {
					equalBytes(t, path, a.body, want)
				}
				break
			}
			if tries > 12 {
				t.Fatalf("%s: no end of faults", path)
			}
		}
	}
}
