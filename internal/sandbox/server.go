package sandbox

import (
	"crypto/subtle"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Server is the simulated orchestrator. It is an http.Handler and safe for
// use by many goroutines; New makes one.
type Server struct {
	opt         Options
	account     *account
	mux         *http.ServeMux
	faults      atomic.Pointer[faultState]
	stats       counters
	cache       *bytesCache
	sums        *sumCache
	shares      shares
	placeholder func() []byte
	broken      error
}

var _ http.Handler = (*Server)(nil)

// New makes a server for an account; see Options for the defaults.
func New(o Options) *Server {
	o = o.withDefaults()
	keys, err := newSealer(o.Seed)
	if err == nil && len(newCatalogue(o.Catalogue).ended) == 0 {
		err = fmt.Errorf("there is no catalogue %q", o.Catalogue)
	}
	s := &Server{
		opt: o, account: newAccount(o, keys), mux: http.NewServeMux(), broken: err,
		cache: newBytesCache(), sums: newSumCache(), placeholder: sync.OnceValue(placeholderJPEG),
	}
	s.SetFaults(o.Faults)
	s.routes()
	return s
}

// SetFaults replaces the faults in force and starts their counts anew.
func (s *Server) SetFaults(f Faults) { s.faults.Store(newFaultState(f)) }

// Add puts n newer workflows on top of the account.
func (s *Server) Add(n int) { s.account.state.add(n) }

// FinishProcessing ends every workflow still running: it becomes succeeded,
// its blobs deliverable, its completedAt now.
func (s *Server) FinishProcessing() { s.account.state.finish(s.opt.Now()) }

// Len is the number of workflows in the account now.
func (s *Server) Len() int { return s.account.state.len() }

// ServeHTTP answers as the API page says, unless a fault strikes.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if s.broken != nil {
		http.Error(w, s.broken.Error(), http.StatusInternalServerError)
		return
	}
	s.mux.ServeHTTP(w, r)
}

// handler answers one route. f holds the faults in force when the request
// arrived.
type handler func(w *response, r *http.Request, f *faultState)

func (s *Server) routes() {
	api := func(pattern string, k kind, h handler) { s.handle(pattern, k, s.authorized(s.opt.Token, h)) }
	api("GET /v2/consumer/workflows", kindListing, s.listWorkflows)
	api("GET /v2/consumer/workflows/{id}", kindByID, s.getWorkflow)
	api("GET /v2/consumer/workflows/{id}/steps/{name}", kindStep, s.getStep)
	api("GET /v1/consumer/jobs/{id}", kindJob, s.getJob)
	api("POST /v2/consumer/blobs/{id}/refresh", kindRefresh, s.refreshBlob)
	s.handle("GET /v1/manager/workflows", kindOther, s.authorized("", s.listForManager))
	s.handle("GET /v2/consumer/blobs/{id}", kindBlob, s.getBlob)
	s.handle("GET /v2/consumer/blobs/content/{token}", kindContent, s.getContent)
	s.handle("GET /v2/consumer/blobs/blocked/{token}", kindBlocked, s.getBlocked)
	s.handle("GET /v2/consumer/blobs/archive/{token}", kindArchive, s.getArchive)
	s.handle("GET /v2/consumer/streaming-blobs/{key}", kindTrace, s.getTrace)
	api("/", kindOther, elsewhere)
	s.controls()
}

// elsewhere answers what no other route does.
func elsewhere(w *response, r *http.Request, _ *faultState) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		problem(w, r, http.StatusMethodNotAllowed, "The sandbox accepts no work and changes none.", nil)
		return
	}
	notFound(w, r, "There is nothing at this path.")
}

// handle wraps a route in what all share: counting, waiting and faults.
func (s *Server) handle(pattern string, k kind, h handler) {
	s.mux.HandleFunc(pattern, func(rw http.ResponseWriter, r *http.Request) {
		f := s.faults.Load()
		w := &response{ResponseWriter: rw, server: s, kind: k}
		s.stats.request(k, r)
		s.countMinors(k, r)
		if s.leaks(k, r, f) {
			s.stats.leaks.Add(1)
		}
		defer func() { s.stats.answered(w.status) }()
		if !pause(r, f.Latency) || f.strike(w, r, k) {
			return
		}
		h(w, r, f)
	})
}

// leaks tells whether a token travelled where it has no business: to a URL
// that needs none, or to the other origin that stands for a foreign host.
func (s *Server) leaks(k kind, r *http.Request, f *faultState) bool {
	if r.Header.Get("Authorization") == "" {
		return false
	}
	return k == kindContent || k == kindBlocked || k == kindArchive || f.foreign(r.Host)
}

// authorized demands a bearer token: this one or the manager's.
func (s *Server) authorized(token string, h handler) handler {
	return func(w *response, r *http.Request, f *faultState) {
		switch given := bearer(r); {
		case given == "":
			unauthorized(w, r, "A bearer token is required.")
		case same(given, s.opt.ManagerToken), token != "" && same(given, token):
			h(w, r, f)
		case token == "" && same(given, s.opt.Token):
			problem(w, r, http.StatusForbidden, "This token may not use the manager API.", nil)
		default:
			unauthorized(w, r, "The token is invalid or has expired.")
		}
	}
}

func bearer(r *http.Request) string {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(token)
}

func same(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

// pause waits, and is false when the client left first.
func pause(r *http.Request, d time.Duration) bool {
	if d <= 0 {
		return true
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-r.Context().Done():
		return false
	}
}
