// Package schedule runs jobs at their times.
//
// Times are those of cron (five fields, or @daily and the like), or `every 6h`. A job that was
// due while nothing could run (the machine slept, was off, or the job itself was still at
// work) is caught up once. Two jobs of one archive never run at once. The clock is package
// time's.
package schedule

import (
	"fmt"
	"strings"
	"time"
	_ "time/tzdata" // Windows and small containers have no time zones of their own

	"github.com/netresearch/go-cron"
)

// Schedule is when a job is due.
type Schedule struct {
	Spec string
	Zone *time.Location
	// Every is the interval of `every 6h`, 0 for times of cron.
	Every time.Duration

	times  cron.Schedule
	hourly bool // in every hour, so also in one that a night has twice
}

// Parse reads when a job is due. zone is nil for the system's.
func Parse(spec string, zone *time.Location) (Schedule, error) {
	if zone == nil {
		zone = time.Local
	}
	s := Schedule{Spec: strings.TrimSpace(spec), Zone: zone}
	interval, isEvery := strings.CutPrefix(strings.TrimPrefix(s.Spec, "@"), "every ")
	if isEvery {
		d, err := time.ParseDuration(strings.TrimSpace(interval))
		if err != nil || d < time.Second {
			return s, fmt.Errorf("%q is no time: write it like every 6h, or every 30m, at least 1s", spec)
		}
		s.Every = d
		return s, nil
	}
	if strings.Contains(s.Spec, "=") {
		return s, fmt.Errorf("%q is no time: the time zone stands by itself, as timezone", spec)
	}
	times, err := cron.ParseStandard(s.Spec)
	if err != nil {
		return s, fmt.Errorf("%q is no time: write it like \"0 3 * * *\" (minute, hour, day, month, weekday), @daily, or every 6h: %w", spec, err)
	}
	fields := strings.Fields(s.Spec)
	s.times, s.hourly = times, s.Spec == "@hourly" || len(fields) == 5 && strings.HasPrefix(fields[1], "*")
	if s.Next(time.Now()).IsZero() {
		return s, fmt.Errorf("%q never comes", spec)
	}
	return s, nil
}

// Next is the first time after t that the job is due; zero is never.
func (s Schedule) Next(t time.Time) time.Time {
	if s.Every > 0 {
		return t.Truncate(s.Every).Add(s.Every)
	}
	next := s.times.Next(t.In(s.Zone))
	for !s.hourly && second(next) {
		next = s.times.Next(next)
	}
	return next
}

// second tells the second time that clocks show the same, in the night when they are set back.
func second(t time.Time) bool {
	_, offset := t.Zone()
	_, before := t.Add(-time.Hour).Zone()
	return before-offset == 3600
}
