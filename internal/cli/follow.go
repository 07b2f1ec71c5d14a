package cli

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"civitar/internal/report"
	"civitar/manifest"
	"civitar/pipeline"
)

// beatEvery is how often signs that must not stop are given while nothing changes.
const beatEvery = 5 * time.Minute

// following is an archive that is kept up with its account, round after round.
type following struct {
	*rounds
	began   time.Time
	n       int            // rounds so far
	whole   bool           // a run has come to its end
	fresh   int            // what the last round told the record of blobs
	failing bool           // something has failed, for all that is known
	outcome report.Outcome // as was told last, at the time beaten
	beaten  time.Time
	limited int64 // answers 429 until then

	kept, bytes int64
}

// follow goes on until a signal, which is an end in order. What the last round did not reach
// is the next run's.
func (r *rounds) follow() error {
	f := &following{rounds: r, began: time.Now()}
	r.signs.rounds = true
	ctx, cancel := r.s.drainable()
	defer cancel()
	follower := pipeline.Follower{Round: f.round, Await: r.client.Await, Every: r.FollowEvery, Logger: r.cfg.Logger}
	follower.Unended = func(ctx context.Context, n int) ([]manifest.Workflow, error) {
		return r.held.record.Unended(ctx, r.cfg.Scope(), n)
	}
	err := errors.Join(follower.Run(ctx), r.held.Close())
	r.screen.clear()
	if err == nil && r.s.ctx.Err() == nil {
		f.farewell()
		return nil
	}
	return r.verdict(r.s, pipeline.Summary{}, err)
}

// round archives once. What changes nothing leaves no trace.
func (f *following) round(look *pipeline.Look) (pipeline.Summary, error) {
	record := &counting{Record: f.held.record}
	cfg := f.cfg
	cfg.Look, cfg.Record, cfg.Linger, cfg.Full = look, record, f.FollowEvery, cfg.Full && !f.whole
	f.n, f.fresh = f.n+1, 0
	if f.n > 1 {
		cfg.ID, cfg.Tally, cfg.Observe = rand.Text()[:12], &pipeline.Tally{}, f.observe
	}
	f.signs.again()
	summary, err := f.run(cfg, f.n > 1)
	f.whole = f.whole || err == nil
	err = f.end(cfg, summary, err, f.n == 1 || record.lines > 0)
	f.kept, f.bytes = f.kept+summary.Kept, f.bytes+summary.Bytes
	f.screen.clear()
	f.tell(look, summary, err)
	f.stand(err)
	return summary, err
}

// observe passes over what the record has said before: the newest of an account are in every
// round's listing.
func (f *following) observe(e pipeline.Event) {
	if e.Same {
		return
	}
	f.fresh++
	if f.events != nil {
		f.events.blob(e)
	}
}

// tell shows a round and gives its signs: all of them where it changed something, or ended
// otherwise than the one before.
func (f *following) tell(look *pipeline.Look, summary pipeline.Summary, err error) {
	failed := summary.Failed > 0 || summary.Unasked > 0
	f.failing = failed || look != nil && f.failing // a look leaves alone what failed
	fatal := err != nil && !pipeline.Passing(err)
	outcome, how := f.went(summary, err)
	changed := f.n == 1 || f.fresh > 0 || fatal || outcome != f.outcome
	if changed {
		f.report(summary, err)
	}
	if !changed && time.Since(f.beaten) < beatEvery {
		return
	}
	limited := f.client.Pace().Limited
	f.signs.took(f.held, summary, limited-f.limited, f.cfg.Logger)
	f.outcome, f.beaten, f.limited = outcome, time.Now(), limited
	switch {
	case fatal: // told when all ends with it
	case changed:
		_ = f.signs.tell(how) // it has said what was wrong with a sign
	default:
		f.signs.beat(how)
	}
}

// went tells how a round ended, and the error that stands for it.
func (f *following) went(summary pipeline.Summary, err error) (report.Outcome, error) {
	switch {
	case err != nil:
	case summary.Unfinished > 0:
		err = exitError{exitInterrupted}
	case f.failing:
		err = exitError{exitIncomplete}
	}
	outcome, _ := outcomeOf(err)
	return outcome, err
}

// report shows a round that changed something: the first one as any run, others in a line.
func (f *following) report(summary pipeline.Summary, err error) {
	stopped := summary.Interrupted && summary.Unfinished > 0
	switch {
	case f.n == 1 || f.events != nil:
		f.show(summary, err)
	case !f.Output.Quiet && (summary.Kept > 0 || len(summary.Failures) > 0 || stopped):
		line := fmt.Sprintf("%s kept %s", time.Now().Format(time.DateTime), sized(summary.Kept, summary.Bytes))
		if summary.Failed > 0 {
			line += fmt.Sprintf(", %d failed", summary.Failed)
		}
		if stopped {
			line += fmt.Sprintf(", %d not reached before it was stopped", summary.Unfinished)
		}
		fmt.Fprintln(f.s.Stdout, line)
	}
}

// stand shows on a terminal that the archive is followed, until something else is shown there.
func (f *following) stand(err error) {
	if !f.screen.terminal || f.Output.Quiet || f.events != nil {
		return
	}
	looked := "last look"
	if err != nil {
		looked = "looked in vain at"
	}
	line := fmt.Sprintf("following: kept %s in %s, %s %s", sized(f.kept, f.bytes), f.took(), looked, time.Now().Format(time.TimeOnly))
	if totals, err := f.held.record.Totals(context.WithoutCancel(f.s.ctx)); err == nil && totals.Open > 0 {
		line += fmt.Sprintf(", %d not ended", totals.Open)
	}
	f.screen.stand(line)
}

func (f *following) took() time.Duration { return time.Since(f.began).Round(time.Second) }

func (f *following) farewell() {
	if f.events == nil && !f.Output.Quiet {
		fmt.Fprintf(f.s.Stdout, "%s: followed for %s, kept %s\n", f.Dest, f.took(), sized(f.kept, f.bytes))
	}
}

func sized(blobs, bytes int64) string {
	if bytes == 0 {
		return plural(blobs, "blob")
	}
	return plural(blobs, "blob") + " (" + sizeNote(bytes) + ")"
}

// counting is a record that counts the lines it gets.
type counting struct {
	pipeline.Record
	lines int
}

func (c *counting) Append(ctx context.Context, lines []manifest.Line) error {
	c.lines += len(lines)
	return c.Record.Append(ctx, lines)
}
