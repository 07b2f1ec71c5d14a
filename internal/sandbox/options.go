package sandbox

import "time"

// Defaults of Options.
const (
	DefaultWorkflows    = 200
	DefaultToken        = "sandbox-token"
	DefaultManagerToken = "sandbox-manager-token"
	DefaultSpan         = 28 * 24 * time.Hour
	DefaultTinyBlobs    = 4
)

// CatalogueLevels is the catalogue in which every level of a workflow meets every level
// of a blob and every fate, and in which blobs are blocked for showing minors.
const CatalogueLevels = "levels"

// UserID is the user every account belongs to; it opens most workflow ids.
const UserID = 8484131

// DefaultEpoch is the creation time of the newest workflow unless
// Options.Epoch says otherwise. It is fixed so that accounts are reproducible.
func DefaultEpoch() time.Time {
	return time.Date(2026, time.November, 20, 12, 0, 0, 0, time.UTC)
}

// Options describes an account and the server that shows it. The zero value
// is the default account: 200 workflows of seed 1.
type Options struct {
	// Workflows is the number of workflows at the start; below zero means none.
	Workflows int
	// Seed chooses the account. Zero means 1.
	Seed int64
	// Token is the bearer token the consumer API accepts.
	Token string
	// ManagerToken is the one for /v1/manager; it also opens the consumer API.
	ManagerToken string
	// Catalogue names the kinds of workflows: "" for all that the API page tells of, or
	// [CatalogueLevels]. With another one, Workflows is by default one of each kind.
	Catalogue string
	// Tiny makes every workflow a succeeded imageGen with TinyBlobs
	// deliverable PNGs of less than 200 bytes, for tests of scale.
	Tiny bool
	// TinyBlobs is the number of blobs of a tiny workflow.
	TinyBlobs int
	// Large makes every workflow a succeeded training with one deliverable model of
	// so many bytes, which are made as they are read.
	Large int64
	// Epoch is when the newest of the first Workflows was created.
	Epoch time.Time
	// Span is how far the oldest lies before Epoch. It is stretched to at
	// least 5 ms a workflow, since ids carry milliseconds.
	Span time.Duration
	// Now is the server's clock; it decides when signed URLs expire.
	Now func() time.Time
	// URLLife is how long a signed URL is good for from the moment it is
	// handed out. Zero means a fixed instant far in the future, which keeps
	// listings byte-identical between restarts.
	URLLife time.Duration
	// Faults are those in force from the start.
	Faults Faults
}

func (o Options) withDefaults() Options {
	if o.Workflows == 0 {
		o.Workflows = DefaultWorkflows
		if o.Catalogue != "" {
			o.Workflows = len(newCatalogue(o.Catalogue).ended)
		}
	}
	o.Workflows = max(o.Workflows, 0)
	if o.Seed == 0 {
		o.Seed = 1
	}
	if o.Token == "" {
		o.Token = DefaultToken
	}
	if o.ManagerToken == "" {
		o.ManagerToken = DefaultManagerToken
	}
	if o.TinyBlobs <= 0 {
		o.TinyBlobs = DefaultTinyBlobs
	}
	if o.Epoch.IsZero() {
		o.Epoch = DefaultEpoch()
	}
	o.Epoch = o.Epoch.UTC().Truncate(time.Millisecond)
	if o.Span <= 0 {
		o.Span = DefaultSpan
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return o
}
