// Package repair makes an archive whole again, as far as the server still can.
//
// It verifies the archive and acts on what it finds, in an order that a crash at any point
// does no harm to: what is altered is moved aside, the record then says that it is to be
// fetched again, and a run like any other fetches it. What a user may have put there is
// never deleted.
package repair

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"time"

	"civitar/fetch"
	"civitar/internal/verify"
	"civitar/manifest"
	"civitar/pipeline"
	"civitar/sink"
)

// Action is what was done about a finding.
type Action string

// The actions.
const (
	Restored Action = "restored" // fetched again
	Aside    Action = "aside"    // moved to where To says
	Lost     Action = "lost"     // the server has it no more: it cannot be restored
	Waiting  Action = "waiting"  // not restored yet: the next run, or repair, tries again
	Removed  Action = "removed"  // a part of a download that nothing would finish
	Left     Action = "left"     // foreign: left as it is
	Rebuilt  Action = "rebuilt"  // made anew
)

// Step is one thing that was done. Path and To are relative to the archive.
type Step struct {
	Action   Action `json:"action"`
	Path     string `json:"path"`
	To       string `json:"to,omitempty"`
	What     string `json:"what,omitempty"`
	Workflow string `json:"workflow,omitempty"`
	Blob     string `json:"blob,omitempty"`
}

// Config is what a repair needs.
type Config struct {
	Dir    string
	Record *manifest.Manifest // opened with Options.Repair
	Sink   Sink
	Files  verify.Files // nil are those of Dir
	// Pipeline is the run that fetches what is missing. Record, Sink, IDs, Limit, Filter,
	// Full and Mend are set here. Its policy counts only where everything has to be listed
	// again.
	Pipeline pipeline.Config
	// Unseal reads what is encrypted; nil where there is no identity.
	Unseal   func(io.Reader) (io.Reader, error)
	Progress *verify.Progress // nil makes one
	Tell     func(Step)       // called for each step, one at a time
	Now      func() time.Time // nil is time.Now
}

// Sink is where the files are that are repaired. [*sink.Dir] is one.
type Sink interface {
	pipeline.Refiled
	// Aside moves a file out of the way, and tells where to.
	Aside(name string, at time.Time) (to string, err error)
	RemoveLeftover(sink.Leftover) error
}

// Report counts what was done. Run is nil when nothing had to be fetched.
type Report struct {
	Steps map[Action]int64  `json:"steps"`
	Run   *pipeline.Summary `json:"run,omitempty"`
}

// Whole tells that the archive holds again all that the record ever said it holds.
func (r Report) Whole() bool { return r.Steps[Lost] == 0 && r.Steps[Waiting] == 0 }

// wasKept is the reason of blobs that are to be fetched again.
const wasKept = "was kept, and was then found missing or damaged"

// repair is one run's state.
type repair struct {
	Config
	ledger *ledger
	steps  map[Action]int64
	lines  []manifest.Line // not yet appended

	retired []string // paths that these lines let go of
	besides int      // lost files that stood beside others
}

// Run repairs the archive. Its error is what stopped it; what was done until then holds,
// and another repair goes on from there.
func Run(ctx context.Context, cfg Config) (_ Report, err error) {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	r := &repair{Config: cfg, steps: map[Action]int64{}}
	if r.ledger, err = newLedger(); err != nil {
		return Report{}, err
	}
	defer func() { err = errors.Join(err, r.ledger.close()) }()
	report := Report{Steps: r.steps}
	if n := r.Record.Damaged; n > 0 {
		r.tell(Step{Action: Rebuilt, Path: ".civitar/journal", What: fmt.Sprintf("%d damaged lines were put aside: everything is listed again", n)})
		if err := r.Record.Forget(ctx, r.Pipeline.ID, r.Now()); err != nil {
			return report, err
		}
	}
	r.tell(Step{Action: Rebuilt, Path: ".civitar/index.db", What: "made anew from the journal"})
	if err := r.Record.Failures(ctx, wasKept, func(k manifest.Key) error { // an earlier repair's
		return r.ledger.add(verify.Finding{Kind: verify.Missing, Path: "media/", Workflow: k.Workflow, Blob: k.Blob})
	}); err != nil {
		return report, err
	}
	if err := r.clear(ctx); err != nil {
		return report, err
	}
	if report.Run, err = r.fetch(ctx); err != nil {
		return report, errors.Join(err, r.tellOutcomes(context.WithoutCancel(ctx)))
	}
	return report, errors.Join(r.tellOutcomes(ctx), r.restand(ctx))
}

