package pipeline

import (
	"context"
	"sync"
	"time"
)

// slots bound how many do something at once. The bound can change.
type slots struct {
	mu    sync.Mutex
	limit int
	used  int
	peak  int           // the most used at once since the last look
	freed chan struct{} // closed when one may be free; nil while nobody waits

	waiting  int // those who wait for one
	yielding int // those who have said that they give one
}

func newSlots(limit int) *slots { return &slots{limit: limit} }

// take takes a slot, once one is free. Its error is the context's.
func (s *slots) take(ctx context.Context) error {
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		s.mu.Lock()
		if s.used < s.limit {
			s.used++
			s.peak = max(s.peak, s.used)
			s.mu.Unlock()
			return nil
		}
		if s.freed == nil {
			s.freed = make(chan struct{})
		}
		freed := s.freed
		s.waiting++
		s.mu.Unlock()
		select {
		case <-freed:
		case <-ctx.Done():
		}
		s.mu.Lock()
		s.waiting--
		s.mu.Unlock()
	}
}

func (s *slots) give() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.used--
	s.yielding = max(s.yielding-1, 0)
	s.wake()
}

// spare tells whether there is a slot that nobody wants.
func (s *slots) spare() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.used < s.limit && s.waiting == 0
}

// takeSpare takes a slot that nobody wants, if there is one.
func (s *slots) takeSpare() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.used >= s.limit || s.waiting > 0 {
		return false
	}
	s.used++
	s.peak = max(s.peak, s.used)
	return true
}

// yield tells one who can do without a slot whether it is wanted; it has to be given then.
func (s *slots) yield() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.waiting+max(s.used-s.limit, 0) <= s.yielding {
		return false
	}
	s.yielding++
	return true
}

func (s *slots) wake() {
	if s.freed != nil {
		close(s.freed)
		s.freed = nil
	}
}

func (s *slots) set(limit int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.limit = limit
	s.wake()
}

// look tells the bound, and whether it was what held things up since the last look.
func (s *slots) look() (limit int, reached bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	reached = s.peak >= s.limit
	s.peak = s.used
	return s.limit, reached
}

const (
	// tuneEvery is how long a number of transfers is tried before it is judged.
	tuneEvery = 250 * time.Millisecond
	// tuneGain is the least by which more transfers must bring more, to be worth it.
	tuneGain = 1.05
	// tuneRest is for how many looks a number that brought nothing is not tried again.
	tuneRest = 40
)

// tuner finds the number of transfers at once: it raises it while that brings more, takes
// the last step back when it does not, and halves it when the server asks for less.
type tuner struct {
	least, most int
	limit       int
	best        float64 // what the limit before the last step brought, a second
	before      int     // that limit
	rest        int     // looks until the next step up
}

// next is the limit after a look: what came in a second, whether all transfers were under
// way, and whether the server asked for less or failed.
func (t *tuner) next(rate float64, reached, strained bool) int {
	if t.rest > 0 {
		t.rest--
	}
	switch {
	case strained:
		t.limit, t.best, t.before, t.rest = max(t.limit/2, t.least), 0, 0, tuneRest
	case !reached:
	case t.before > 0 && rate < t.best*tuneGain:
		t.limit, t.before, t.best, t.rest = t.before, 0, 0, tuneRest
	case t.rest == 0 && t.limit < t.most:
		t.before, t.best = t.limit, rate
		t.limit = min(t.limit+max(t.limit/2, 1), t.most)
	}
	return t.limit
}

// tune adapts the number of transfers until the context ends.
func (r *run) tune(ctx context.Context) {
	tick := time.NewTicker(tuneEvery)
	defer tick.Stop()
	t := &tuner{least: 2, most: r.MaxWorkers, limit: startWorkers}
	last := r.Tally.Progress()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		now := r.Tally.Progress()
		was, reached := r.transfers.look()
		// Bytes count where blobs are large, blobs where they are small.
		rate := float64(now.Received-last.Received)/(64<<10) + float64(r.Tally.brought.Swap(0))
		strained := now.Failed > last.Failed || r.Strained()
		last = now
		limit := t.next(rate, reached, strained)
		if limit == was {
			continue
		}
		r.transfers.set(limit)
		r.resolutions.set(limit)
		r.Tally.workers.Store(int64(limit))
		r.Logger.Debug("transfers at once", "now", limit, "before", was, "rate", rate, "strained", strained)
	}
}
