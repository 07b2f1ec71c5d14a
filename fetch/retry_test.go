package fetch

import (
	"context"
	"errors"
	"io"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func fakeTime(t *testing.T, f func(*testing.T)) {
	t.Helper()
	synctest.Test(t, f)
}

func TestRetryWaitsGrowAndStayBelowThirtySeconds(t *testing.T) {
	fakeTime(t, func(t *testing.T) {
		c, transport := client(t, answer(503, ""), func(cfg *Config) { cfg.Retries = 12 })
		_, err := c.Workflow(background, "w")
		wantKind(t, err, ErrUnavailable)
		if transport.count() != 12 {
			t.Fatal(transport.count())
		}
		for i := 1; i < 12; i++ {
			wait := transport.at[i].Sub(transport.at[i-1])
			if wait < 200*time.Millisecond || wait > 30*time.Second {
				t.Errorf("wait %d: %v", i, wait)
			}
		}
		if first, last := transport.at[1].Sub(transport.at[0]), transport.at[11].Sub(transport.at[10]); last < 4*first {
			t.Errorf("first wait %v, last %v", first, last)
		}
	})
}

func TestRetryAfterBothForms(t *testing.T) {
	for _, status := range []int{429, 503} {
		for _, form := range []func() string{
			func() string { return "40" },
			func() string { return time.Now().Add(40 * time.Second).UTC().Format(http.TimeFormat) },
		} {
			fakeTime(t, func(t *testing.T) {
				n := 0
				c, transport := client(t, func(w http.ResponseWriter, _ *http.Request) {
					if n++; n == 1 {
						w.Header().Set("Retry-After", form())
						w.WriteHeader(status)
						return
					}
					io.WriteString(w, "{}")
				})
				if _, err := c.Workflow(background, "w"); err != nil {
					t.Fatal(err)
				}
				if wait := transport.at[1].Sub(transport.at[0]); wait < 40*time.Second || wait > 42*time.Second {
					t.Errorf("%d: waited %v", status, wait)
				}
			})
		}
	}
}

func TestRateLimitDoesNotUseUpTriesButEnds(t *testing.T) {
	fakeTime(t, func(t *testing.T) {
		n := 0
		c, _ := client(t, func(w http.ResponseWriter, _ *http.Request) {
			if n++; n <= 10 {
				w.Header().Set("Retry-After", "20")
				w.WriteHeader(429)
				return
			}
			io.WriteString(w, "{}")
		}, func(cfg *Config) { cfg.Retries = 2 })
		if _, err := c.Workflow(background, "w"); err != nil || n != 11 {
			t.Error(err, n)
		}
	})
	for _, header := range []string{"", "0", "-5", "soon", "300", "99999999", "Mon, 01 Jan 2001 00:00:00 GMT"} {
		fakeTime(t, func(t *testing.T) {
			c, transport := client(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Retry-After", header)
				w.WriteHeader(429)
			})
			start := time.Now()
			_, err := c.Workflow(background, "w")
			wantKind(t, err, ErrRateLimited)
			if took := time.Since(start); took > 17*time.Minute || took < 5*time.Minute || transport.count() > 200 {
				t.Errorf("%q: gave up after %v and %d requests", header, took, transport.count())
			}
		})
	}
}

func TestWaitsObeyTheContext(t *testing.T) {
	for name, h := range map[string]http.HandlerFunc{
		"backoff": answer(500, ""),
		"pause":   func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Retry-After", "500"); w.WriteHeader(429) },
	} {
		fakeTime(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(background, 100*time.Millisecond)
			defer cancel()
			c, _ := client(t, h)
			start := time.Now()
			_, err := c.Workflow(ctx, "w")
			wantKind(t, err, context.DeadlineExceeded)
			if time.Since(start) != 100*time.Millisecond {
				t.Error(name, time.Since(start))
			}
		})
	}
	fakeTime(t, func(t *testing.T) { // waiting for a turn
		c, transport := client(t, answer(200, "{}"), func(cfg *Config) { cfg.Rate = 0.01 })
		ctx, cancel := context.WithTimeout(background, time.Second)
		defer cancel()
		_, _ = c.Workflow(ctx, "w")
		_, err := c.Workflow(ctx, "w")
		wantKind(t, err, context.DeadlineExceeded)
		if transport.count() != 1 {
			t.Error(transport.count())
		}
	})
}

func TestEveryTryPaysTheLimit(t *testing.T) {
	fakeTime(t, func(t *testing.T) {
		c, transport := client(t, answer(200, "{}"), func(cfg *Config) { cfg.Rate = 2 })
		start := time.Now()
		for range 9 {
			if _, err := c.Workflow(background, "w"); err != nil {
				t.Fatal(err)
			}
		}
		if took := time.Since(start); took != 4*time.Second || transport.count() != 9 {
			t.Error(took, transport.count())
		}
	})
}