func (r *repair) tell(s Step) {
	r.steps[s.Action]++
	r.Tell(s)
}

// clear verifies, and puts out of the way whatever is wrong.
func (r *repair) clear(ctx context.Context) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	go func() { // reading a large archive again takes long: an interrupt ends it
		select {
		case <-r.Pipeline.Drain:
			stop()
		case <-ctx.Done():
		}
	}()
	var fault error
	_, err := verify.Run(ctx, r.Dir, verify.Options{Own: true, Files: r.Files, Progress: r.Progress, Now: r.Now}, func(f verify.Finding) {
		if fault != nil {
			return
		}
		if fault = r.act(ctx, f); fault != nil {
			stop()
		}
	})
	if fault != nil {
		err = fault
	}
	return errors.Join(err, r.flush(context.WithoutCancel(ctx))) // what was put aside must be fetched again
}

func (r *repair) act(ctx context.Context, f verify.Finding) error {
	switch f.Kind {
	case verify.Foreign:
		r.tell(Step{Action: Left, Path: f.Path, What: "the record does not speak of it"})
		return nil
	case verify.Leftover:
		if err := r.Sink.RemoveLeftover(sink.Leftover{Path: f.Path}); err != nil {
			return err
		}
		r.tell(Step{Action: Removed, Path: f.Path, What: f.What})
		return nil
	case verify.Journal, verify.Index:
		return nil // made anew when the record was opened
	}
	if f.Kind != verify.Missing && f.Path != "." {
		to, err := r.Sink.Aside(f.Path, r.Now())
		if err != nil {
			return fmt.Errorf("%s cannot be put aside: %w", f.Path, err)
		}
		if to != "" {
			r.tell(Step{Action: Aside, Path: f.Path, To: to, What: f.What})
		}
	}
	if f.Workflow == "" {
		return nil
	}
	return r.want(ctx, f)
}

// want makes the record say that the file is to be fetched again.
func (r *repair) want(ctx context.Context, f verify.Finding) error {
	known, err := r.Record.Known(ctx, []string{f.Workflow})
	if err != nil {
		return err
	}
	k := known[f.Workflow]
	if k == nil {
		return nil
	}
	now := r.Now().UTC()
	if b := k.Blobs[f.Blob]; f.Beside {
		if b.State != manifest.Kept { // it is fetched again itself
			return nil
		}
		b.Time, b.Run, b.Created, b.Beside = now, r.Pipeline.ID, k.Workflow.Created, manifest.Content{}
		r.lines = append(r.lines, b)
		r.besides++
	} else if f.Blob != "" {
		b.Time, b.Run, b.Created = now, r.Pipeline.ID, k.Workflow.Created
		b.State, b.Reason, b.Asked = manifest.Failed, wasKept, false
		b.Path, b.Size, b.SHA256, b.Plain = "", 0, "", manifest.Content{}
		if b.Beside.Path != "" { // it comes anew with the blob
			r.retired = append(r.retired, b.Beside.Path)
			b.Beside = manifest.Content{}
		}
		r.lines = append(r.lines, b)
	} else if k.Workflow.Sidecar != "" {
		w := k.Workflow
		w.Time, w.Run, w.Open = now, r.Pipeline.ID, true
		w.Sidecar, w.Print, w.Size, w.SHA256, w.Plain = "", "", 0, "", manifest.Content{}
		r.lines = append(r.lines, w)
	}
	if err := r.ledger.add(f); err != nil {
		return err
	}
	if len(r.lines) < batch {
		return nil
	}
	return r.flush(ctx)
}

