package fetch

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

const whole = "0123456789"

func contentAt(host string) Location {
	return Location{URL: SignedURL(host + "/x/b.png"), Blob: "b.png"}
}

// read opens and reads all, and closes.
func read(t *testing.T, c *Client, loc Location, from Resume) (*Body, string, error) {
	t.Helper()
	body, err := c.Open(background, loc, from)
	if err != nil {
		return nil, "", err
	}
	defer body.Close()
	data, err := io.ReadAll(body)
	return body, string(data), err
}

// headed answers with headers given as "Name: value".
func headed(w http.ResponseWriter, status int, body string, headers ...string) {
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		w.Header().Set(name, value)
	}
	w.WriteHeader(status)
	io.WriteString(w, body)
}

func TestOpenRangeMatrix(t *testing.T) {
	const tag, other = `"v1"`, `"v2"`
	part := func(rng string, more ...string) func(w http.ResponseWriter) {
		return func(w http.ResponseWriter) {
			headed(w, 206, whole[4:], append([]string{"Content-Range: " + rng, "ETag: " + tag, "Content-Type: image/png; a=b"}, more...)...)
		}
	}
	from := Resume{Offset: 4, Validator: tag, Size: 10}
	for name, row := range map[string]struct {
		from    Resume
		ranged  func(w http.ResponseWriter) // the answer to a range request
		data    string
		offset  int64
		size    int64
		ranges  int
		wholes  int
		problem error
	}{
		"fresh":                 {from: Resume{Size: -1}, data: whole, size: 10, wholes: 1},
		"continues":             {from: from, ranged: part("bytes 4-9/10"), data: whole[4:], offset: 4, size: 10, ranges: 1},
		"size unknown before":   {from: Resume{4, tag, -1}, ranged: part("bytes 4-9/10"), data: whole[4:], offset: 4, size: 10, ranges: 1},
		"size unknown now":      {from: from, ranged: part("bytes 4-9/*"), data: whole[4:], offset: 4, size: 10, ranges: 1},
		"size never known":      {from: Resume{4, tag, -1}, ranged: part("bytes 4-9/*"), data: whole[4:], offset: 4, size: -1, ranges: 1},
		"server starts over":    {from: from, ranged: func(w http.ResponseWriter) { headed(w, 200, whole, "ETag: "+other, "Content-Length: 10") }, data: whole, size: 10, ranges: 1},
		"other start":           {from: from, ranged: part("bytes 3-9/10"), data: whole, size: 10, ranges: 1, wholes: 1},
		"other size":            {from: from, ranged: part("bytes 4-9/11"), data: whole, size: 10, ranges: 1, wholes: 1},
		"other entity":          {from: from, ranged: part("bytes 4-9/10", "ETag: "+other), data: whole, size: 10, ranges: 1, wholes: 1},
		"no range told":         {from: from, ranged: part(""), data: whole, size: 10, ranges: 1, wholes: 1},
		"nonsense":              {from: from, ranged: part("bytes 4-3/10"), data: whole, size: 10, ranges: 1, wholes: 1},
		"negative":              {from: from, ranged: part("bytes -4-9/10"), data: whole, size: 10, ranges: 1, wholes: 1},
		"other unit":            {from: from, ranged: part("pages 4-9/10"), data: whole, size: 10, ranges: 1, wholes: 1},
		"zipped part":           {from: from, ranged: part("bytes 4-9/10", "Content-Encoding: gzip"), data: whole, size: 10, ranges: 1, wholes: 1},
		"all there":             {from: Resume{10, tag, 10}, ranged: func(w http.ResponseWriter) { headed(w, 416, "x", "Content-Range: bytes */10") }, offset: 10, size: 10, ranges: 1},
		"all there, unknown":    {from: Resume{10, tag, -1}, ranged: func(w http.ResponseWriter) { headed(w, 416, "x", "Content-Range: bytes */10") }, offset: 10, size: 10, ranges: 1},
		"beyond":                {from: Resume{12, tag, 12}, ranged: func(w http.ResponseWriter) { headed(w, 416, "x", "Content-Range: bytes */10") }, data: whole, size: 10, ranges: 1, wholes: 1},
		"416 without a size":    {from: Resume{10, tag, 10}, ranged: func(w http.ResponseWriter) { headed(w, 416, "") }, data: whole, size: 10, ranges: 1, wholes: 1},
		"no validator":          {from: Resume{4, "", 10}, data: whole, size: 10, wholes: 1},
		"weak validator":        {from: Resume{4, `W/"v1"`, 10}, data: whole, size: 10, wholes: 1},
		"damaged validator":     {from: Resume{4, "\"a\r\nX: y\"", 10}, data: whole, size: 10, wholes: 1},
		"date as validator":     {from: Resume{4, "Mon, 02 Jan 2006 15:04:05 GMT", 10}, ranged: part("bytes 4-9/10"), data: whole[4:], offset: 4, size: 10, ranges: 1},
		"part of the rest only": {from: Resume{2, tag, 10}, ranged: func(w http.ResponseWriter) { headed(w, 206, whole[2:5], "Content-Range: bytes 2-4/10") }, data: whole[2:5], offset: 2, size: 10, ranges: 1, problem: io.ErrUnexpectedEOF},
		"more than announced":   {from: Resume{4, tag, 9}, ranged: func(w http.ResponseWriter) { headed(w, 206, whole[4:], "Content-Range: bytes 4-8/9") }, data: whole[4:9], offset: 4, size: 9, ranges: 1, problem: ErrUnavailable},
	} {
		ranges, wholes := 0, 0
		c, _ := client(t, func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Accept-Encoding") != "identity" || r.Header.Get("Authorization") != "" {
				t.Errorf("%s: %v", name, r.Header)
			}
			if h := r.Header.Get("Range"); h != "" {
				ranges++
				if h != fmt.Sprintf("bytes=%d-", row.from.Offset) || r.Header.Get("If-Range") != row.from.Validator {
					t.Errorf("%s: %v", name, r.Header)
				}
				row.ranged(w)
				return
			}
			wholes++
			headed(w, 200, whole, "Content-Length: 10", "ETag: "+tag, "Content-Type: image/png")
		})
		body, data, err := read(t, c, contentAt("https://cdn.test"), row.from)
		if row.problem != nil {
			wantKind(t, err, row.problem)
			wantKind(t, err, ErrUnavailable)
		} else if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if body == nil || data != row.data || body.Offset != row.offset || body.Size != row.size || ranges != row.ranges || wholes != row.wholes {
			t.Errorf("%s: %q %+v, %d ranges %d wholes", name, data, body, ranges, wholes)
		}
	}
}

