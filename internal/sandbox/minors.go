package sandbox

import (
	"net/http"
	"net/url"
	"strings"
)

// minors tells whether the blob is blocked for showing minors.
func (b *blob) minors() bool {
	reason := strings.ToLower(b.reason)
	for _, word := range []string{"minor", "child", "csam", "underage", "young"} {
		if strings.Contains(reason, word) {
			return true
		}
	}
	return false
}

// refuses tells whether a late blob's refusal of a request for it is in words. By id it
// always is a refusal, but not always with the reason.
func (b *blob) refuses(signed bool) (refused, inWords bool) {
	if b.fate != fateLate {
		return false, false
	}
	if signed {
		return b.key%2 == 1, true
	}
	return true, b.key%3 != 0
}

// withhold answers a request for a late blob, in words or without.
func withhold(w http.ResponseWriter, r *http.Request, b *blob, inWords bool) {
	detail := "You do not have permission to do this."
	if inWords {
		detail = "The blob is blocked: " + b.reason
	}
	problem(w, r, http.StatusForbidden, detail, nil)
}

// countMinors counts a request for a blob that is blocked for showing minors, or for its
// preview, whatever the answer is going to be.
func (s *Server) countMinors(k kind, r *http.Request) {
	if !s.account.hasMinors() {
		return
	}
	_, b := s.account.blob(s.blobAsked(k, r))
	switch {
	case b == nil || !b.minors():
	case b.fate == fateLate:
		s.stats.lateMinors.Add(1)
	default:
		s.stats.minors.Add(1)
	}
}

// hasMinors spares most accounts the work of looking.
func (a *account) hasMinors() bool { return a.recipes.minors || a.state.altered() }

// blobAsked is the id of the blob that a request is about, also where a token hides it.
func (s *Server) blobAsked(k kind, r *http.Request) string {
	switch k {
	case kindBlob, kindRefresh:
		return r.PathValue("id")
	case kindBlocked:
		id, _ := s.account.sealer.open("blocked", r.PathValue("token"))
		return id
	case kindContent:
		text, _ := s.account.sealer.open("content", r.PathValue("token"))
		what, _ := url.ParseQuery(text)
		return what.Get("b")
	default:
		return ""
	}
}
