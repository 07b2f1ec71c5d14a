package schedule

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"
)

const (
	// glance is the longest a job sleeps without a look at the clock on the wall: timers stand
	// still while a machine is suspended.
	glance = time.Minute
	// firstRetry is how long after a run that failed it is tried again, and longestRetry the
	// most that grows to.
	firstRetry   = time.Minute
	longestRetry = time.Hour
)

// ErrFinal is wrapped by the error of a run that need not be tried again before it is due.
var ErrFinal = errors.New("trying again would not help")

// Job is something that is due now and then.
type Job struct {
	Name     string
	Archive  string // jobs of one archive take turns
	Schedule Schedule
	Jitter   time.Duration // runs are up to this much late, by chance
	Retries  int           // how often a run that failed is tried again before it is next due
	// Run runs the job. Its error is logged.
	Run func(context.Context) error
}

// State remembers how far jobs have come, also when nothing runs.
type State interface {
	// Last is when a job was last due and run, zero if never.
	Last(job string) (time.Time, error)
	Note(job string, due time.Time) error
}

// Scheduler runs jobs.
type Scheduler struct {
	State  State
	Logger *slog.Logger
}

// Run runs jobs until stop closes and those at work have ended, or ctx ends.
func (s *Scheduler) Run(ctx context.Context, stop <-chan struct{}, jobs []Job) {
	turns := map[string]chan struct{}{}
	var all sync.WaitGroup
	for _, job := range jobs {
		if turns[job.Archive] == nil {
			turns[job.Archive] = make(chan struct{}, 1)
		}
		r := &runner{Scheduler: s, Job: job, stop: stop, turn: turns[job.Archive], log: s.Logger.With("profile", job.Name)}
		all.Go(func() { r.loop(ctx) })
	}
	all.Wait()
}

// runner is one job's life.
type runner struct {
	*Scheduler
	Job
	stop <-chan struct{}
	turn chan struct{}
	log  *slog.Logger
}

func (r *runner) loop(ctx context.Context) {
	last, err := r.State.Last(r.Name)
	if err != nil {
		r.log.Warn("it is not known when this ran last: nothing is caught up", "error", err)
	}
	if last.IsZero() || last.After(time.Now()) {
		last = time.Now()
	}
	for {
		due := r.Schedule.Next(last)
		if due.IsZero() {
			return
		}
		start := due.Add(r.late(due))
		if !due.After(time.Now()) {
			r.log.Info("a run was missed and is caught up", "due", due)
			start = time.Now()
		} else {
			r.log.Info("next run", "at", start.In(r.Schedule.Zone).Format(time.RFC3339))
		}
		if !r.sleep(ctx, start) || !r.take(ctx) {
			return
		}
		last = time.Now()
		if last.Before(due) { // the clock was set back
			last = due
		}
		r.run(ctx, due)
		<-r.turn
		if ctx.Err() != nil {
			return
		}
		if err := r.State.Note(r.Name, last); err != nil {
			r.log.Warn("it cannot be noted that this ran: it may be caught up once too often", "error", err)
		}
	}
}

// late is the job's jitter at a time: by chance, and the same whenever it is asked for.
func (r *runner) late(due time.Time) time.Duration {
	if r.Jitter <= 0 {
		return 0
	}
	h := fnv.New64a()
	fmt.Fprintf(h, "%s %d", r.Name, due.Unix())
	return time.Duration(rand.New(rand.NewPCG(h.Sum64(), 0)).Int64N(int64(r.Jitter)))
}

// sleep waits until a time on the wall's clock; false means that the scheduler ends.
func (r *runner) sleep(ctx context.Context, until time.Time) bool {
	for {
		left := until.Round(0).Sub(time.Now().Round(0)) // without the monotonic clock, which stands still with the machine
		if left <= 0 {
			return !r.ending(ctx)
		}
		timer := time.NewTimer(min(left, glance))
		select {
		case <-timer.C:
		case <-r.stop:
		case <-ctx.Done():
		}
		timer.Stop()
		if r.ending(ctx) {
			return false
		}
	}
}

func (r *runner) ending(ctx context.Context) bool {
	select {
	case <-r.stop:
		return true
	default:
		return ctx.Err() != nil
	}
}

// take waits for the archive's turn.
func (r *runner) take(ctx context.Context) bool {
	select {
	case r.turn <- struct{}{}:
	default:
		r.log.Info("waiting for another run of the same archive")
		select {
		case r.turn <- struct{}{}:
		case <-r.stop:
			return false
		case <-ctx.Done():
			return false
		}
	}
	if r.ending(ctx) {
		<-r.turn
		return false
	}
	return true
}

// run runs the job, and again while it fails, but not past the time when it is next due.
func (r *runner) run(ctx context.Context, due time.Time) {
	pause := backoff.NewExponentialBackOff()
	pause.InitialInterval, pause.MaxInterval, pause.Multiplier = firstRetry, longestRetry, 2
	for try := 0; ; try++ {
		began := time.Now()
		r.log.Info("run begins", "due", due.In(r.Schedule.Zone).Format(time.RFC3339))
		err := r.Job.Run(ctx)
		took := time.Since(began).Round(time.Millisecond)
		if err == nil {
			r.log.Info("run ended", "took", took)
			return
		}
		again := pause.NextBackOff()
		next := r.Schedule.Next(time.Now())
		if try >= r.Retries || errors.Is(err, ErrFinal) || !time.Now().Add(again).Before(next) {
			r.log.Error("run failed", "took", took, "error", err, "next", next.In(r.Schedule.Zone).Format(time.RFC3339))
			return
		}
		r.log.Warn("run failed, and is tried again", "took", took, "error", err, "in", again.Round(time.Second))
		if !r.sleep(ctx, time.Now().Add(again)) {
			return
		}
	}
}
