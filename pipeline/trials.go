package pipeline

import (
	"sync"
	"time"
)

const (
	// judgeEvery is how long a number of connections is tried before it is judged. New ones
	// take some round trips to come up to speed.
	judgeEvery = time.Second
	// worthwhile is for how many times that a blob must be expected to go on yet for another
	// connection to be worth it.
	worthwhile = 2
	// enough is what a run brings in a second without another connection being tried: there
	// it is disks and processors that hold it up.
	enough = 128 << 20
	// After a trial in vain there is none for restLeast, after another for twice as long, and
	// so on up to restMost: each costs a connection, and some bytes that come twice.
	restLeast = 10 * time.Second
	restMost  = 5 * time.Minute
)

// trials are what the blobs of a run learn from each other about several connections.
type trials struct {
	mu    sync.Mutex
	rest  time.Duration
	until time.Time
}

// due tells whether another connection may be tried.
func (s *trials) due() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !time.Now().Before(s.until)
}

// vain takes in that one brought nothing.
func (s *trials) vain() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rest = min(max(2*s.rest, restLeast), restMost)
	s.until = time.Now().Add(s.rest)
}

// paid takes in that one brought more.
func (s *trials) paid() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rest = 0
}

// judge is how many connections there may be after a look: one more as long as that brings
// more. What comes in a second is the whole run's, since what a connection takes from other
// blobs is no gain.
func (t *team) judge(rate int64, worth bool) int {
	before := t.before
	t.before = 0
	switch {
	case t.limit > 1 && t.Strained():
		t.trials.vain()
		return max(t.alive/2, 1)
	case t.strained:
		t.trials.vain()
		return max(t.alive, 1)
	case t.alive < t.limit: // some broke, or have given up their slots
		return max(t.alive, 1)
	case before > 0 && float64(rate) < float64(before)*tuneGain:
		t.trials.vain()
		return t.limit - 1
	case before > 0:
		t.trials.paid()
	}
	if t.limit < t.most && worth && rate < enough && t.transfers.spare() && t.trials.due() && !t.Strained() {
		t.before = max(rate, 1)
		return t.limit + 1
	}
	return t.limit
}