func TestValidators(t *testing.T) {
	const date, older, same = "Mon, 02 Jan 2006 15:04:05 GMT", "Mon, 02 Jan 2006 15:04:00 GMT", "Mon, 02 Jan 2006 15:04:05 GMT"
	for want, headers := range map[string][]string{
		`"a"`: {"ETag: \"a\"", "Last-Modified: " + older, "Date: " + date},
		older: {"ETag: W/\"a\"", "Last-Modified: " + older, "Date: " + date},
		"":    {"ETag: a", "Last-Modified: " + same, "Date: " + date},
	} {
		c, _ := client(t, func(w http.ResponseWriter, _ *http.Request) { headed(w, 200, whole, headers...) })
		body, _, err := read(t, c, contentAt("https://cdn.test"), Resume{})
		if err != nil || body.Validator != want || body.Size != -1 {
			t.Errorf("%q: %+v %v", want, body, err)
		}
	}
}

func TestOpenRefusals(t *testing.T) {
	for _, row := range []struct {
		status  int
		body    string
		headers []string
		kind    error
		tries   int
	}{
		{401, "", nil, ErrForbidden, 1},
		{403, "expired", nil, ErrForbidden, 1},
		{404, "", nil, ErrGone, 1},
		{410, "", nil, ErrGone, 1},
		{500, "", nil, ErrUnavailable, 3},
		{204, "", nil, ErrUnavailable, 3},
		{206, "x", nil, ErrUnavailable, 3},
		{416, "x", nil, ErrInvalid, 1},
		{200, "<html><title>Wait</title>", []string{"Content-Type: text/html"}, ErrUnavailable, 3},
		{200, "x", []string{"Content-Encoding: br"}, ErrUnavailable, 3},
		{302, "", []string{"Location: /v2/consumer/blobs/blocked/x"}, ErrWithheld, 1},
		{302, "", []string{"Location: http://cdn.test/"}, ErrUnsafeURL, 1},
		{302, "", []string{"Location: https://192.168.1.1/"}, ErrUnsafeURL, 1},
		{302, "", []string{"Location: /x/b.png"}, ErrUnsafeURL, maxHops + 1},
	} {
		fakeTime(t, func(t *testing.T) {
			c, transport := client(t, func(w http.ResponseWriter, _ *http.Request) { headed(w, row.status, row.body, row.headers...) },
				func(cfg *Config) { cfg.Retries = 3 })
			body, err := c.Open(background, contentAt("https://cdn.test"), Resume{})
			wantKind(t, err, row.kind)
			if body != nil || transport.count() != row.tries {
				t.Errorf("%d %v: %d tries", row.status, row.headers, transport.count())
			}
		})
	}
	c, _ := client(t, func(w http.ResponseWriter, _ *http.Request) { headed(w, 200, "<p>", "Content-Type: text/html") })
	if _, data, err := read(t, c, Location{URL: "https://cdn.test/x", Blob: "report.HTML"}, Resume{}); err != nil || data != "<p>" {
		t.Error(data, err)
	}
	_, err := c.Open(background, Location{}, Resume{})
	wantKind(t, err, ErrInvalid)
}