func (r *repair) flush(ctx context.Context) error {
	err := r.Sink.Retire(r.retired)
	if err == nil {
		err = r.Record.Append(ctx, r.lines)
	}
	if err == nil && len(r.retired) > 0 {
		err = r.Sink.Release(ctx, r.Record.Recorded)
	}
	r.lines, r.retired = r.lines[:0], r.retired[:0]
	return err
}

// restand writes what is to stand beside files anew where it was lost: the sidecars hold
// what it is made of.
func (r *repair) restand(ctx context.Context) error {
	if r.besides == 0 {
		return nil
	}
	err := pipeline.Refile(ctx, pipeline.Refiling{Sink: r.Sink, Record: r.Record, Filing: r.Pipeline.Filing, Unseal: r.Unseal,
		ID: r.Pipeline.ID, Now: r.Now, Observe: func(string, string) {}})
	if errors.Is(err, pipeline.ErrSealed) { // the next one that can read them
		return nil
	}
	return err
}

// fetch runs the pipeline over what the record says is to be asked for again, or over
// everything when lines were lost.
func (r *repair) fetch(ctx context.Context) (*pipeline.Summary, error) {
	if r.ledger.n == 0 && r.Record.Damaged == 0 {
		return nil, nil
	}
	cfg := r.Pipeline
	cfg.Record, cfg.Sink, cfg.Filter, cfg.Limit, cfg.Full, cfg.Mend = r.Record, r.Sink, pipeline.Filter{}, 0, false, r.Record.Damaged == 0
	if r.Record.Damaged == 0 {
		cfg.IDs = r.again(ctx)
	}
	summary, err := pipeline.Run(ctx, cfg)
	return &summary, err
}

// again hands on the workflows that the record says are to be asked for again.
func (r *repair) again(ctx context.Context) iter.Seq2[fetch.WorkflowID, error] {
	return func(yield func(fetch.WorkflowID, error) bool) {
		for after := ""; ; {
			ids, err := r.Record.Revisit(ctx, "", "", after, batch)
			if err != nil {
				yield("", err)
				return
			}
			if len(ids) == 0 {
				return
			}
			for _, id := range ids {
				if !yield(fetch.WorkflowID(id), nil) {
					return
				}
			}
			after = ids[len(ids)-1]
		}
	}
}

// tellOutcomes says of everything that was missing what has become of it.
func (r *repair) tellOutcomes(ctx context.Context) error {
	return r.ledger.each(func(f verify.Finding) error {
		if f.Beside {
			return nil
		}
		known, err := r.Record.Known(ctx, []string{f.Workflow})
		if err != nil {
			return err
		}
		if k := known[f.Workflow]; k != nil {
			r.tell(outcome(f, k))
		}
		return nil
	})
}

func outcome(f verify.Finding, k *manifest.Known) Step {
	s := Step{Path: f.Path, Workflow: f.Workflow, Blob: f.Blob}
	if f.Blob == "" {
		switch w := k.Workflow; {
		case w.Sidecar != "":
			s.Action, s.Path = Restored, w.Sidecar
		case w.Open:
			s.Action, s.What = Waiting, "the workflow could not be asked for"
		default:
			s.Action, s.What = Lost, "workflow "+f.Workflow+" is gone"
		}
		return s
	}
	switch b := k.Blobs[f.Blob]; b.State {
	case manifest.Kept:
		s.Action, s.Path = Restored, b.Path
	case manifest.Failed, manifest.Pending:
		s.Action, s.What = Waiting, b.Reason
	default:
		s.Action, s.What = Lost, string(b.State)+": "+b.Reason+" (blob "+f.Blob+" of workflow "+f.Workflow+")"
	}
	return s
}