func TestOneRateLimitPausesAllCallers(t *testing.T) {
	fakeTime(t, func(t *testing.T) {
		var mu sync.Mutex
		n := 0
		c, transport := client(t, func(w http.ResponseWriter, _ *http.Request) {
			mu.Lock()
			defer mu.Unlock()
			if n++; n == 5 {
				w.Header().Set("Retry-After", "60")
				w.WriteHeader(429)
				return
			}
			io.WriteString(w, "{}")
		}, func(cfg *Config) { cfg.Rate = 10 })
		var callers sync.WaitGroup
		for range 20 {
			callers.Go(func() {
				if _, err := c.Workflow(background, "w"); err != nil {
					t.Error(err)
				}
			})
		}
		callers.Wait()
		limited := transport.at[4]
		for i, at := range transport.at[5:] {
			if at.Before(limited.Add(60 * time.Second)) {
				t.Errorf("request %d was sent %v after the 429", i+5, at.Sub(limited))
			}
		}
		if transport.count() != 21 {
			t.Error(transport.count())
		}
	})
}

func TestPacerFallsOncePerGenerationAndRecovers(t *testing.T) {
	fakeTime(t, func(t *testing.T) {
		p := newPacer(8)
		gen, err := p.wait(background)
		if err != nil {
			t.Fatal(err)
		}
		for range 5 { // all in flight at once
			p.throttled(gen, time.Second)
		}
		if rate, slow := p.current(); rate != 4 || !slow {
			t.Errorf("rate %v", rate)
		}
		p.ok(gen) // an old answer
		if rate, _ := p.current(); rate != 4 {
			t.Errorf("rate %v", rate)
		}
		steps := 0
		for ; steps < 100; steps++ {
			if rate, slow := p.current(); rate == 8 && !slow {
				break
			}
			gen, _ = p.wait(background)
			p.ok(gen)
		}
		if steps < 5 || steps > 20 {
			t.Errorf("recovered in %d steps", steps)
		}
		for range 50 {
			gen, _ = p.wait(background)
			p.throttled(gen, time.Millisecond)
		}
		if rate, _ := p.current(); rate != slowestRate {
			t.Errorf("rate %v", rate)
		}
	})
}

func TestUnlimitedPaceFallsToHalfOfWhatWasSeenAndComesBack(t *testing.T) {
	fakeTime(t, func(t *testing.T) {
		p := newPacer(0)
		var gen uint64
		for range 200 {
			gen, _ = p.wait(background)
			time.Sleep(10 * time.Millisecond)
		}
		p.throttled(gen, time.Second)
		rate, slow := p.current()
		if rate < 20 || rate > 60 || !slow {
			t.Errorf("rate %v after 100 a second", rate)
		}
		for range 200 {
			gen, _ = p.wait(background)
			p.ok(gen)
		}
		if rate, slow := p.current(); rate != 0 || slow {
			t.Errorf("rate %v", rate)
		}
	})
}

func TestFailuresInARowSlowThePace(t *testing.T) {
	fakeTime(t, func(t *testing.T) {
		p := newPacer(10)
		for range failuresSlow {
			gen, _ := p.wait(background)
			p.failed(gen, 0)
		}
		if rate, _ := p.current(); rate != 7 {
			t.Errorf("rate %v", rate)
		}
		gen, _ := p.wait(background)
		p.ok(gen)
		p.failed(gen, 0)
		if rate, _ := p.current(); rate != 7.5 {
			t.Errorf("rate %v", rate)
		}
	})
}

func TestPaceTellsBoth(t *testing.T) {
	c, _ := client(t, nil, func(cfg *Config) { cfg.Rate, cfg.BlobRate = 3, 0 })
	if p := c.Pace(); p != (Pace{API: 3}) {
		t.Error(p)
	}
	c.blob.throttled(0, time.Hour)
	if p := c.Pace(); !p.Throttled || p.Blob < slowestRate {
		t.Error(p)
	}
}

func FuzzRetryAfter(f *testing.F) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, s := range []string{"", "5", "0.5", "-1", "NaN", "Inf", "1e400", "99999999999999999999", now.Add(time.Minute).Format(http.TimeFormat), "Thu, 01 Jan 1970 00:00:00 GMT"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, header string) {
		if d := retryAfter(header, now); d < 0 || d > 1e6*time.Second {
			t.Error(d)
		}
	})
}

func TestRetryAfterTable(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for header, want := range map[string]time.Duration{
		"": 0, "120": 2 * time.Minute, " 7 ": 7 * time.Second, "1.5": 1500 * time.Millisecond, "-3": 0, "x": 0,
		"Thu, 01 Jan 2026 00:01:00 GMT": time.Minute, "Thursday, 01-Jan-26 00:01:00 GMT": time.Minute, "Wed, 31 Dec 2025 00:00:00 GMT": 0,
	} {
		if got := retryAfter(header, now); got != want {
			t.Errorf("%q: %v, want %v", header, got, want)
		}
	}
	if askedPause(errors.New("x")) != 0 || askedPause(&Error{RetryAfter: time.Hour}) != maxPause {
		t.Error("asked pause")
	}
}
