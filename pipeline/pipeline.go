// Package pipeline is the main job: it lists workflows, expands them to blobs, resolves
// where each blob's bytes are, downloads them, and records what became of every one.
//
//	        page              workflow            blob              content URL       bytes, sha256
//	list ────────► expand ────────────► resolve ────────► download ────────────► record
//
// The stages are goroutines in one errgroup, joined by bounded channels; memory does not
// grow with the listing. [Run] starts them and returns when all of them have ended.
//
//   - list (list.go) walks pages from the newest workflow down and jumps over what earlier
//     runs have covered (coverage.go); then it asks again, by id, for the workflows that
//     had not ended.
//   - expand (expand.go) asks the record what is known, asks the policy what is to be done
//     with each blob, and hands on what has to be fetched.
//   - resolve (resolve.go) runs ahead of the transfers, so that none of them waits for a
//     redirect.
//   - download (download.go) streams the bytes once, to the sink and through the hash, and
//     resumes where a connection broke. A large blob comes over several connections where
//     that is faster (team.go, parts.go).
//   - record (record.go) is one goroutine. It makes groups of files durable, then their
//     lines in the journal, and only then moves the coverage past a page.
//
// What is kept, package policy says; how it is filed (names, trees, encryption, and what
// stands beside a file), filing.go. [Fetch] is the download of a single blob, for who
// wants that and no archive; [Survey] tells what a run would do; a [Look] is a run that only
// looks for what is new (look.go), and a [Follower] goes on with round after round (follow.go).
//
// The package knows no HTTP and no file paths beyond the names it gives to results; it
// joins fetch, sink and manifest through the interfaces below.
package pipeline

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/time/rate"

	"civitar/fetch"
	"civitar/layout"
	"civitar/manifest"
	"civitar/policy"
	"civitar/sink"
)

// Source is what a run asks of the orchestrator. [*fetch.Client] is one; its errors decide
// what becomes of a blob.
type Source interface {
	Lister
	Opener
}

// Lister finds workflows.
type Lister interface {
	Pages(context.Context, fetch.Query) iter.Seq2[*fetch.Page, error]
	Workflow(context.Context, fetch.WorkflowID) (*fetch.Workflow, error)
}

// Opener finds and opens a blob's bytes.
type Opener interface {
	Resolve(context.Context, fetch.Blob) (fetch.Location, error)
	Renew(context.Context, fetch.Blob) (fetch.Location, error)
	Open(context.Context, fetch.Location, fetch.Resume) (*fetch.Body, error)
}

// Sink is where bytes come to rest. [*sink.Dir] is one.
type Sink interface {
	Begin(key string) (sink.Writer, error)
	BeginSealed(key string) (sink.Writer, error)
	Discard(key string) error
	Commit(context.Context, []sink.File) error
	// Retire notes files that the record is about to let go of, and Release removes them
	// unless it still speaks of them: a crash in between leaves nothing behind.
	Retire(paths []string) error
	Release(ctx context.Context, recorded func(context.Context, []string) (map[string]bool, error)) error
}

// Record is what a run asks of the archive's record, and tells it. [*manifest.Manifest]
// is one.
type Record interface {
	Known(ctx context.Context, ids []string) (map[string]*manifest.Known, error)
	Taken(ctx context.Context, folded []string) (map[string]manifest.Key, error)
	Coverage(ctx context.Context, scope string) ([]manifest.Span, error)
	Revisit(ctx context.Context, scope, run, after string, n int) ([]string, error)
	Recorded(ctx context.Context, paths []string) (map[string]bool, error)
	Append(context.Context, []manifest.Line) error
}

var (
	_ Source = (*fetch.Client)(nil)
	_ Sink   = (*sink.Dir)(nil)
	_ Record = (*manifest.Manifest)(nil)
)