func TestOpenSendsTheTokenToThePrivatePlacesOfTheAPIOnly(t *testing.T) {
	for url, want := range map[SignedURL]string{
		"https://api.test/v2/consumer/blobs/b.png": "Bearer " + testToken, "https://evil.test/v2/consumer/blobs/b.png": "",
		"https://api.test:8443/x": "", "https://API.test:443/x": "Bearer " + testToken,
	} {
		var got []string
		c, _ := client(t, func(w http.ResponseWriter, r *http.Request) {
			got = append(got, r.Header.Get("Authorization"))
			if r.URL.Path != "/moved" {
				headed(w, 302, "", "Location: /moved")
			}
		})
		if _, _, err := read(t, c, Location{URL: url, Private: true}, Resume{}); err != nil || len(got) != 2 || got[0] != want || got[1] != "" {
			t.Errorf("%s: %q %v", string(url), got, err)
		}
	}
}

func zipped(data []byte) []byte {
	var buf bytes.Buffer
	z := gzip.NewWriter(&buf)
	z.Write(data)
	z.Close()
	return buf.Bytes()
}

func TestGzipBody(t *testing.T) {
	bomb := bytes.Repeat(zipped(make([]byte, 8<<20)), 10) // members may follow each other
	for name, row := range map[string]struct {
		body []byte
		n    int
		kind error
	}{
		"whole":  {zipped([]byte(whole)), 10, nil},
		"cut":    {zipped([]byte(whole))[:20], -1, ErrUnavailable},
		"none":   {nil, 0, ErrUnavailable},
		"no zip": {[]byte("this is no gzip"), 0, ErrUnavailable},
		"bomb":   {bomb, -1, ErrTooLarge},
	} {
		c, _ := client(t, func(w http.ResponseWriter, _ *http.Request) {
			headed(w, 200, string(row.body), "Content-Encoding: GZIP", "ETag: \"a\"", fmt.Sprintf("Content-Length: %d", len(row.body)))
		})
		body, err := c.Open(background, contentAt("https://cdn.test"), Resume{})
		if err != nil || body.Size != -1 || body.Validator != "" {
			t.Fatal(body, err)
		}
		n, err := io.Copy(io.Discard, body)
		if row.kind == nil && err != nil || row.kind != nil && !errors.Is(err, row.kind) || row.n >= 0 && int(n) != row.n || n > ratioFrom+(1<<20) {
			t.Errorf("%s: %d bytes, %v", name, n, err)
		}
		if _, again := body.Read(make([]byte, 1)); err != nil && again != err {
			t.Errorf("%s: then %v", name, again)
		}
		body.Close()
	}
}

