package sandbox

import (
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

// Faults are the ways a server can be made to misbehave. The zero value is
// none. A field named Every, and the content faults documented as "each Nth",
// count matching requests over the whole server since SetFaults and strike
// each Nth, but never one request twice in a row: trying again succeeds.
type Faults struct {
	// Latency passes before every answer. In JSON it is nanoseconds.
	Latency time.Duration `json:"latency,omitempty"`

	// Every429 answers each Nth API call with 429; Blob429 does so for blob
	// redirects and content.
	Every429 int `json:"every429,omitempty"`
	Blob429  int `json:"blob429,omitempty"`
	// RetryAfter is what a 429 says, in seconds; zero means 1, below zero
	// leaves the header out. RetryDate writes it as an HTTP date.
	RetryAfter int  `json:"retryAfter,omitempty"`
	RetryDate  bool `json:"retryDate,omitempty"`
	// Every5xx answers each Nth request of any kind with, in turn, a 500 of
	// problem details, a 503 of plain text, a 500 of HTML and the 502 page of
	// an edge proxy.
	Every5xx int `json:"every5xx,omitempty"`
	// EveryReset cuts the connection of each Nth request of any kind, with a
	// TCP reset and no answer.
	EveryReset int `json:"everyReset,omitempty"`
	// Unauthorized answers everything with 401, Forbidden with 403.
	Unauthorized bool `json:"unauthorized,omitempty"`
	Forbidden    bool `json:"forbidden,omitempty"`
	// DownAfter is how many pages of workflows are answered before the whole
	// server answers 503 for good; below zero it is down at once.
	DownAfter int `json:"downAfter,omitempty"`

	// NextCursorName writes the cursor as nextCursor.
	NextCursorName bool `json:"nextCursorName,omitempty"`
	// RepeatCursor makes the last page answer the cursor that led to it.
	RepeatCursor bool `json:"repeatCursor,omitempty"`
	// EmptyPages puts an empty page with a cursor before every page.
	EmptyPages bool `json:"emptyPages,omitempty"`
	// ExpireListed hands out listings whose URLs have expired already, as if
	// the page had been read long ago; single reads carry fresh ones.
	ExpireListed bool `json:"expireListed,omitempty"`
	// BareArray makes the manager API answer an array, as older deployments
	// do; ManagerTake is its largest Take where that is not 100.
	BareArray   bool `json:"bareArray,omitempty"`
	ManagerTake int  `json:"managerTake,omitempty"`

	// TruncateContent closes each Nth content response after half its bytes;
	// StallContent stops there and stays open until the client leaves.
	TruncateContent int `json:"truncateContent,omitempty"`
	StallContent    int `json:"stallContent,omitempty"`
	// HTMLContent answers each Nth content request with an error page and 200.
	HTMLContent int `json:"htmlContent,omitempty"`
	// ChangeEntity gives each Nth ranged request another ETag, so that an
	// If-Range fails and the whole content follows. The bytes stay the same.
	ChangeEntity int `json:"changeEntity,omitempty"`
	// IgnoreRange answers each Nth ranged request with the whole, though the
	// server says that it takes ranges. OtherRange answers it with a part
	// that begins a byte later than the one asked for, and says so.
	IgnoreRange int `json:"ignoreRange,omitempty"`
	OtherRange  int `json:"otherRange,omitempty"`
	// ContentPerBlob is how many content responses a blob has at once; one
	// more is answered with 403.
	ContentPerBlob int `json:"contentPerBlob,omitempty"`
	// NoLength sends content chunked, NoRanges ignores Range, GzipContent
	// compresses whatever the client accepts.
	NoLength    bool `json:"noLength,omitempty"`
	NoRanges    bool `json:"noRanges,omitempty"`
	GzipContent bool `json:"gzipContent,omitempty"`
	// BytesPerSecond limits each content response.
	BytesPerSecond int `json:"bytesPerSecond,omitempty"`
	// ContentHost is an origin such as http://localhost:8080 that redirects
	// lead to. It must reach this server; a token sent there is a leak.
	ContentHost string `json:"contentHost,omitempty"`
	// RedirectLoop makes a blob's redirect lead to itself.
	RedirectLoop bool `json:"redirectLoop,omitempty"`
}

// faultKind names the faults that strike each Nth request.
type faultKind int

const (
	fault429 faultKind = iota
	faultBlob429
	fault5xx
	faultReset
	faultTruncate
	faultStall
	faultHTML
	faultEntity
	faultIgnoreRange
	faultOtherRange
	faultKinds
)

// faultState is Faults with their counts.
type faultState struct {
	Faults
	host   string // of ContentHost
	mu     sync.Mutex
	pages  int
	counts [faultKinds]int
	errors int
	struck [faultKinds]map[string]bool
}

// struckLimit bounds the memory of requests that a fault has struck.
const struckLimit = 8192

func newFaultState(f Faults) *faultState {
	s := &faultState{Faults: f}
	if at, err := url.Parse(f.ContentHost); err == nil {
		s.host = at.Host
	}
	for i := range s.struck {
		s.struck[i] = map[string]bool{}
	}
	return s
}

// foreign tells whether a host is the one that stands for somebody else's.
func (f *faultState) foreign(host string) bool {
	return f.host != "" && strings.EqualFold(f.host, host)
}

// due counts a request and tells whether a fault strikes it.
func (f *faultState) due(what faultKind, every int, r *http.Request) bool {
	if every <= 0 {
		return false
	}
	key := r.Method + r.URL.Path + r.URL.Query().Get("cursor")
	f.mu.Lock()
	defer f.mu.Unlock()
	f.counts[what]++
	if f.struck[what][key] {
		delete(f.struck[what], key)
		return false
	}
	if f.counts[what]%every != 0 {
		return false
	}
	if len(f.struck[what]) >= struckLimit {
		clear(f.struck[what])
	}
	f.struck[what][key] = true
	return true
}

// down counts the pages answered and tells when there are no more.
func (f *faultState) down(k kind) bool {
	if f.DownAfter == 0 {
		return false
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.DownAfter < 0 || f.pages >= f.DownAfter {
		return true
	}
	if k == kindListing {
		f.pages++
	}
	return false
}
