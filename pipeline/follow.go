package pipeline

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"time"

	"civitar/fetch"
	"civitar/manifest"
)

// Follower keeps an archive up with its account. It goes from round to round: the first one
// is a run like any other, then come looks, with such a run now and then for what a look
// leaves out. Between rounds it waits for workflows to end.
type Follower struct {
	// Round archives once; look is [Config].Look, nil for a run like any other. It is not cut
	// off when the context of [Follower.Run] ends.
	Round func(look *Look) (Summary, error)
	// Unended are the oldest n workflows that had not ended.
	Unended func(ctx context.Context, n int) ([]manifest.Workflow, error)
	// Await asks for a workflow. The answer may be held back until it has ended, for wait at
	// most.
	Await func(ctx context.Context, id fetch.WorkflowID, wait time.Duration) (*fetch.Workflow, error)

	Every  time.Duration // from the end of one round to the next one (30 s)
	Logger *slog.Logger
}

const (
	defaultEvery = 30 * time.Second
	// awaited is how many workflows are waited for at once. Where more have not ended, looks
	// list as far down as those go, which is one request for a page of them; but not beyond
	// farDown, since single workflows can hang for weeks.
	awaited = 10
	farDown = 24 * time.Hour
	// lookout is how long an answer is held back at most: proxies cut off after a minute. tardy
	// is how much later it may come.
	lookout, tardy = 30 * time.Second, 10 * time.Second
	// gathering is how long more may end after the first that did, to share its round; and
	// results land a moment after their workflow ends.
	gathering = 10 * time.Second
	// runEvery is from one run that is no look to the next, and firstRetry how soon the first
	// comes after something failed; it doubles while that does not help.
	runEvery, firstRetry = time.Hour, 5 * time.Minute
	// patience is the longest pause after rounds that broke off, unless Every is longer.
	patience = 5 * time.Minute
)

// Run goes on until ctx ends, which is no error, or a round ends with an error that will not
// pass.
func (f *Follower) Run(ctx context.Context) error {
	var look *Look
	var before []fetch.WorkflowID // ended before the last round
	r := &rhythm{every: cmp.Or(f.Every, defaultEvery), retry: firstRetry}
	for {
		summary, err := f.Round(look)
		if err != nil && !Passing(err) {
			return err
		}
		if ctx.Err() != nil {
			return nil
		}
		pause := r.beat(look == nil, summary, err)
		if err != nil {
			f.Logger.Warn("this round broke off, and the next one comes later", "in", pause, "error", err)
		}
		open, err := f.Unended(ctx, awaited+1)
		if err != nil && ctx.Err() == nil {
			return err
		}
		ended := f.wait(ctx, open[:min(len(open), awaited)], pause)
		if ctx.Err() != nil {
			return nil
		}
		look = nil
		if now := time.Now(); now.Before(r.due) {
			look = &Look{Again: slices.Concat(before, ended)} // twice: results may land late
			if len(open) > awaited {
				look.Down = later(open[awaited].Created, now.Add(-farDown))
			}
		}
		before = ended
	}
}

// Passing tells an error of a run after which it makes sense to go on in a while: the server
// cannot be reached, or asks for a slower pace.
func Passing(err error) bool {
	page := new(fetch.Error)
	switch {
	case errors.Is(err, fetch.ErrUnauthorized):
		return false
	case errors.Is(err, fetch.ErrUnavailable), errors.Is(err, fetch.ErrRateLimited), errors.Is(err, ErrOutage):
		return true
	}
	return errors.As(err, &page) && page.Page // a proxy's words
}

// rhythm says when the next round is, and when one that is no look.
type rhythm struct {
	every  time.Duration
	due    time.Time     // of a run that is no look
	retry  time.Duration // how long what failed is left alone
	broken int           // rounds in a row that broke off
}

// beat takes in how a round ended, and returns the pause after it.
func (r *rhythm) beat(run bool, s Summary, err error) time.Duration {
	now := time.Now()
	if err != nil {
		r.due = now // it may not have come to what it was to ask for
		r.broken++
		return min(r.every<<min(r.broken, 10), max(patience, r.every))
	}
	r.broken = 0
	failed := len(s.Failures) > 0 || s.Unasked > 0
	switch {
	case run && failed:
		r.due, r.retry = now.Add(r.retry), min(2*r.retry, runEvery)
	case run:
		r.due, r.retry = now.Add(runEvery), firstRetry
	case failed:
		r.retry = firstRetry
		if soon := now.Add(firstRetry); soon.Before(r.due) {
			r.due = soon
		}
	}
	return r.every
}

// wait waits for a pause to be over or, if that is sooner, for workflows to end, and returns
// those.
func (f *Follower) wait(ctx context.Context, open []manifest.Workflow, pause time.Duration) (ended []fetch.WorkflowID) {
	over := time.Now().Add(pause)
	ctx, gathered := context.WithCancel(ctx)
	defer gathered()
	var mu sync.Mutex
	var waits sync.WaitGroup
	for _, w := range open {
		waits.Go(func() {
			id := fetch.WorkflowID(w.Workflow)
			if !f.ends(ctx, id, over) {
				return
			}
			mu.Lock()
			defer mu.Unlock()
			if ended = append(ended, id); len(ended) == 1 {
				time.AfterFunc(gathering, gathered)
			}
		})
	}
	waits.Wait()
	_ = sleep(ctx, time.Until(over))
	return ended
}

// ends tells whether a workflow ends before a time. A server that does not hold its answers
// back is asked no more often than one that does.
func (f *Follower) ends(ctx context.Context, id fetch.WorkflowID, before time.Time) bool {
	for ctx.Err() == nil && time.Until(before) > 0 {
		wait := min(lookout, time.Until(before))
		next := time.Now().Add(wait)
		asking, cancel := context.WithTimeout(ctx, wait+tardy)
		found, err := f.Await(asking, id, wait)
		cancel()
		switch {
		case err == nil && found.Status.Ended(), errors.Is(err, fetch.ErrGone):
			return true
		case err != nil && ctx.Err() == nil:
			f.Logger.Debug("a workflow could not be waited for", "workflow", id, "error", err)
		}
		_ = sleep(ctx, time.Until(next))
	}
	return false
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
