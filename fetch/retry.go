package fetch

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/cenkalti/backoff/v5"
)

// maxLimited bounds what one call waits because of 429s.
const maxLimited = 15 * time.Minute

// retry runs one call until it succeeds, fails for good, or was tried often enough.
// A 429 does not count as a try: it says "later", not "no". The pacer hears of every
// answer where it arrives, in send; here is only the waiting of this one call.
func (c *Client) retry(ctx context.Context, p *pacer, op string, call func(try int) error) error {
	waits := newBackoff()
	var limited time.Duration
	for try := 1; ; {
		err := call(try)
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return c.trouble(ctx, op, ctx.Err())
		}
		switch {
		case errors.Is(err, ErrRateLimited):
			c.log.LogAttrs(ctx, slog.LevelInfo, "the server asks for a slower pace: waiting", slog.Duration("wait", p.pauseLeft().Round(time.Second)))
			waited, over, stop := p.waitPause(ctx, maxLimited-limited)
			if stop != nil {
				return c.trouble(ctx, op, stop)
			}
			if limited += waited; !over || limited >= maxLimited {
				return err
			}
		case errors.Is(err, ErrUnavailable):
			if try >= c.retries {
				return err
			}
			try++
			if stop := sleep(ctx, max(waits.NextBackOff(), askedPause(err))); stop != nil {
				return c.trouble(ctx, op, stop)
			}
		default:
			return err
		}
	}
}

// newBackoff gives waits that grow from half a second to at most 30 s, jitter
// included (the API page, "Base, auth, errors").
func newBackoff() *backoff.ExponentialBackOff {
	b := backoff.NewExponentialBackOff()
	b.InitialInterval = 500 * time.Millisecond
	b.Multiplier = 2
	b.RandomizationFactor = 0.5
	b.MaxInterval = 20 * time.Second
	b.Reset()
	return b
}

func askedPause(err error) time.Duration {
	var e *Error
	if errors.As(err, &e) {
		return min(e.RetryAfter, maxPause)
	}
	return 0
}

// retryAfter reads the header's two forms, seconds and an HTTP date. What is absent,
// unreadable or in the past is 0.
func retryAfter(header string, now time.Time) time.Duration {
	header = strings.TrimSpace(header)
	if seconds, err := strconv.ParseFloat(header, 64); err == nil {
		if !(seconds > 0) {
			return 0
		}
		return time.Duration(min(seconds, 1e6) * float64(time.Second))
	}
	if at, err := http.ParseTime(header); err == nil {
		return max(0, min(at.Sub(now), 1e6*time.Second))
	}
	return 0
}