// pipe is a transport whose body the test writes.
type pipe struct{ r *io.PipeReader }

func (p pipe) RoundTrip(req *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: 200, Header: http.Header{}, Body: p.r, ContentLength: 10, Request: req}, nil
}

func piped(t *testing.T, ctx context.Context) (*Body, *io.PipeWriter) {
	t.Helper()
	r, w := io.Pipe()
	c, _ := client(t, nil, func(cfg *Config) { cfg.Transport = pipe{r} })
	body, err := c.Open(ctx, contentAt("https://cdn.test"), Resume{})
	if err != nil {
		t.Fatal(err)
	}
	return body, w
}

func TestStall(t *testing.T) {
	fakeTime(t, func(t *testing.T) {
		body, w := piped(t, background)
		defer body.Close()
		go w.Write([]byte("01"))
		buf := make([]byte, 8)
		if n, err := body.Read(buf); n != 2 || err != nil {
			t.Fatal(n, err)
		}
		time.Sleep(time.Hour) // a slow consumer is no stall
		go func() { time.Sleep(29 * time.Second); w.Write([]byte("23")) }()
		if n, err := body.Read(buf); n != 2 || err != nil {
			t.Fatal(n, err)
		}
		start := time.Now()
		_, err := body.Read(buf)
		wantKind(t, err, ErrUnavailable)
		if time.Since(start) != 30*time.Second || !strings.Contains(err.Error(), "no data for 30s") {
			t.Error(time.Since(start), err)
		}
		if _, again := body.Read(buf); again != err {
			t.Error(again)
		}
	})
}

func TestCancelAndCloseEndARead(t *testing.T) {
	fakeTime(t, func(t *testing.T) {
		body, _ := piped(t, background)
		go func() { time.Sleep(time.Second); body.Close() }()
		if _, err := body.Read(make([]byte, 8)); err == nil {
			t.Error("read after close")
		}
		synctest.Wait()
	})
	ctx, cancel := context.WithCancel(background)
	c, _ := server(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "10")
		io.WriteString(w, "01")
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	})
	body, err := c.Open(ctx, Location{URL: "/x", Blob: "b"}, Resume{})
	if err != nil {
		t.Fatal(err)
	}
	defer body.Close()
	if _, err := io.ReadFull(body, make([]byte, 2)); err != nil {
		t.Fatal(err)
	}
	cancel()
	_, err = io.ReadAll(body)
	wantKind(t, err, context.Canceled)
}

func TestTruncatedBody(t *testing.T) {
	c, s := server(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "10")
		w.Header().Set("ETag", `"a"`)
		io.WriteString(w, "0123")
	})
	body, data, err := read(t, c, contentAt(s.URL), Resume{})
	wantKind(t, err, io.ErrUnexpectedEOF)
	wantKind(t, err, ErrUnavailable)
	if data != "0123" || body.Size != 10 || body.Validator != `"a"` {
		t.Errorf("%q %+v", data, body)
	}
}

func TestOpenIsTriedAgain(t *testing.T) {
	fakeTime(t, func(t *testing.T) {
		n := 0
		c, _ := client(t, func(w http.ResponseWriter, _ *http.Request) {
			if n++; n < 4 {
				w.Header().Set("X-Test-Break", "1")
				return
			}
			io.WriteString(w, whole)
		})
		if _, data, err := read(t, c, contentAt("https://cdn.test"), Resume{}); err != nil || data != whole {
			t.Error(data, err)
		}
	})
}
