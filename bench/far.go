package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/url"
	"path/filepath"
	"strconv"
	"time"
)

const (
	// latency is how late every response of the far server is.
	latency = 80 * time.Millisecond
	// token is what the servers of this benchmark take for one; it opens nothing else.
	token = "bench-token-0123456789abcdef"
)

// far is an orchestrator at a distance: it gives the listing, redirects a blob's signed URL
// to its content, and serves that, each as late as the latency says (the API page, "Getting
// a blob's bytes").
type far struct {
	listing listing
	content map[string]string // path of the blob's bytes, by the token of its content URL
}

func newFar(l listing) *far {
	f := &far{listing: l, content: make(map[string]string, len(l.w.blobs))}
	for _, id := range l.w.blobs {
		f.content[seal("content", id)] = filepath.Join(l.w.dir, id)
	}
	return f
}

// handler serves the orchestrator.
func (f *far) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v2/consumer/workflows", f.list)
	mux.HandleFunc("GET /v2/consumer/blobs/{id}", f.redirect)
	mux.HandleFunc("GET /v2/consumer/blobs/content/{token}", f.serve)
	return mux
}

func (f *far) list(w http.ResponseWriter, r *http.Request) {
	if !authorized(r) {
		http.Error(w, "no token", http.StatusUnauthorized)
		return
	}
	from, _ := strconv.Atoi(r.FormValue("cursor"))
	take, err := strconv.Atoi(r.FormValue("take"))
	if err != nil {
		take = defaultTake
	}
	w.Header().Set("Content-Type", "application/json")
	// A client that has gone is no concern of the server.
	_ = json.NewEncoder(w).Encode(f.listing.page(max(from, 0), min(max(take, 1), maxTake)))
}

func (f *far) redirect(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("id")
	signed := r.FormValue("sig") == seal("blob", id+r.FormValue("exp"))
	if !signed && !authorized(r) {
		http.Error(w, "neither a signature nor a token", http.StatusForbidden)
		return
	}
	http.Redirect(w, r, "/v2/consumer/blobs/content/"+seal("content", id), http.StatusMovedPermanently)
}

func (f *far) serve(w http.ResponseWriter, r *http.Request) {
	token := r.PathValue("token")
	path, ok := f.content[token]
	if !ok {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("ETag", `"`+token[:16]+`"`)
	w.Header().Set("Content-Type", f.listing.w.mediaType())
	http.ServeFile(w, r, path)
}

func authorized(r *http.Request) bool { return r.Header.Get("Authorization") == "Bearer "+token }

// signed is the URL that a blob of a far workload is listed with.
func signed(api, id, expires string) string {
	return api + "/v2/consumer/blobs/" + id + "?sig=" + seal("blob", id+expires) + "&exp=" + url.QueryEscape(expires)
}

func seal(purpose, text string) string {
	mac := hmac.New(sha256.New, []byte(token+purpose))
	mac.Write([]byte(text))
	return hex.EncodeToString(mac.Sum(nil))
}

// delayed has every response begin late.
func delayed(next http.Handler, by time.Duration) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		late := time.NewTimer(by)
		defer late.Stop()
		select {
		case <-late.C:
			next.ServeHTTP(w, r)
		case <-r.Context().Done():
		}
	})
}
