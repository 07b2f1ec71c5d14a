package sandbox

import (
	"net/http"
	"sync"
	"sync/atomic"
)

// kind is what a request is for.
type kind int

const (
	kindListing kind = iota
	kindByID
	kindRefresh
	kindJob
	kindStep
	kindOther
	kindBlob
	kindContent
	kindBlocked
	kindArchive
	kindTrace
	kinds
)

// api tells the calls of the API proper from those that lead to bytes.
func (k kind) api() bool { return k <= kindOther }

// Stats counts what a server was asked since its start. The paths under
// /_sandbox/ are not counted.
type Stats struct {
	Listing       int64         `json:"listing"`       // pages of workflows
	ByID          int64         `json:"byId"`          // single workflows
	Refresh       int64         `json:"refresh"`       // blob URLs renewed
	Job           int64         `json:"job"`           // jobs
	Step          int64         `json:"step"`          // single steps
	OtherAPI      int64         `json:"otherApi"`      // everything else with a token, HEAD of blobs included
	BlobRedirects int64         `json:"blobRedirects"` // GET of blobs, signed or by id
	Content       int64         `json:"content"`       // requests for bytes, ranged ones included
	ContentBytes  int64         `json:"contentBytes"`  // body bytes sent for those
	Ranges        int64         `json:"ranges"`        // those of them that asked for a part
	Blocked       int64         `json:"blocked"`       // placeholders asked for
	Archive       int64         `json:"archive"`       // archives asked for
	Trace         int64         `json:"trace"`         // logs asked for
	Status        map[int]int64 `json:"status"`        // answers by status; 0 is a connection cut before one
	TokenLeaks    int64         `json:"tokenLeaks"`    // requests that carried a token where none belongs

	// Minors counts requests of any sort for blobs whose blockedReason names minors, and
	// for their previews. LateMinors are those of which the listing does not tell it.
	Minors     int64 `json:"minors"`
	LateMinors int64 `json:"lateMinors"`
}

type counters struct {
	asked      [kinds]atomic.Int64
	bytes      atomic.Int64
	ranges     atomic.Int64
	leaks      atomic.Int64
	minors     atomic.Int64 // of which the listing told
	lateMinors atomic.Int64
	mu         sync.Mutex
	status     map[int]int64
}

func (c *counters) request(k kind, r *http.Request) {
	if k == kindBlob && r.Method == http.MethodHead {
		k = kindOther
	}
	c.asked[k].Add(1)
	if k == kindContent && r.Header.Get("Range") != "" {
		c.ranges.Add(1)
	}
}

func (c *counters) answered(status int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.status == nil {
		c.status = map[int]int64{}
	}
	c.status[status]++
}

// Stats is a copy of the counters as they stand.
func (s *Server) Stats() Stats {
	c := &s.stats
	of := func(k kind) int64 { return c.asked[k].Load() }
	out := Stats{
		Listing: of(kindListing), ByID: of(kindByID), Refresh: of(kindRefresh), Job: of(kindJob),
		Step: of(kindStep), OtherAPI: of(kindOther), BlobRedirects: of(kindBlob), Content: of(kindContent),
		ContentBytes: c.bytes.Load(), Ranges: c.ranges.Load(), Blocked: of(kindBlocked), Archive: of(kindArchive), Trace: of(kindTrace),
		Status: map[int]int64{}, TokenLeaks: c.leaks.Load(),
		Minors: c.minors.Load(), LateMinors: c.lateMinors.Load(),
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for status, n := range c.status {
		out.Status[status] = n
	}
	return out
}

// response remembers what was sent, for the counters.
type response struct {
	http.ResponseWriter
	server *Server
	kind   kind
	status int
}

func (w *response) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *response) Write(p []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	n, err := w.ResponseWriter.Write(p)
	if w.kind == kindContent {
		w.server.stats.bytes.Add(int64(n))
	}
	return n, err
}

// Unwrap lets http.ResponseController find Flush and Hijack.
func (w *response) Unwrap() http.ResponseWriter { return w.ResponseWriter }
