package sandbox

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// getContent serves bytes: "Getting a blob's bytes", point 4, on the API page.
// It wants no token and knows only URLs this server made.
func (s *Server) getContent(w *response, r *http.Request, f *faultState) {
	text, ok := s.account.sealer.open("content", r.PathValue("token"))
	what, err := url.ParseQuery(text)
	if !ok || err != nil {
		notFound(w, r, "There is no such content.")
		return
	}
	p, b := s.account.blob(what.Get("b"))
	if p == nil || !b.fate.hasBytes() {
		notFound(w, r, "The content was not found.")
		return
	}
	if f.due(faultHTML, f.HTMLContent, r) {
		page(w, http.StatusOK, "text/html; charset=utf-8", errorPage)
		return
	}
	give, ok := s.shares.take(b.id, f.ContentPerBlob)
	if !ok {
		problem(w, r, http.StatusForbidden, "Too many connections for this content.", nil)
		return
	}
	defer give()
	f.bend(r)
	s.contentHeaders(w, r, f, b, what)
	f.send(w, r, s.open(b))
}

// open makes a blob's bytes, or those of a large one as they are read.
func (s *Server) open(b *blob) io.ReadSeeker {
	if b.content == "large" {
		return newLargeModel(b)
	}
	return bytes.NewReader(s.cache.of(b))
}

func (s *Server) contentHeaders(w http.ResponseWriter, r *http.Request, f *faultState, b *blob, what url.Values) {
	h := w.Header()
	h.Set("Content-Type", b.served)
	h.Set("Cache-Control", "public, max-age=31536000, immutable")
	changed := r.Header.Get("Range") != "" && f.due(faultEntity, f.ChangeEntity, r)
	if tag := b.etag(); tag != "" {
		if changed {
			tag = `"changed-` + tag[1:]
		}
		h.Set("ETag", tag)
	}
	disposition := "inline"
	if what.Get("d") != "" {
		disposition = "attachment"
	}
	if name := what.Get("n"); name != "" || disposition == "attachment" {
		if name == "" {
			name = b.id
		}
		h.Set("Content-Disposition", mime.FormatMediaType(disposition, map[string]string{"filename": baseName(name)}))
	}
}

// etag is empty for one blob in nine: the API sends it mostly.
func (b *blob) etag() string {
	if b.key%9 == 4 {
		return ""
	}
	return `"0x` + hexWord(mix(b.key))[1:] + `"`
}

// baseName strips path components and control characters from a file name.
func baseName(name string) string {
	out := make([]rune, 0, len(name))
	for _, c := range name {
		switch {
		case c == '/' || c == '\\':
			out = out[:0]
		case c >= ' ' && c != 0x7f:
			out = append(out, c)
		}
	}
	return string(out)
}

// send writes a body in the way the faults want it.
func (f *faultState) send(w *response, r *http.Request, content io.ReadSeeker) {
	shaped := &shaper{response: w, request: r, rate: f.BytesPerSecond}
	switch {
	case f.due(faultTruncate, f.TruncateContent, r):
		shaped.stop = stopClose
	case f.due(faultStall, f.StallContent, r):
		shaped.stop = stopStall
	}
	switch {
	case f.GzipContent:
		sendGzip(shaped, content)
	case f.NoLength:
		sendChunked(shaped, content)
	case f.NoRanges:
		shaped.total = length(content)
		w.Header().Set("Content-Length", strconv.Itoa(shaped.total))
		w.WriteHeader(http.StatusOK)
		shaped.body(content)
	default:
		http.ServeContent(shaped, r, "", time.Time{}, content)
	}
}

// length is a content's in bytes; it is read from its start afterwards.
func length(content io.ReadSeeker) int {
	n, err := content.Seek(0, io.SeekEnd)
	if err == nil {
		_, err = content.Seek(0, io.SeekStart)
	}
	if err != nil { // neither of the two contents fails
		return 0
	}
	return int(n)
}

func sendGzip(w *shaper, content io.Reader) {
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	if _, err := io.Copy(z, content); err != nil || z.Close() != nil {
		return
	}
	w.Header().Set("Content-Encoding", "gzip")
	w.Header().Set("Content-Length", strconv.Itoa(packed.Len()))
	w.WriteHeader(http.StatusOK)
	w.total = packed.Len()
	w.body(&packed)
}

// sendChunked flushes before the first byte, so that no length is known.
func sendChunked(w *shaper, content io.ReadSeeker) {
	w.total = length(content)
	w.WriteHeader(http.StatusOK)
	_ = http.NewResponseController(w.response).Flush()
	w.body(content)
}

// getBlocked serves the placeholder, or for some a 403.
func (s *Server) getBlocked(w *response, r *http.Request, _ *faultState) {
	id, ok := s.account.sealer.open("blocked", r.PathValue("token"))
	p, b := s.account.blob(id)
	switch {
	case !ok || p == nil:
		notFound(w, r, "There is no such content.")
	case b.key%3 == 0:
		problem(w, r, http.StatusForbidden, "This content is blocked.", nil)
	default:
		h := w.Header()
		h.Set("Content-Type", "image/jpeg")
		h.Set("ETag", `"blocked"`)
		h.Set("Cache-Control", "public, max-age=3600")
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(s.placeholder()))
	}
}

// getTrace serves the log that customComfy's traceUrl leads to.
func (s *Server) getTrace(w *response, r *http.Request, _ *faultState) {
	key, ok := s.account.sealer.open("trace", r.PathValue("key"))
	p, t := s.account.trace(key)
	if !ok || p == nil || p.deleted {
		notFound(w, r, "There is no such stream.")
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = w.Write(t.log())
}

func (t *trace) log() []byte {
	var out []byte
	r := newRNG(t.key)
	for i, what := range []string{
		"execution_start", "executing node 4", "executing node 6", "executing node 3",
		"progress 10/20", "progress 20/20", "executed node 9", "execution_success",
	} {
		out = fmt.Appendf(out, "%02d.%03d %s %s\n", i, r.intn(1000), what, hexWord(t.key))
	}
	return out
}
