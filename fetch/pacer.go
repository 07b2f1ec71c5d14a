package fetch

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

const (
	maxPause     = 10 * time.Minute // the most of a Retry-After that is obeyed
	slowestRate  = 0.5              // requests a second, unless configured slower
	failuresSlow = 3                // consecutive failures before the pace falls
	recoverStep  = 0.05             // of the full rate, for each success
)

// pacer is the pace of all calls to one sort of endpoint. A 429 pauses every caller,
// not only the one that met it, and halves the rate; successes bring it back.
type pacer struct {
	mu      sync.Mutex
	limiter *rate.Limiter
	max     float64   // configured, 0 unlimited
	rate    float64   // at present, 0 unlimited
	knee    float64   // where an unlimited rate was first cut
	until   time.Time // paused until then
	gen     uint64    // slowdowns so far
	fails   int       // failures in a row
	limited int       // 429s in a row, one a generation
	all429  int64     // 429s altogether
	sent    window
}

func newPacer(perSecond float64) *pacer {
	p := &pacer{max: perSecond, rate: perSecond, limiter: rate.NewLimiter(rate.Inf, 1)}
	if perSecond > 0 {
		// A little burst: timers are too coarse to space thousands of requests evenly.
		p.limiter = rate.NewLimiter(rate.Limit(perSecond), max(1, int(perSecond/20)))
	}
	return p
}

// wait returns when a request may be sent, with the generation to report it under.
func (p *pacer) wait(ctx context.Context) (uint64, error) {
	for {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		now := time.Now()
		p.mu.Lock()
		pause := p.until.Sub(now)
		var turn *rate.Reservation
		if pause <= 0 {
			turn = p.limiter.ReserveN(now, 1)
			pause = turn.DelayFrom(now)
		}
		p.mu.Unlock()
		if err := sleep(ctx, pause); err != nil {
			if turn != nil {
				turn.Cancel()
			}
			return 0, err
		}
		if turn == nil {
			continue // the pause is over: now queue for a turn
		}
		if gen, ok := p.start(); ok {
			return gen, nil
		}
	}
}

// start books a request, unless a pause began while its caller waited for its turn.
func (p *pacer) start() (uint64, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	if now.Before(p.until) {
		return 0, false
	}
	p.sent.add(now)
	return p.gen, true
}

// waitPause waits until no pause is left, for at most limit. It returns the time it
// took and whether the pause is over.
func (p *pacer) waitPause(ctx context.Context, limit time.Duration) (time.Duration, bool, error) {
	var waited time.Duration
	for {
		left := p.pauseLeft()
		if left <= 0 {
			return waited, true, nil
		}
		if waited+left > limit {
			return waited, false, nil
		}
		if err := sleep(ctx, left); err != nil {
			return waited, false, err
		}
		waited += left
	}
}

// pauseLeft is how long the pause will go on; it can be below zero.
func (p *pacer) pauseLeft() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	return time.Until(p.until)
}

// ok reports an answer that was neither a 429 nor a failure.
func (p *pacer) ok(gen uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fails = 0
	if gen < p.gen || p.rate == p.max {
		return // an answer to the old pace proves nothing about the new one
	}
	p.limited = 0
	full := p.max
	if full == 0 {
		full = p.knee
	}
	p.rate += full * recoverStep
	switch {
	case p.max > 0:
		p.rate = min(p.rate, p.max)
	case p.rate >= 4*p.knee:
		p.rate = 0
	}
	p.setLimit()
}

// failed reports a 5xx or a lost connection. Some of them in a row slow the pace.
func (p *pacer) failed(gen uint64, asked time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fails++
	if p.fails >= failuresSlow {
		p.slow(gen, 0.7)
	}
	if asked > 0 {
		p.pause(asked)
	}
}

// throttled reports a 429, with the pause the server asked for, if any.
func (p *pacer) throttled(gen uint64, asked time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if asked <= 0 {
		base := min(time.Second<<min(p.limited, 5), 30*time.Second)
		asked = base/2 + rand.N(base/2)
	}
	if gen == p.gen {
		p.limited++
	}
	p.all429++
	p.pause(asked)
	p.slow(gen, 0.5)
}

// told is how many 429s were reported.
func (p *pacer) told() int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.all429
}

func (p *pacer) pause(d time.Duration) {
	if until := time.Now().Add(min(d, maxPause)); until.After(p.until) {
		p.until = until
	}
}

// slow cuts the rate, once a generation: the requests in flight when it was last cut
// were sent too fast for the same reason.
func (p *pacer) slow(gen uint64, factor float64) {
	if gen < p.gen {
		return
	}
	p.gen++
	if p.rate == 0 {
		p.rate = p.sent.perSecond(time.Now())
		p.knee = max(p.rate, 1)
	}
	floor := slowestRate
	if p.max > 0 {
		floor = min(floor, p.max/4)
	}
	p.rate = max(p.rate*factor, floor)
	p.setLimit()
}

func (p *pacer) setLimit() {
	limit := rate.Inf
	if p.rate > 0 {
		limit = rate.Limit(p.rate)
	}
	p.limiter.SetLimit(limit)
}

// current is the rate in requests a second (0 unlimited), and whether it is a slower
// one than configured.
func (p *pacer) current() (float64, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.rate, p.rate != p.max || time.Now().Before(p.until)
}

// window counts what was sent in each of the last seconds.
type window struct {
	second [10]int64
	count  [10]float64
}

func (w *window) add(now time.Time) {
	s := now.Unix()
	i := s % int64(len(w.second))
	if w.second[i] != s {
		w.second[i], w.count[i] = s, 0
	}
	w.count[i]++
}

func (w *window) perSecond(now time.Time) float64 {
	newest := now.Unix()
	oldest, sum := newest, 0.0
	for i, s := range w.second {
		if s > newest-int64(len(w.second)) {
			oldest, sum = min(oldest, s), sum+w.count[i]
		}
	}
	return max(sum/float64(newest-oldest+1), 1)
}

// sleep obeys the context; it returns at once when there is nothing to wait for.
func sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