// Config is what a run needs. The zero values of the numbers mean the defaults named.
type Config struct {
	Source Source
	Sink   Sink
	Record Record

	Filter Filter
	Policy policy.Policy
	Filing Filing
	// IDs, when set, names the workflows instead of the listing.
	IDs iter.Seq2[fetch.WorkflowID, error]
	// Limit is the most workflows that are listed; 0 is no limit. A limited run neither
	// uses nor moves the coverage.
	Limit int
	// Full lists everything and asks again for what the server withheld or had lost.
	Full bool
	// Look, when set, makes the run a look at what may be new.
	Look *Look
	// Linger, unless it is 0, is how often the run looks again at what is new while its
	// transfers go on.
	Linger time.Duration
	// Mend fetches again what the record holds for failed, whatever the policy, and nothing
	// else.
	Mend bool
	// PageSize is the number of workflows a page; 0 leaves it to the server.
	PageSize int

	// Workers is how many transfers there are at once, and as many blobs are resolved ahead
	// of them. 0 finds out how many pay, up to MaxWorkers (32).
	Workers    int
	MaxWorkers int
	// Segments is how many connections may bring one large blob together, while there are
	// transfers to spare. 0 and 1 are one.
	Segments int
	// Strained tells that the server asks for a slower pace; nil never does.
	Strained func() bool

	Tries     int   // tries of a transfer that makes no headway (5)
	Bandwidth int64 // bytes a second, all transfers together; 0 is no limit

	// Drain, when it closes, ends the taking in of new work. Transfers in flight go on
	// for Grace (10 s), then they are cut off; what they have is kept for the next run.
	Drain <-chan struct{}
	Grace time.Duration

	// ID names the run in the journal.
	ID string
	// Now is the clock; nil is time.Now.
	Now    func() time.Time
	Logger *slog.Logger
	// Observe is called for each blob after its state is durable, from one goroutine.
	Observe func(Event)
	// Tally is counted up as the run goes on, for those who watch; nil makes one.
	Tally *Tally
}

// Event tells what became of a blob.
type Event struct {
	Blob  manifest.Blob
	Kind  policy.Kind // "" where the listing does not tell
	Known bool        // an earlier run had kept it
	Same  bool        // the record has said so before
}

// ErrOutage is wrapped when the run stopped because the server had gone: what was not
// reached is pending.
var ErrOutage = errors.New("the server cannot be reached any more")

// ErrListing is wrapped when the listing broke off: what was listed until then is
// archived, the rest was not seen.
var ErrListing = errors.New("the listing broke off")

const (
	// startWorkers is how many transfers there are at first where their number is found out.
	startWorkers      = 8
	defaultMaxWorkers = 32
	defaultTries      = 5
	defaultGrace      = 10 * time.Second

	// outage is how many blobs in a row must end unreachable for the run to stop: trying
	// thousands more against a server that is down helps nobody.
	outage = 12
)

