package fetch

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

// routes answers "<who> <path>" by a short description, where who is "token" or "open":
// a status with an optional body, "> address" for a redirect, "html", or "bytes".
type routes map[string]string

func (rs routes) serve(t *testing.T, log *[]string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		who := "open"
		if h := r.Header.Get("Authorization"); h != "" {
			who = "token"
			if h != "Bearer "+testToken || r.URL.Host != "api.test" || r.URL.Scheme != "https" {
				t.Errorf("the token %q went to %s", h, r.URL)
			}
			if strings.Contains(r.URL.Path, "/content/") || r.URL.RawQuery != "" {
				t.Errorf("the token went to a signed address %s", r.URL)
			}
		}
		if r.Header.Get("Referer") != "" {
			t.Error("a referer was sent")
		}
		key := who + " " + r.Method + " " + r.URL.Host + r.URL.Path
		*log = append(*log, strings.Replace(key, "GET ", "", 1))
		what, ok := rs[strings.Replace(key, "GET ", "", 1)]
		if !ok {
			t.Errorf("unexpected request %s", key)
		}
		switch status := 0; {
		case strings.HasPrefix(what, ">"):
			w.Header().Set("Location", strings.TrimSpace(what[1:]))
			w.WriteHeader(301)
		case what == "html":
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			io.WriteString(w, "<html><title>Wait</title></html>")
		case what == "bytes":
			w.Header().Set("Content-Type", "image/png")
			io.WriteString(w, "PNG")
		default:
			var body string
			fmt.Sscanf(what, "%d", &status)
			_, body, _ = strings.Cut(what, " ")
			w.WriteHeader(status)
			io.WriteString(w, body)
		}
	}
}

const (
	signedKey  = "open blobs.test/v2/consumer/blobs/b.png"
	byIDKey    = "token api.test/v2/consumer/blobs/b.png"
	refreshKey = "token POST api.test/v2/consumer/blobs/b.png/refresh"
	contentURL = "https://api.test/v2/consumer/blobs/content/AAAAAAAAAA"
	blockedURL = "/v2/consumer/blobs/blocked/BBBBBBBBBB"
)

func testBlob() Blob {
	return Blob{ID: "b.png", URL: "https://blobs.test/v2/consumer/blobs/b.png?sig=SECRETx&exp=1", Available: true}
}

