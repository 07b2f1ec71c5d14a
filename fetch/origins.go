package fetch

import (
	"net/url"
	"strconv"
	"sync"
)

// origins remembers hosts that serve bytes at a blob's own address, so that they need
// not be asked for a redirect again.
type origins struct {
	mu   sync.Mutex
	host map[string]bool
}

const maxOrigins = 64

func (o *origins) serves(u *url.URL) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.host[originOf(u)]
}

func (o *origins) learn(u *url.URL) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.host == nil || len(o.host) >= maxOrigins {
		o.host = make(map[string]bool)
	}
	o.host[originOf(u)] = true
}

func (o *origins) forget(u *url.URL) {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.host, originOf(u))
}

// originOf keeps sorts of addresses apart: that a host streams archives at once says
// nothing about its blobs.
func originOf(u *url.URL) string {
	return strconv.Itoa(int(placeOf(u))) + " " + u.Scheme + "://" + hostPort(u)
}