func (c Config) withDefaults() Config {
	if c.MaxWorkers <= 0 {
		c.MaxWorkers = defaultMaxWorkers
	}
	if c.Workers > 0 {
		c.MaxWorkers = c.Workers
	}
	if c.Strained == nil {
		c.Strained = func() bool { return false }
	}
	if c.Tries <= 0 {
		c.Tries = defaultTries
	}
	if c.Grace <= 0 {
		c.Grace = defaultGrace
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Observe == nil {
		c.Observe = func(Event) {}
	}
	if c.Tally == nil {
		c.Tally = &Tally{}
	}
	if c.Look != nil {
		c.Filter.Oldest = false
	}
	if c.Mend {
		c.Policy = policy.Policy{Hidden: true, Temp: true, Inputs: true, Previews: true} // it was wanted once
	}
	if c.Filing.Layout == nil {
		c.Filing.Layout = layout.Standard()
	}
	return c
}

// run is one run's state, shared by the stages.
type run struct {
	Config
	scope   string
	stopped context.Context    // ends with the taking in of new work
	stop    context.CancelFunc // ends the taking in of new work
	abort   context.CancelFunc // ends everything
	bytes   *rate.Limiter      // nil: no limit
	// Of *[]byte: bufferSize each, and largeBuffer.
	buffers, large *sync.Pool
	// As many of each there may be at once.
	transfers, resolutions *slots
	trials                 trials
	active                 active
	recent                 recent // workflows already handed on; list and expand's own

	survey bool // nothing is fetched

	outcomes chan outcome

	mu          sync.Mutex
	fault       error // the first fault that ended the listing or the taking in of work
	unreachable int   // blobs that ended so since the last one that did not
}

// Run archives what cfg asks for. It returns the summary in every case, and an error
// when the run could not do its work: the listing broke off ([ErrListing]), the token is
// no good ([fetch.ErrUnauthorized]), the disk is full ([sink.ErrNoSpace]) or broken. Blobs
// that failed, and a drained run, are no errors: the summary tells.
func Run(ctx context.Context, cfg Config) (Summary, error) {
	return newRun(cfg.withDefaults()).run(ctx)
}

func (r *run) run(ctx context.Context) (Summary, error) {
	started := r.Now()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	g, ctx := errgroup.WithContext(ctx)
	stopped, stop := context.WithCancel(ctx)
	defer stop()

	r.stopped, r.stop, r.abort = stopped, stop, cancel
	ended := make(chan struct{})
	watched := make(chan struct{})
	go func() { // ends with Run
		defer close(watched)
		r.watchDrain(ended)
	}()
	r.start(ctx, g)
	tuned := make(chan struct{})
	tuning, untune := context.WithCancel(ctx)
	go func() { // ends with Run
		defer close(tuned)
		if r.Workers == 0 {
			r.tune(tuning)
		}
	}()
	err := g.Wait()
	untune()
	<-tuned
	close(ended)
	<-watched

	summary := r.Tally.summary(r.ID, started, r.Now())
	if err == nil || errors.Is(err, context.Canceled) {
		err = r.fault
	}
	return summary, err
}

func newRun(cfg Config) *run {
	first := min(startWorkers, cfg.MaxWorkers)
	if cfg.Workers > 0 {
		first = cfg.Workers
	}
	cfg.Tally.workers.Store(int64(first))
	return &run{
		Config:  cfg,
		scope:   cfg.Scope(),
		bytes:   byteLimiter(cfg.Bandwidth),
		buffers: buffersOf(bufferSize), large: buffersOf(largeBuffer),
		transfers: newSlots(first), resolutions: newSlots(first),
		outcomes: make(chan outcome, 2*cfg.MaxWorkers),
	}
}

// start starts the stages. Each closes what it sends to when nothing more will come.
func (r *run) start(ctx context.Context, g *errgroup.Group) {
	pages := make(chan *page, 1)
	found := make(chan *job, r.MaxWorkers)
	located := make(chan *job, r.MaxWorkers)

	var senders sync.WaitGroup // those who send outcomes
	stage := func(n int, done func(), work func() error) {
		senders.Add(n)
		var left sync.WaitGroup
		left.Add(n)
		for range n {
			g.Go(func() error {
				defer senders.Done()
				defer left.Done()
				return work()
			})
		}
		g.Go(func() error { left.Wait(); done(); return nil })
	}
	stage(1, func() { close(pages) }, func() error { return r.list(r.stopped, pages) })
	stage(1, func() { close(found) }, func() error { return r.expand(r.stopped, pages, found) })
	if r.survey {
		stage(1, func() {}, func() error { return r.want(found) })
	} else {
		stage(r.MaxWorkers, func() { close(located) }, func() error { return r.resolve(r.stopped, found, located) })
		stage(r.MaxWorkers, func() {}, func() error { return r.download(ctx, located) })
	}
	g.Go(func() error { senders.Wait(); close(r.outcomes); return nil })
	g.Go(func() error { return r.record(ctx) })
}

// watchDrain turns a drain into a stop of new work, and after the grace of all work.
func (r *run) watchDrain(ended <-chan struct{}) {
	select {
	case <-ended:
		return
	case <-r.Drain:
	}
	r.Tally.interrupted.Store(true)
	r.stop()
	grace := time.NewTimer(r.Grace)
	defer grace.Stop()
	select {
	case <-ended:
	case <-grace.C:
		r.Logger.Warn("the grace period is over: cutting off the transfers in flight", "grace", r.Grace)
		r.abort()
	}
}

// fail notes the first fault of the run that is not one blob's. What is under way goes on.
func (r *run) fail(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.fault == nil {
		r.fault = err
	}
}

// reached takes in whether the server could be reached for a blob, and stops the run when
// it could not for many in a row.
func (r *run) reached(ok bool, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if ok {
		r.unreachable = 0
		return
	}
	if r.unreachable++; r.unreachable == outage {
		if r.fault == nil { // the listing may have met the outage first
			r.fault = fmt.Errorf("%w: %w", ErrOutage, err)
		}
		r.stop()
	}
}