func TestResolve(t *testing.T) {
	fresh := `200 {"id":"b.png","url":"https://blobs.test/fresh?sig=SECRETx"}`
	for name, row := range map[string]struct {
		routes routes
		want   string // the location's URL
		kind   error
		says   string
	}{
		"content":                       {routes: routes{signedKey: "> " + contentURL}, want: contentURL},
		"relative":                      {routes: routes{signedKey: "> /v2/consumer/blobs/content/AAAAAAAAAA"}, want: "https://blobs.test/v2/consumer/blobs/content/AAAAAAAAAA"},
		"content network":               {routes: routes{signedKey: "> https://cdn.test/x"}, want: "https://cdn.test/x"},
		"bytes at once":                 {routes: routes{signedKey: "bytes"}, want: "https://blobs.test/v2/consumer/blobs/b.png?sig=SECRETx&exp=1"},
		"other host first":              {routes: routes{signedKey: "> https://new.test/v2/consumer/blobs/b.png?sig=SECRETx", "open new.test/v2/consumer/blobs/b.png": "> " + contentURL}, want: contentURL},
		"blocked, content by id":        {routes: routes{signedKey: "> " + blockedURL, byIDKey: "> " + contentURL}, want: contentURL},
		"blocked twice":                 {routes: routes{signedKey: "> " + blockedURL, byIDKey: "> " + blockedURL}, kind: ErrWithheld},
		"blocked, encoded":              {routes: routes{signedKey: "> /v2/consumer/blobs%2Fbl%256fcked/BBBBBBBBBB", byIDKey: "> " + blockedURL}, kind: ErrWithheld},
		"blocked, forbidden by id":      {routes: routes{signedKey: "> " + blockedURL, byIDKey: "403 {\"detail\":\"mature content\"}"}, kind: ErrWithheld, says: "mature content"},
		"blocked, unknown by id":        {routes: routes{signedKey: "> " + blockedURL, byIDKey: "404"}, kind: ErrWithheld},
		"blocked, bad token":            {routes: routes{signedKey: "> " + blockedURL, byIDKey: "401", refreshKey: "401"}, kind: ErrUnauthorized},
		"blocked, outage by id":         {routes: routes{signedKey: "> " + blockedURL, byIDKey: "503"}, kind: ErrUnavailable},
		"refused, content by id":        {routes: routes{signedKey: "403", byIDKey: "> " + contentURL}, want: contentURL},
		"refused, bytes by id":          {routes: routes{signedKey: "403", byIDKey: "bytes"}, want: "https://api.test/v2/consumer/blobs/b.png"},
		"refused, refreshed":            {routes: routes{signedKey: "401", byIDKey: "403", refreshKey: fresh, "open blobs.test/fresh": "> " + contentURL}, want: contentURL},
		"refused, refreshed, blocked":   {routes: routes{signedKey: "401", byIDKey: "405", refreshKey: fresh, "open blobs.test/fresh": "> " + blockedURL}, kind: ErrWithheld},
		"refused, refreshed, forbidden": {routes: routes{signedKey: "401", byIDKey: "403", refreshKey: fresh, "open blobs.test/fresh": "403 no"}, kind: ErrWithheld, says: "no"},
		"refused everywhere":            {routes: routes{signedKey: "403", byIDKey: "403 {\"title\":\"Tier\"}", refreshKey: "403"}, kind: ErrWithheld, says: "Tier"},
		"refused, refresh says why":     {routes: routes{signedKey: "403", byIDKey: "403", refreshKey: `200 {"available":false,"blockedReason":"csam"}`}, kind: ErrWithheld, says: "csam"},
		"refused, refresh has both":     {routes: routes{signedKey: "403", byIDKey: "403", refreshKey: `200 {"url":"https://blobs.test/fresh","blockedReason":"unsafe"}`}, kind: ErrWithheld, says: "unsafe"},
		"refused, refresh knows none":   {routes: routes{signedKey: "403", byIDKey: "403", refreshKey: "404"}, kind: ErrGone},
		"bad token":                     {routes: routes{signedKey: "403", byIDKey: "401 token expired", refreshKey: "401"}, kind: ErrUnauthorized, says: "token expired"},
		"bad token, refresh forbidden":  {routes: routes{signedKey: "403", byIDKey: "401", refreshKey: "403"}, kind: ErrUnauthorized},
		"gone, content by id":           {routes: routes{signedKey: "404", byIDKey: "> " + contentURL}, want: contentURL},
		"gone":                          {routes: routes{signedKey: "410", byIDKey: "404"}, kind: ErrGone},
		"gone, outage by id":            {routes: routes{signedKey: "404", byIDKey: "500"}, kind: ErrUnavailable},
		"outage":                        {routes: routes{signedKey: "502", byIDKey: "502"}, kind: ErrUnavailable},
		"page":                          {routes: routes{signedKey: "html", byIDKey: "502"}, kind: ErrUnavailable, says: "an HTML page"},
		"outage there, content by id":   {routes: routes{signedKey: "502", byIDKey: "> " + contentURL}, want: contentURL},
		"outage there, gone by id":      {routes: routes{signedKey: "502", byIDKey: "404"}, kind: ErrGone},
		"unsafe, content by id":         {routes: routes{signedKey: "> file:///x", byIDKey: "> " + contentURL}, want: contentURL},
		"a proxy's page for gone":       {routes: routes{signedKey: "404 <html>", byIDKey: "404 <html>"}, kind: ErrUnavailable},
		"a proxy's page for refused":    {routes: routes{signedKey: "403 <html>", byIDKey: "403 <html>", refreshKey: "403 <html>"}, kind: ErrUnavailable},
		"blocked, and a bad token":      {routes: routes{signedKey: "> /v2/consumer/blobs/blocked/x", byIDKey: "401", refreshKey: `200 {"url":"/v2/consumer/blobs/blocked/x?sig=SECRETx"}`}, kind: ErrUnauthorized},
		"to http":                       {routes: routes{signedKey: "> http://blobs.test/x", byIDKey: "404"}, kind: ErrUnsafeURL},
		"to a file":                     {routes: routes{signedKey: "> file:///etc/passwd", byIDKey: "404"}, kind: ErrUnsafeURL},
		"to a user":                     {routes: routes{signedKey: "> https://u:p@cdn.test/", byIDKey: "404"}, kind: ErrUnsafeURL},
		"to a private address":          {routes: routes{signedKey: "> https://169.254.169.254/latest", byIDKey: "404"}, kind: ErrUnsafeURL},
		"to itself":                     {routes: routes{signedKey: "> /v2/consumer/blobs/b.png?sig=SECRETx", byIDKey: "404"}, kind: ErrUnsafeURL},
		"nowhere":                       {routes: routes{signedKey: "301", byIDKey: "502"}, kind: ErrUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			var asked []string
			c, _ := client(t, row.routes.serve(t, &asked), func(cfg *Config) { cfg.Retries = 1 })
			loc, err := c.Resolve(background, testBlob())
			if string(loc.URL) != row.want {
				t.Errorf("location %q, want %q", string(loc.URL), row.want)
			}
			if row.kind == nil && err != nil || row.kind != nil && err == nil {
				t.Fatalf("error %v, asked %q", err, asked)
			}
			if err != nil {
				wantKind(t, err, row.kind)
				noSecret(t, "error", err.Error())
				if !strings.Contains(err.Error(), row.says) {
					t.Errorf("%q does not say %q", err, row.says)
				}
			}
			if loc.Private != (name == "refused, bytes by id") {
				t.Errorf("%+v", loc)
			}
		})
	}
}

