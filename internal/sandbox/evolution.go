package sandbox

import (
	"sync"
	"time"
)

// evolution is all that can change in an account: how many workflows there
// are, up to which number FinishProcessing ended them, and when, and what
// tests changed of single workflows and blobs, by id.
type evolution struct {
	mu       sync.RWMutex
	count    int
	finishes []finish // upTo strictly increasing
	changes  map[string]change
	changed  chan struct{}
}

type finish struct {
	upTo int
	at   time.Time
}

func newEvolution(count int) *evolution {
	return &evolution{count: count, changed: make(chan struct{})}
}

func (e *evolution) len() int {
	e.mu.RLock()
	defer e.mu.RUnlock()
	return e.count
}

// ended is when FinishProcessing ended workflow i; false if it did not.
func (e *evolution) ended(i int) (time.Time, bool) {
	e.mu.RLock()
	defer e.mu.RUnlock()
	for _, f := range e.finishes {
		if i < f.upTo {
			return f.at, true
		}
	}
	return time.Time{}, false
}

// next is closed at the next change.
func (e *evolution) next() <-chan struct{} {
	e.mu.RLock()
	defer e.mu.RUnlock()
	return e.changed
}

func (e *evolution) add(n int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.count += max(n, 0)
	e.announce()
}

func (e *evolution) finish(at time.Time) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if n := len(e.finishes); n == 0 || e.finishes[n-1].upTo < e.count {
		e.finishes = append(e.finishes, finish{e.count, at})
	}
	e.announce()
}

func (e *evolution) announce() {
	close(e.changed)
	e.changed = make(chan struct{})
}
