package sandbox

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
)

// bend makes of a ranged request what a fault makes of it.
func (f *faultState) bend(r *http.Request) {
	asked := r.Header.Get("Range")
	if asked == "" {
		return
	}
	var first int64
	switch {
	case f.due(faultIgnoreRange, f.IgnoreRange, r):
		r.Header.Del("Range")
	case f.due(faultOtherRange, f.OtherRange, r):
		if _, err := fmt.Sscanf(asked, "bytes=%d-", &first); err == nil {
			_, last, _ := strings.Cut(asked, "-")
			r.Header.Set("Range", fmt.Sprintf("bytes=%d-%s", first+1, last))
		}
	}
}

// shares counts the content responses of each blob that are under way.
type shares struct {
	mu    sync.Mutex
	count map[string]int
}

// take counts one more, if there are fewer than most, and returns what counts it off again.
func (s *shares) take(id string, most int) (give func(), ok bool) {
	if most <= 0 {
		return func() {}, true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.count[id] >= most {
		return nil, false
	}
	if s.count == nil {
		s.count = map[string]int{}
	}
	s.count[id]++
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.count[id]--; s.count[id] == 0 {
			delete(s.count, id)
		}
	}, true
}
