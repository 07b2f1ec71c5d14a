package schedule

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// memory is a state that lasts as long as the test.
type memory struct {
	mu  sync.Mutex
	all map[string]time.Time
}

func (m *memory) Last(job string) (time.Time, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.all[job], nil
}

func (m *memory) Note(job string, due time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.all == nil {
		m.all = map[string]time.Time{}
	}
	m.all[job] = due
	return nil
}

func zone(t *testing.T, name string) *time.Location {
	t.Helper()
	z, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

func parse(t *testing.T, spec string, z *time.Location) Schedule {
	t.Helper()
	s, err := Parse(spec, z)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// during runs jobs for a while of fake time.
func during(t *testing.T, d time.Duration, state State, jobs ...Job) {
	t.Helper()
	stop := make(chan struct{})
	time.AfterFunc(d, func() { close(stop) })
	(&Scheduler{State: state, Logger: slog.New(slog.DiscardHandler)}).Run(t.Context(), stop, jobs)
}

func TestParse(t *testing.T) {
	for _, bad := range []string{"", "* * * *", "61 * * * *", "every", "every x", "every 10ms", "@never", "TZ=UTC 0 3 * * *", "0 0 31 2 *"} {
		if _, err := Parse(bad, nil); err == nil {
			t.Errorf("%q is taken for a time", bad)
		}
	}
	at := time.Date(2026, 11, 24, 10, 0, 0, 0, time.UTC)
	for spec, want := range map[string]string{"0 3 * * *": "2026-11-25T03:00", "@daily": "2026-11-25T00:00", "every 6h": "2026-11-24T12:00", "@every 1h": "2026-11-24T11:00", "*/15 * * * 1-5": "2026-11-24T10:15"} {
		if got := parse(t, spec, time.UTC).Next(at).Format("2006-01-02T15:04"); got != want {
			t.Errorf("%s: %s, want %s", spec, got, want)
		}
	}
}

// TestDaylightSaving: a job at a time that a night skips, or has twice, runs once that day.
func TestDaylightSaving(t *testing.T) {
	berlin := zone(t, "Europe/Berlin")
	for _, spec := range []string{"30 2 * * *", "0 3 * * *", "@daily"} {
		s := parse(t, spec, berlin)
		for _, begin := range []time.Time{time.Date(2026, 3, 27, 12, 0, 0, 0, berlin), time.Date(2026, 10, 23, 12, 0, 0, 0, berlin)} {
			days := map[string]int{}
			for at := s.Next(begin); at.Before(begin.AddDate(0, 0, 5)); at = s.Next(at) {
				days[at.In(berlin).Format(time.DateOnly)]++
			}
			if len(days) != 5 {
				t.Errorf("%s from %s: %v", spec, begin, days)
			}
			for day, n := range days {
				if n != 1 {
					t.Errorf("%s runs %d times on %s", spec, n, day)
				}
			}
		}
	}
}

func TestRunsWhenDue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var at []string
		job := Job{Name: "a", Schedule: parse(t, "0 3 * * *", time.UTC), Run: func(context.Context) error {
			at = append(at, time.Now().UTC().Format("02 15:04"))
			return nil
		}}
		during(t, 72*time.Hour, &memory{}, job)
		if want := []string{"01 03:00", "02 03:00", "03 03:00"}; !slices.Equal(at, want) {
			t.Error(at)
		}
	})
}

func TestMissedRunsAreCaughtUpOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		state := &memory{}
		runs := 0
		job := Job{Name: "a", Schedule: parse(t, "every 1h", time.UTC), Run: func(context.Context) error { runs++; return nil }}
		during(t, 90*time.Minute, state, job)
		if runs != 1 {
			t.Fatal(runs)
		}
		time.Sleep(48 * time.Hour) // off
		runs = 0
		during(t, 5*time.Minute, state, job)
		if runs != 1 {
			t.Errorf("%d runs after two days off", runs)
		}
		// What has never run is not missed.
		runs = 0
		job.Name = "new"
		during(t, 5*time.Minute, state, job)
		if runs != 0 {
			t.Errorf("%d runs of a new job", runs)
		}
	})
}

func TestJobsOfOneArchiveTakeTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		atWork, most, runs := 0, 0, map[string]int{}
		var mu sync.Mutex
		job := func(name, archive string) Job {
			return Job{Name: name, Archive: archive, Schedule: parse(t, "every 1h", time.UTC), Run: func(context.Context) error {
				mu.Lock()
				if archive == "same" {
					atWork++
					most = max(most, atWork)
				}
				runs[name]++
				mu.Unlock()
				time.Sleep(90 * time.Minute) // longer than until it is due again
				mu.Lock()
				defer mu.Unlock()
				if archive == "same" {
					atWork--
				}
				return nil
			}}
		}
		during(t, 24*time.Hour, &memory{}, job("a", "same"), job("b", "same"), job("c", "other"))
		if most != 1 {
			t.Errorf("%d runs of one archive at once", most)
		}
		// Each overrun is made up for by one run, not by all that were missed.
		if runs["a"] < 7 || runs["b"] < 7 || runs["a"]+runs["b"] > 16 || runs["c"] < 15 || runs["c"] > 16 {
			t.Error(runs)
		}
	})
}

func TestJitterStaysWithinBounds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const jitter = 20 * time.Minute
		late := map[time.Duration]bool{}
		job := Job{Name: "a", Schedule: parse(t, "every 1h", time.UTC), Jitter: jitter, Run: func(context.Context) error {
			by := time.Since(time.Now().Truncate(time.Hour))
			late[by] = true
			if by < 0 || by >= jitter {
				t.Errorf("late by %v", by)
			}
			return nil
		}}
		during(t, 200*time.Hour, &memory{}, job)
		if len(late) < 150 {
			t.Errorf("only %d different times in 200 runs", len(late))
		}
	})
}

func TestFailedRunsAreTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		var at []time.Duration
		job := Job{Name: "a", Schedule: parse(t, "0 */6 * * *", time.UTC), Retries: 3, Run: func(context.Context) error {
			at = append(at, time.Since(start))
			return fmt.Errorf("down")
		}}
		during(t, 11*time.Hour, &memory{}, job)
		if len(at) != 4 {
			t.Fatal(at)
		}
		for i := 1; i < len(at); i++ {
			if gap := at[i] - at[i-1]; gap < 20*time.Second<<(i-1) || gap > 2*time.Minute<<(i-1) {
				t.Errorf("try %d came %v after the one before", i, gap)
			}
		}
		// Never past the time when it is due anyway, and not where it would not help.
		at = nil
		job.Schedule, job.Retries = parse(t, "every 5m", time.UTC), 100
		during(t, 9*time.Minute, &memory{}, job)
		for _, a := range at {
			if next := start.Add(a).Truncate(5 * time.Minute).Add(5 * time.Minute); !start.Add(a).Before(next) {
				t.Error(at)
			}
		}
		at = nil
		job.Run = func(context.Context) error { at = append(at, 0); return errors.Join(ErrFinal) }
		during(t, 4*time.Minute, &memory{}, job)
		if len(at) != 1 {
			t.Error(at)
		}
	})
}

func TestStopWaitsForWhatIsAtWork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ended := false
		job := Job{Name: "a", Schedule: parse(t, "every 1h", time.UTC), Run: func(context.Context) error {
			time.Sleep(time.Hour)
			ended = true
			return nil
		}}
		during(t, 61*time.Minute, &memory{}, job)
		if !ended {
			t.Error("a run at work was left behind")
		}
	})
}

func TestStateOutlastsTheProcess(t *testing.T) {
	dir := t.TempDir() + "/below"
	at := time.Date(2026, 11, 24, 3, 0, 0, 0, time.UTC)
	if last, err := InFolder(dir).Last("a"); err != nil || !last.IsZero() {
		t.Error(last, err)
	}
	for _, name := range []string{"a", "b"} {
		if err := InFolder(dir).Note(name, at); err != nil {
			t.Fatal(err)
		}
	}
	if last, err := InFolder(dir).Last("a"); err != nil || !last.Equal(at) {
		t.Error(last, err)
	}
}