func TestResolveChoosesWhomToAsk(t *testing.T) {
	past, soon, later := time.Now().Add(-time.Hour), time.Now().Add(10*time.Second), time.Now().Add(time.Hour)
	viaID := routes{byIDKey: "> " + contentURL}
	for name, row := range map[string]struct {
		change func(*Blob)
		routes routes
	}{
		"no url":               {func(b *Blob) { b.URL = "" }, viaID},
		"expired":              {func(b *Blob) { b.Expires = past }, viaID},
		"about to expire":      {func(b *Blob) { b.Expires = soon }, viaID},
		"not expired":          {func(b *Blob) { b.Expires = later }, routes{signedKey: "> " + contentURL}},
		"unreadable":           {func(b *Blob) { b.URL = "http://[x" }, viaID},
		"less safe than API":   {func(b *Blob) { b.URL = "http://blobs.test/v2/consumer/blobs/b.png?sig=1" }, viaID},
		"blocked as given":     {func(b *Blob) { b.URL = "https://blobs.test/V2/consumer/blobs/Blocked/x" }, viaID},
		"blocked with dots":    {func(b *Blob) { b.URL = "https://blobs.test/blobs/./x/..//blocked/x" }, viaID},
		"content as given":     {func(b *Blob) { b.URL = contentURL }, routes{}},
		"relative":             {func(b *Blob) { b.URL = "/v2/consumer/blobs/b.png?sig=1" }, routes{strings.Replace(byIDKey, "token", "open", 1): "> " + contentURL}},
		"expired, id refused":  {func(b *Blob) { b.Expires = past }, routes{byIDKey: "405", refreshKey: `200 {"url":"https://blobs.test/f"}`, "open blobs.test/f": "> " + contentURL}},
		"expired by the param": {func(b *Blob) { b.Expires = expParam(string("https://x.test/?exp=1000000000")) }, viaID},
	} {
		var asked []string
		c, _ := client(t, row.routes.serve(t, &asked))
		b := testBlob()
		row.change(&b)
		if loc, err := c.Resolve(background, b); err != nil || string(loc.URL) != contentURL {
			t.Errorf("%s: %v %v, asked %q", name, loc, err, asked)
		}
		if len(asked) != len(row.routes) {
			t.Errorf("%s: asked %q", name, asked)
		}
	}
}

func TestResolveWithoutAToken(t *testing.T) {
	for answer, kind := range map[string]error{"404": ErrGone, "403": ErrUnauthorized, "> " + blockedURL: ErrWithheld} {
		var asked []string
		c, _ := client(t, routes{signedKey: answer}.serve(t, &asked), func(cfg *Config) { cfg.Token = "" })
		_, err := c.Resolve(background, testBlob())
		wantKind(t, err, kind)
	}
}

func TestResolveUnsafeURL(t *testing.T) {
	for _, u := range []SignedURL{"https://127.0.0.1/b", "https://localhost/b", "https://x.localhost./b", "https://10.0.0.1/b", "https://[::1]/b",
		"https://[::ffff:192.168.0.1]/b", "https://0.0.0.0/b", "https://[fe80::1%25eth0]/b", "https://[64:ff9b::7f00:1]/b", "https://239.1.1.1/b", "ftp://x.test/b", "https://u@x.test/b", "data:x", "https:///b"} {
		asked := 0
		c, _ := client(t, func(w http.ResponseWriter, r *http.Request) {
			if asked++; r.URL.Path != "/v2/consumer/blobs/b" || r.Header.Get("Authorization") == "" {
				t.Errorf("%s was asked", r.URL)
			}
			w.WriteHeader(http.StatusInternalServerError)
		}, func(cfg *Config) { cfg.Retries = 1 })
		_, err := c.Resolve(background, Blob{ID: "b", URL: u}) // by id, which is in vain
		wantKind(t, err, ErrUnsafeURL)
		if asked != 1 {
			t.Errorf("%s: asked %d times by id", string(u), asked)
		}
		_, err = c.Open(background, Location{URL: u, Blob: "b"}, Resume{})
		wantKind(t, err, ErrUnsafeURL)
	}
}

