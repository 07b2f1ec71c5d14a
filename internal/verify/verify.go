// Package verify finds out whether an archive still holds what its record says.
//
// It trusts nothing but the journal: files are read again and compared with it, by size
// and SHA-256, and so is the index. It changes nothing, holds no lock, and works beside a
// run: what a run is adding just now, or one that was cut off has left to the next, is no
// finding. Its memory does not grow with the archive.
package verify

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"civitar/manifest"
)

// Kind is what is wrong.
type Kind string

// The kinds of findings.
const (
	Missing    Kind = "missing"    // the record says that the file is there
	Truncated  Kind = "truncated"  // shorter than recorded
	Altered    Kind = "altered"    // other bytes than recorded, or not a file any more
	Unreadable Kind = "unreadable" // the system gives an error for it
	Invalid    Kind = "invalid"    // a sidecar or summary that does not parse
	Foreign    Kind = "foreign"    // the record does not speak of it
	Leftover   Kind = "leftover"   // an unfinished download that no run goes on with
	Journal    Kind = "journal"    // a damaged line
	Index      Kind = "index"      // says something else than the journal
)

// Kinds lists all kinds, in the order in which they are shown.
func Kinds() []Kind {
	return []Kind{Missing, Truncated, Altered, Unreadable, Invalid, Foreign, Leftover, Journal, Index}
}

// Finding is one thing that is wrong. Path is relative to the archive. Since is when it was
// last known to be right (missing) or has changed last (all others); zero is unknown.
// Workflow and Blob tell whose the file is; a sidecar has no Blob.
type Finding struct {
	Kind     Kind      `json:"kind"`
	Path     string    `json:"path"`
	What     string    `json:"what"`
	Since    time.Time `json:"since,omitzero"`
	Workflow string    `json:"workflow,omitempty"`
	Blob     string    `json:"blob,omitempty"`
	Beside   bool      `json:"beside,omitempty"` // it is the file that stands beside the blob's
}

// Options are those of [Run].
type Options struct {
	// Quick compares sizes and times, and reads only files changed since they were recorded.
	Quick bool
	// Share, between 0 and 1, is how much of the archive is read, another part each time;
	// of the rest sizes and times are compared. 0 is all.
	Share float64
	// Stored compares the hash that the place of the files keeps, where it keeps one, and
	// reads nothing then.
	Stored bool
	// Staged says that unfinished downloads lie in a cache of this machine's, and not in the
	// archive: none is a finding, since another machine may have ended what one began here.
	Staged bool
	// Files are the archive's; nil are those of the folder.
	Files Files
	// Workers is how many files are read at once (4).
	Workers int
	// Unseal reads an encrypted file; with it, what the file holds is proved too. nil proves
	// the file as it stands.
	Unseal func(io.Reader) (io.Reader, error)
	// Own is for the process that holds the archive: no run is at work beside it.
	Own bool
	// Now is the clock; nil is time.Now.
	Now func() time.Time
	// Progress is counted up as the work goes on; nil makes one.
	Progress *Progress
}

// Progress is how far a verification has come; any goroutine may read it. Sizes are in
// bytes.
type Progress struct {
	Files, Total atomic.Int64 // checked, and in the record
	Read         atomic.Int64 // bytes
}

// Report is what a verification did.
type Report struct {
	Files      int64          `json:"files"`      // that the record speaks of
	Hashed     int64          `json:"hashed"`     // of those, read and hashed
	Bytes      int64          `json:"bytes"`      // read
	Unfinished int64          `json:"unfinished"` // downloads that the next run goes on with
	Findings   map[Kind]int64 `json:"findings"`
	Part       int            `json:"part,omitempty"` // with a share: the part that was read, of Parts
	Parts      int            `json:"parts,omitempty"`
}

// Clean tells that there were no findings.
func (r Report) Clean() bool { return len(r.Findings) == 0 }

// verification is one run's state.
type verification struct {
	Options
	audit *manifest.Audit
	root  *os.Root // of the record's folder
	part  part

	hashed, unfinished atomic.Int64

	mu    sync.Mutex // of what follows
	use   func(Finding)
	found map[Kind]int64
}

// Run verifies the archive in dir and calls use for each finding, one at a time. The
// error is about the verification itself: [manifest.ErrNoArchive], a context that ended,
// an unreadable journal.
func Run(ctx context.Context, dir string, o Options, use func(Finding)) (_ Report, err error) {
	if o.Workers <= 0 {
		o.Workers = 4
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Progress == nil {
		o.Progress = &Progress{}
	}
	v := &verification{Options: o, use: use, found: map[Kind]int64{}}
	if v.audit, err = manifest.OpenAudit(ctx, dir, v.damaged); err != nil {
		return Report{}, err
	}
	defer func() { err = errors.Join(err, v.audit.Close()) }()
	if v.root, err = os.OpenRoot(dir); err != nil {
		return Report{}, err
	}
	defer func() { err = errors.Join(err, v.root.Close()) }()
	if v.Files == nil {
		if v.Files, err = Folder(dir); err != nil {
			return Report{}, err
		}
		defer func() { err = errors.Join(err, v.Files.Close()) }()
	}
	v.part = nextPart(v.root, o.Share)

	for _, step := range []func(context.Context) error{v.index, v.audit.Follow, v.count, v.files, v.foreign, v.leftovers, v.summary} {
		if err := step(ctx); err != nil {
			return v.report(), err
		}
	}
	return v.report(), v.part.done(v.root)
}

func (v *verification) report() Report {
	r := Report{Files: v.Progress.Files.Load(), Hashed: v.hashed.Load(), Bytes: v.Progress.Read.Load(),
		Unfinished: v.unfinished.Load(), Findings: v.found, Parts: v.part.Parts}
	if r.Parts > 0 {
		r.Part = v.part.Next + 1
	}
	return r
}

func (v *verification) find(f Finding) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.found[f.Kind]++
	v.use(f)
}

func (v *verification) damaged(d manifest.Damage) {
	v.find(Finding{Kind: Journal, Path: ".civitar/journal/" + d.Segment,
		What: fmt.Sprintf("the line at byte %d is damaged: %v", d.Offset, d.Err)})
}

func (v *verification) index(ctx context.Context) error {
	return v.audit.Index(ctx, func(d manifest.Disagreement) {
		what := d.What
		if d.Row != "" {
			what = d.Row + ": " + what
		}
		v.find(Finding{Kind: Index, Path: ".civitar/index.db", What: what})
	})
}

func (v *verification) count(ctx context.Context) error {
	totals, err := v.audit.Totals(ctx)
	v.Progress.Total.Store(totals.States[manifest.Kept].Blobs + totals.Workflows)
	return err
}

// files checks every file of the record.
func (v *verification) files(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	jobs := make(chan manifest.File, 4*v.Workers)
	g.Go(func() error {
		defer close(jobs)
		return v.audit.Files(ctx, func(f manifest.File) error {
			select {
			case jobs <- f:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		})
	})
	for range v.Workers {
		g.Go(func() error {
			buf := make([]byte, bufferSize)
			for f := range jobs {
				if err := v.file(ctx, f, buf); err != nil {
					return err
				}
				v.Progress.Files.Add(1)
			}
			return nil
		})
	}
	return g.Wait()
}
