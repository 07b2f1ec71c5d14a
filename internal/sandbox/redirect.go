package sandbox

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// getBlob leads from a signed URL, or an id with a token, to the bytes or to
// the placeholder: "Getting a blob's bytes" on the API page.
func (s *Server) getBlob(w *response, r *http.Request, f *faultState) {
	signed := r.URL.Query().Get("sig") != ""
	if signed && !s.signatureGood(w, r) {
		return
	}
	if !signed && !s.tokenGood(r) {
		unauthorized(w, r, "A bearer token or a signature is required.")
		return
	}
	p, b := s.account.blob(r.PathValue("id"))
	if p == nil || !b.exists() || b.fate == fateGone && r.Method == http.MethodHead {
		s.missing(w, r, b)
		return
	}
	if r.Method == http.MethodHead {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	if !s.permitted(w, r, p, b) {
		return
	}
	if refused, inWords := b.refuses(signed); refused {
		withhold(w, r, b, inWords)
		return
	}
	h := w.Header()
	h.Set("Location", s.location(r, f, b, signed))
	h.Set("Cache-Control", "private, no-store")
	h.Set("Content-Length", "0")
	status := http.StatusPermanentRedirect
	if b.key%5 == 0 {
		status = http.StatusMovedPermanently
	}
	w.WriteHeader(status)
}

func (s *Server) tokenGood(r *http.Request) bool {
	given := bearer(r)
	return same(given, s.opt.Token) || same(given, s.opt.ManagerToken)
}

// signatureGood refuses a wrong signature with 401, an expired one with 403.
func (s *Server) signatureGood(w http.ResponseWriter, r *http.Request) bool {
	q := r.URL.Query()
	exp := q.Get("exp")
	if !s.account.sealer.verify(r.PathValue("id"), exp, q.Get("sig")) {
		problem(w, r, http.StatusUnauthorized, "The signature is not valid.", nil)
		return false
	}
	if at, err := parseStamp(exp); err != nil || !s.opt.Now().Before(at) {
		problem(w, r, http.StatusForbidden, "The signed URL has expired.", nil)
		return false
	}
	return true
}

// exists tells whether the server knows of the blob's bytes at all. Some of
// the blobs that are gone are missed only one redirect later.
func (b *blob) exists() bool {
	switch b.fate {
	case fateUnavailable, fatePending:
		return false
	case fateGone:
		return b.key%3 == 2 && !b.named
	default:
		return true
	}
}

// missing is a 404, or a 410 for some of what was there once.
func (s *Server) missing(w http.ResponseWriter, r *http.Request, b *blob) {
	if b != nil && b.fate == fateGone && b.key%3 == 1 {
		problem(w, r, http.StatusGone, "The blob has expired.", nil)
		return
	}
	notFound(w, r, "The blob was not found.")
}

// permitted checks the parameters that narrow a request for a blob.
func (s *Server) permitted(w http.ResponseWriter, r *http.Request, p *plan, b *blob) bool {
	q := r.URL.Query()
	if id := q.Get("workflowId"); id != "" && id != p.id {
		notFound(w, r, "The workflow has no such blob.")
		return false
	}
	limit := q.Get("nsfwLevel")
	if limit == "" {
		return true
	}
	most := levelRank(limit)
	switch {
	case most == 0 && !strings.EqualFold(limit, "na"):
		invalid(w, r, http.StatusBadRequest, "nsfwLevel", "The value '"+limit+"' is not valid.")
		return false
	case levelRank(b.level) == 0 || levelRank(b.level) > most:
		problem(w, r, http.StatusForbidden, "The blob's NSFW level is above the one asked for, or unknown.", nil)
		return false
	}
	return true
}

func (s *Server) location(r *http.Request, f *faultState, b *blob, signed bool) string {
	if f.RedirectLoop {
		return r.URL.RequestURI()
	}
	path := "/v2/consumer/blobs/content/" + s.contentToken(r, b)
	if b.fate == fateBlocked || b.fate == fateLate || b.fate == fatePlaceholder || b.fate == fateByID && signed {
		path = "/v2/consumer/blobs/blocked/" + s.account.sealer.seal("blocked", b.id)
	}
	switch {
	case f.ContentHost != "":
		return strings.TrimSuffix(f.ContentHost, "/") + path
	case b.key>>8%2 == 0:
		return origin(r) + path
	default:
		return path
	}
}

// contentToken carries what the content's headers need to know.
func (s *Server) contentToken(r *http.Request, b *blob) string {
	q := r.URL.Query()
	download, _ := strconv.ParseBool(q.Get("download"))
	text := url.Values{"b": {b.id}}
	if name := q.Get("filename"); name != "" {
		text.Set("n", name)
	}
	if download {
		text.Set("d", "1")
	}
	return s.account.sealer.seal("content", text.Encode())
}

// refreshBlob answers the blob with a URL that is good for longer.
func (s *Server) refreshBlob(w *response, r *http.Request, _ *faultState) {
	p, b := s.account.blob(r.PathValue("id"))
	if p == nil || !b.exists() || b.fate == fateGone {
		s.missing(w, r, b)
		return
	}
	v := s.view(r)
	if s.opt.URLLife <= 0 {
		v.expires = expStamp(s.opt.Epoch.AddDate(0, 0, 220).Add(time.Second))
	}
	writeJSON(w, http.StatusOK, "application/json; charset=utf-8", v.append(nil, b))
}