func TestHostsThatServeDirectlyAreRemembered(t *testing.T) {
	var asked []string
	rs := routes{signedKey: "bytes", "open blobs.test/v2/consumer/blobs/archive/x": "bytes"}
	c, _ := client(t, rs.serve(t, &asked))
	for range 3 {
		if _, err := c.Resolve(background, testBlob()); err != nil {
			t.Fatal(err)
		}
	}
	if len(asked) != 1 {
		t.Errorf("%q", asked)
	}
	for range 2 {
		if _, err := c.Resolve(background, Blob{ID: "s.zip", URL: "https://blobs.test/v2/consumer/blobs/archive/x"}); err != nil {
			t.Fatal(err)
		}
	}
	if len(asked) != 2 { // learned for archives apart
		t.Errorf("%q", asked)
	}
}

func TestArchivesAndTracesHaveNoID(t *testing.T) {
	const arch, trace = "https://api.test/v2/consumer/blobs/archive/tok", "https://api.test/v2/consumer/streaming-blobs/t.txt"
	for _, row := range []struct {
		url    SignedURL
		routes routes
		kind   error
	}{
		{arch, routes{"open api.test/v2/consumer/blobs/archive/tok": "bytes"}, nil},
		{arch, routes{"open api.test/v2/consumer/blobs/archive/tok": "410"}, ErrGone},
		{arch, routes{"open api.test/v2/consumer/blobs/archive/tok": "401"}, ErrForbidden},
		{trace, routes{"open api.test/v2/consumer/streaming-blobs/t.txt": "404"}, ErrGone},
		{trace, routes{"open api.test/v2/consumer/streaming-blobs/t.txt": "401", "token api.test/v2/consumer/streaming-blobs/t.txt": "bytes"}, nil},
		{trace, routes{"open api.test/v2/consumer/streaming-blobs/t.txt": "401", "token api.test/v2/consumer/streaming-blobs/t.txt": "401"}, ErrUnauthorized},
	} {
		for _, ask := range []string{"resolve", "renew"} {
			var asked []string
			c, _ := client(t, row.routes.serve(t, &asked))
			b := Blob{ID: "$0.zip", URL: row.url, Expires: time.Now().Add(-time.Hour)}
			loc, err := c.Resolve(background, b)
			if ask == "renew" {
				loc, err = c.Renew(background, b)
			}
			if row.kind == nil && (err != nil || loc.URL != row.url) {
				t.Errorf("%s %s: %v %v", ask, row.url, loc, err)
			}
			if row.kind != nil {
				wantKind(t, err, row.kind)
			}
		}
	}
}

func TestRefreshTellsTheLevel(t *testing.T) {
	for answer, want := range map[string]Level{`"nsfwLevel":"XXX"`: "xxx", `"nsfwLevel":null`: "", `"available":true`: "", `"nsfwLevel":"na","blockedReason":null`: "na"} {
		var asked []string
		c, _ := client(t, routes{
			byIDKey: "403", refreshKey: `200 {"url":"https://blobs.test/f",` + answer + `}`, "open blobs.test/f": "> " + contentURL,
		}.serve(t, &asked))
		if loc, err := c.Renew(background, testBlob()); err != nil || loc.Level != want || string(loc.URL) != contentURL {
			t.Errorf("%s: %+v, %v", answer, loc, err)
		}
	}
}

func TestRenewDistrustsTheURL(t *testing.T) {
	for name, rs := range map[string]routes{
		"by id":     {byIDKey: "> " + contentURL},
		"refreshed": {byIDKey: "403", refreshKey: `200 {"url":"https://blobs.test/f?sig=x"}`, "open blobs.test/f": "> " + contentURL},
	} {
		var asked []string
		c, _ := client(t, rs.serve(t, &asked))
		if loc, err := c.Renew(background, testBlob()); err != nil || string(loc.URL) != contentURL || len(asked) != len(rs) {
			t.Errorf("%s: %v %v %q", name, loc, err, asked)
		}
	}
	var asked []string
	c, _ := client(t, routes{byIDKey: "404"}.serve(t, &asked))
	_, err := c.Renew(background, testBlob())
	wantKind(t, err, ErrGone)
}

func FuzzRedirect(f *testing.F) {
	for _, s := range []string{"/x", "//evil.test/x", "http://a.test", "https://u:p@a.test", "javascript:x", "https://[::1", "\\\\evil", "?q", "", "https:a", "https://a.test:99999/", "/blobs/%62locked/x"} {
		f.Add("https://o.test/v2/x", s)
		f.Add("http://o.test/v2/x", s)
	}
	f.Fuzz(func(t *testing.T, base, location string) {
		from, err := url.Parse(base)
		if err != nil || plainURL(from) != nil {
			return
		}
		next, err := nextHop(from, location, 0)
		if err != nil {
			return
		}
		if next.User != nil || next.Hostname() == "" || next.Scheme != "https" && (next.Scheme != "http" || from.Scheme == "https") {
			t.Errorf("%s to %q leads to %s", base, location, next)
		}
		_ = placeOf(next)
	})
}
