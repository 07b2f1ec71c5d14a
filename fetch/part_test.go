package fetch

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
)

// Every answer but the very part is refused, and asked for no second time.
func TestOpenPartMatrix(t *testing.T) {
	const tag, other = `"v1"`, `"v2"`
	middle := Part{From: 4, To: 7, Validator: tag, Size: 10}
	part := func(body, rng string, more ...string) func(http.ResponseWriter) {
		return func(w http.ResponseWriter) {
			headed(w, 206, body, append([]string{"Content-Range: " + rng}, more...)...)
		}
	}
	refuse := func(status int) func(http.ResponseWriter) {
		return func(w http.ResponseWriter) { headed(w, status, "x", "Content-Range: bytes */10") }
	}
	for name, row := range map[string]struct {
		part   Part
		answer func(http.ResponseWriter)
		data   string
		opens  error // of OpenPart
		reads  error // of reading to the end
	}{
		"the part":               {part: middle, answer: part("456", "bytes 4-6/10", "ETag: "+tag), data: "456"},
		"the first part":         {part: Part{0, 3, tag, 10}, answer: part("012", "bytes 0-2/10"), data: "012"},
		"the last part":          {part: Part{7, 10, tag, 10}, answer: part("789", "bytes 7-9/10"), data: "789"},
		"size not told":          {part: middle, answer: part("456", "bytes 4-6/*"), data: "456"},
		"less than asked for":    {part: middle, answer: part("45", "bytes 4-5/10"), data: "45", reads: io.ErrUnexpectedEOF},
		"cut short":              {part: middle, answer: part("45", "bytes 4-6/10"), data: "45", reads: io.ErrUnexpectedEOF},
		"more than told":         {part: middle, answer: part("456789", "bytes 4-6/10"), data: "456", reads: ErrUnavailable},
		"more than asked for":    {part: middle, answer: part("456789", "bytes 4-9/10"), opens: ErrNoPart},
		"the whole":              {part: middle, answer: func(w http.ResponseWriter) { headed(w, 200, whole, "ETag: "+tag) }, opens: ErrNoPart},
		"another entity's whole": {part: middle, answer: func(w http.ResponseWriter) { headed(w, 200, whole, "ETag: "+other) }, opens: ErrNoPart},
		"another entity's part":  {part: middle, answer: part("456", "bytes 4-6/10", "ETag: "+other), opens: ErrNoPart},
		"another size":           {part: middle, answer: part("456", "bytes 4-6/11"), opens: ErrNoPart},
		"another start":          {part: middle, answer: part("567", "bytes 5-7/10"), opens: ErrNoPart},
		"no range told":          {part: middle, answer: part("456", ""), opens: ErrNoPart},
		"a zipped part":          {part: middle, answer: part("456", "bytes 4-6/10", "Content-Encoding: gzip"), opens: ErrNoPart},
		"416":                    {part: middle, answer: refuse(416), opens: ErrNoPart},
		"416, shrunk":            {part: middle, answer: func(w http.ResponseWriter) { headed(w, 416, "", "Content-Range: bytes */4") }, opens: ErrNoPart},
		"403":                    {part: middle, answer: refuse(403), opens: ErrForbidden},
		"404":                    {part: middle, answer: refuse(404), opens: ErrGone},
		"429":                    {part: middle, answer: refuse(429), opens: ErrRateLimited},
		"503":                    {part: middle, answer: refuse(503), opens: ErrUnavailable},
	} {
		asked := 0
		c, _ := client(t, func(w http.ResponseWriter, r *http.Request) {
			asked++
			want := fmt.Sprintf("bytes=%d-%d", row.part.From, row.part.To-1)
			if r.Header.Get("Range") != want || r.Header.Get("If-Range") != tag || r.Header.Get("Accept-Encoding") != "identity" || r.Header.Get("Authorization") != "" {
				t.Errorf("%s: %v", name, r.Header)
			}
			row.answer(w)
		})
		body, err := c.OpenPart(background, contentAt("https://cdn.test"), row.part)
		if asked != 1 {
			t.Errorf("%s: asked %d times", name, asked)
		}
		if row.opens != nil {
			wantKind(t, err, row.opens)
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		data, err := io.ReadAll(body)
		if body.Close(); string(data) != row.data || body.Offset != row.part.From || body.Size != 10 || body.Validator != tag {
			t.Errorf("%s: %q %+v", name, data, body)
		}
		if row.reads == nil && err != nil {
			t.Errorf("%s: %v", name, err)
		} else if row.reads != nil {
			wantKind(t, err, row.reads)
		}
	}
}

func TestPartsThatAreNoneAreNotAskedFor(t *testing.T) {
	t.Parallel()
	c, transport := client(t, answer(200, whole))
	for _, p := range []Part{{}, {4, 4, `"v"`, 10}, {5, 4, `"v"`, 10}, {-1, 4, `"v"`, 10}, {4, 11, `"v"`, 10}, {4, 7, "", 10}, {4, 7, `W/"v"`, 10}} {
		_, err := c.OpenPart(background, contentAt("https://cdn.test"), p)
		wantKind(t, err, ErrInvalid)
	}
	if n := transport.count(); n != 0 {
		t.Errorf("asked %d times", n)
	}
}

func TestBodyTellsWhetherThereAreParts(t *testing.T) {
	t.Parallel()
	for header, want := range map[string]bool{"bytes": true, "none": false, "": false, "Bytes": true, "pages, bytes": true, "kilobytes": false} {
		c, _ := client(t, func(w http.ResponseWriter, _ *http.Request) { headed(w, 200, whole, "Accept-Ranges: "+header) })
		body, _, err := read(t, c, contentAt("https://cdn.test"), Resume{})
		if err != nil || body.Parts != want {
			t.Errorf("Accept-Ranges %q: %v, %v", header, body, err)
		}
	}
	c, _ := client(t, func(w http.ResponseWriter, _ *http.Request) { headed(w, 206, whole[4:], "Content-Range: bytes 4-9/10") })
	if body, _, err := read(t, c, contentAt("https://cdn.test"), Resume{4, `"v"`, 10}); err != nil || !body.Parts {
		t.Errorf("a part: %+v, %v", body, err)
	}
}

// Over HTTP/2 all requests share a connection, and what one connection brings is what is to
// be exceeded.
func TestPartsComeOverConnectionsOfTheirOwn(t *testing.T) {
	t.Parallel()
	var parts atomic.Int64
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Range") == "" {
			if r.ProtoMajor != 2 {
				t.Errorf("the whole was asked for with %s", r.Proto)
			}
			headed(w, 200, whole)
			return
		}
		if parts.Add(1); r.ProtoMajor != 1 {
			t.Errorf("a part was asked for with %s", r.Proto)
		}
		headed(w, 206, "456", "Content-Range: bytes 4-6/10")
	}))
	s.EnableHTTP2 = true
	s.StartTLS()
	t.Cleanup(s.Close)
	c, err := New(Config{BaseURL: s.URL, Retries: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	trust := s.Client().Transport.(*http.Transport).TLSClientConfig
	for _, t := range []http.RoundTripper{c.transport, c.apart} {
		t.(transport).TLSClientConfig.RootCAs = trust.RootCAs
	}
	if _, data, err := read(t, c, contentAt(s.URL), Resume{}); data != whole || err != nil {
		t.Fatalf("%q, %v", data, err)
	}
	for range 2 {
		body, err := c.OpenPart(background, contentAt(s.URL), Part{4, 7, `"v"`, 10})
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(body)
		if body.Close(); string(data) != "456" || err != nil {
			t.Errorf("%q, %v", data, err)
		}
	}
	if parts.Load() != 2 {
		t.Errorf("%d parts were asked for", parts.Load())
	}
}
