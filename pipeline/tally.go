package pipeline

import (
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"civitar/fetch"
	"civitar/manifest"
)

// Failure is the kind of fault that made a blob fail, for the hint that goes with it.
type Failure string

// The kinds of failures.
const (
	Unreachable  Failure = "unreachable" // 5xx, broken connections, no answer
	RateLimited  Failure = "rate limited"
	Unauthorized Failure = "unauthorized"
	Refused      Failure = "refused" // the request itself is at fault
	Unsafe       Failure = "unsafe"  // a URL that is not followed
	BadContent   Failure = "bad content"
	Other        Failure = "other"
)

func failureOf(err error) Failure {
	switch {
	case errors.Is(err, errEmpty), errors.Is(err, errWebPage), errors.Is(err, fetch.ErrTooLarge):
		return BadContent
	case errors.Is(err, fetch.ErrUnauthorized):
		return Unauthorized
	case errors.Is(err, fetch.ErrRateLimited):
		return RateLimited
	case errors.Is(err, fetch.ErrUnsafeURL):
		return Unsafe
	case errors.Is(err, fetch.ErrUnavailable):
		return Unreachable
	case errors.Is(err, errRefused), errors.Is(err, fetch.ErrInvalid), errors.Is(err, fetch.ErrForbidden), errors.Is(err, fetch.ErrConflict):
		return Refused
	}
	return Other
}

// Tally counts a run as it goes. Its zero value is ready; any goroutine may read it.
type Tally struct {
	pages, workflows, open, missing atomic.Int64
	unasked                         atomic.Int64
	seen, known, unfinished         atomic.Int64
	states                          [6]atomic.Int64 // as in manifest.States
	transfers, received, kept       atomic.Int64    // kept: bytes
	workers, brought                atomic.Int64    // transfers allowed at once; transfers ended since the last look
	listed, interrupted             atomic.Bool

	mu       sync.Mutex
	failures map[Failure]int64
}

// Progress is a look at a run that goes on. Sizes are in bytes.
type Progress struct {
	Pages     int64 `json:"pages"`
	Workflows int64 `json:"workflows"`
	Found     int64 `json:"found"`              // blobs
	Done      int64 `json:"done"`               // blobs that have ended
	Failed    int64 `json:"failed"`             // of those
	Transfers int64 `json:"transfers"`          // in flight
	Workers   int64 `json:"workers"`            // as many may be
	Received  int64 `json:"received"`           // bytes, those of broken transfers included
	Listed    bool  `json:"listed"`             // the listing has ended: Found grows no more
	Stopping  bool  `json:"stopping,omitempty"` // no new work is taken in
}

// Progress looks at the run.
func (t *Tally) Progress() Progress {
	p := Progress{
		Pages: t.pages.Load(), Workflows: t.workflows.Load(), Failed: t.state(manifest.Failed).Load(),
		Transfers: t.transfers.Load(), Workers: t.workers.Load(), Received: t.received.Load(), Listed: t.listed.Load(), Stopping: t.interrupted.Load(),
		Done: t.known.Load() + t.unfinished.Load(),
	}
	for i := range t.states {
		p.Done += t.states[i].Load()
	}
	p.Found = t.seen.Load()
	return p
}

func (t *Tally) state(s manifest.State) *atomic.Int64 {
	for i, is := range manifest.States() {
		if is == s {
			return &t.states[i]
		}
	}
	return &atomic.Int64{}
}

// count takes in the end of a blob.
func (t *Tally) count(o outcome) {
	switch {
	case o.unfinished:
		t.unfinished.Add(1)
	case o.known:
		t.known.Add(1)
	default:
		t.state(o.blob.State).Add(1)
	}
	if o.blob.State == manifest.Kept && !o.known {
		t.kept.Add(o.blob.Size)
	}
	if o.failure != "" {
		t.mu.Lock()
		defer t.mu.Unlock()
		if t.failures == nil {
			t.failures = map[Failure]int64{}
		}
		t.failures[o.failure]++
	}
}

// Summary is what a run did. Seen is the sum of the seven states that follow it; of the
// pending blobs, Unfinished are those that the run was stopped before. Bytes are those of
// the blobs kept by this run.
type Summary struct {
	Run         string            `json:"run"`
	Started     time.Time         `json:"started"`
	Seconds     float64           `json:"seconds"`
	Workflows   int64             `json:"workflows"`
	Open        int64             `json:"open"`              // workflows that have not ended
	Missing     int64             `json:"missing,omitempty"` // workflows asked for by id, not there
	Unasked     int64             `json:"unasked,omitempty"` // workflows that could not be asked about
	Seen        int64             `json:"seen"`
	Kept        int64             `json:"kept"`
	Known       int64             `json:"known"` // kept by an earlier run
	Skipped     int64             `json:"skipped"`
	Withheld    int64             `json:"withheld"`
	Gone        int64             `json:"gone"`
	Failed      int64             `json:"failed"`
	Pending     int64             `json:"pending"`
	Unfinished  int64             `json:"unfinished,omitempty"`
	Bytes       int64             `json:"bytes"`
	Received    int64             `json:"received"` // bytes that came, those of broken transfers included
	Interrupted bool              `json:"interrupted,omitempty"`
	Failures    map[Failure]int64 `json:"failures,omitempty"`
}

func (t *Tally) summary(id string, started, ended time.Time) Summary {
	of := func(s manifest.State) int64 { return t.state(s).Load() }
	s := Summary{
		Run: id, Started: started.UTC(), Seconds: ended.Sub(started).Seconds(),
		Workflows: t.workflows.Load(), Open: t.open.Load(), Missing: t.missing.Load(), Unasked: t.unasked.Load(),
		Seen: t.seen.Load(), Known: t.known.Load(), Kept: of(manifest.Kept), Skipped: of(manifest.Skipped),
		Withheld: of(manifest.Withheld), Gone: of(manifest.Gone), Failed: of(manifest.Failed),
		Unfinished: t.unfinished.Load(), Bytes: t.kept.Load(), Received: t.received.Load(),
		Interrupted: t.interrupted.Load(),
	}
	// A run cut off hard leaves blobs that no stage could report any more.
	s.Pending = s.Seen - s.Known - s.Kept - s.Skipped - s.Withheld - s.Gone - s.Failed
	s.Unfinished = s.Pending - of(manifest.Pending)
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.failures) > 0 {
		s.Failures = make(map[Failure]int64, len(t.failures))
		for k, n := range t.failures {
			s.Failures[k] = n
		}
	}
	return s
}
