package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"civitar/internal/config"
	"civitar/internal/metrics"
	"civitar/internal/schedule"
	"civitar/internal/sdnotify"
)

type daemonCmd struct {
	Profile []string `arg:"" optional:"" help:"Only these profiles (default all that have a schedule)."`
	configFlag
	LogLevel  string `enum:"debug,info,warn,error" default:"info" help:"Least log level: debug, info, warn, error (default ${default})."`
	LogFormat string `enum:"text,json" default:"text" help:"Log lines as text or json."`
	Metrics   string `placeholder:"ADDR" help:"Serve Prometheus metrics of all profiles, like 127.0.0.1:9464."`
}

func (daemonCmd) Help() string { return "Example:  civitar daemon" }

// Run runs profiles at their times until a signal: the first lets what is at work end as a
// run does, the second ends it at once.
func (c *daemonCmd) Run(s *session) error {
	s.Stdout, s.Stderr = &sharedWriter{w: s.Stdout}, &sharedWriter{w: s.Stderr}
	output := outputFlags{LogLevel: c.LogLevel, LogFormat: c.LogFormat}
	log := output.logger(s.World, newScreen(s.Stderr))
	profiles, path, err := c.profiles(s)
	if err != nil {
		return err
	}
	s.metrics = &metrics.Registry{}
	if c.Metrics != "" {
		stop, err := s.metrics.Serve(s.ctx, c.Metrics)
		if err != nil {
			return fmt.Errorf("--metrics %s cannot be served: %w: give a free address, like 127.0.0.1:9464", c.Metrics, err)
		}
		defer stop()
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return err
	}
	state := schedule.InFolder(filepath.Join(cache, "civitar"))
	service := sdnotify.New(s.env("NOTIFY_SOCKET"))
	d := &daemon{s: s, log: log, scheduler: &schedule.Scheduler{State: state, Logger: log}}
	ready := func() { d.tell(service.Ready(plural(int64(len(profiles)), "profile") + " of " + path)) }
	for profiles != nil {
		log.Info("at work", "profiles", names(profiles), "config", path)
		ready()
		profiles = d.until(profiles, func() []profile {
			d.tell(service.Reloading(monotonic()))
			again, _, err := c.profiles(s)
			if err != nil {
				log.Error("the configuration is not taken over: the old one stays in force", "error", oneLine(err.Error()))
				ready()
			}
			return again
		})
	}
	d.tell(service.Stopping())
	log.Info("ended")
	return nil
}

// profiles are those that are to run by themselves.
func (c *daemonCmd) profiles(s *session) ([]profile, string, error) {
	file, err := c.load()
	if err != nil {
		return nil, "", err
	}
	for _, name := range c.Profile {
		if _, err := file.Profile(name); err != nil {
			return nil, "", usageError{err}
		}
	}
	var all []profile
	wrong := &config.Mistakes{Path: file.Path}
	for _, found := range file.Profiles() {
		if len(c.Profile) > 0 && !slices.Contains(c.Profile, found.Name) {
			continue
		}
		p := newProfile(file.Path, found)
		wrong.All = append(wrong.All, p.check(s)...)
		_, scheduled := p.Setting("schedule")
		switch {
		case scheduled:
			all = append(all, p)
		case len(c.Profile) > 0 && p.follows(s):
			return nil, "", usagef("profile %s follows and has no schedule: civitar run %s keeps it going", p.Name, p.Name)
		case len(c.Profile) > 0:
			return nil, "", usagef("profile %s has no schedule: add schedule = \"0 3 * * *\"", p.Name)
		}
	}
	if len(wrong.All) > 0 {
		return nil, "", usageError{wrong}
	}
	if len(all) == 0 {
		return nil, "", fmt.Errorf("no profile of %s has a schedule: add schedule = \"0 3 * * *\" to one", file.Path)
	}
	return all, file.Path, nil
}

func names(profiles []profile) string {
	all := make([]string, len(profiles))
	for i, p := range profiles {
		all[i] = p.Name
	}
	return strings.Join(all, ", ")
}

// daemon is one at work.
type daemon struct {
	s         *session
	log       *slog.Logger
	scheduler *schedule.Scheduler
}

func (d *daemon) tell(err error) {
	if err != nil {
		d.log.Warn("systemd was not told", "error", err)
	}
}

// until runs profiles until reload gives others, and returns those; nil is the end. Runs at
// work end before.
func (d *daemon) until(profiles []profile, reload func() []profile) (next []profile) {
	stop, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		d.scheduler.Run(d.s.ctx, stop, d.jobs(profiles))
	}()
	for next == nil {
		select {
		case <-ended: // by ctx
			return nil
		case <-d.s.drain:
			close(stop)
			<-ended
			return nil
		case <-d.s.Hangups:
			next = reload()
		}
	}
	d.log.Info("the configuration is read again; runs at work end first")
	close(stop)
	<-ended
	return next
}

// jobs are those of profiles that were checked.
func (d *daemon) jobs(profiles []profile) []schedule.Job {
	var jobs []schedule.Job
	for _, p := range profiles {
		at, err := p.plan()
		if err != nil {
			d.log.Error("this profile does not run", "profile", p.Name, "error", err)
			continue
		}
		archive := p.place(p.Text("dest"))
		if abs, err := filepath.Abs(archive); err == nil {
			archive = abs
		}
		jobs = append(jobs, schedule.Job{Name: p.Name, Archive: archive, Schedule: at.times, Jitter: at.Jitter, Retries: at.Retry,
			Run: func(ctx context.Context) error { return d.run(ctx, p) }})
	}
	return jobs
}

// run runs a profile once. What it says comes with its name before every line.
func (d *daemon) run(ctx context.Context, p profile) error {
	out, said := &lineWriter{w: d.s.Stdout, prefix: p.Name + ": "}, &lineWriter{w: d.s.Stderr, prefix: p.Name + ": "}
	defer out.flush()
	defer said.flush()
	s := &session{World: d.s.World, metrics: d.s.metrics, ctx: ctx, drain: d.s.drain}
	s.Stdout, s.Stderr = out, said
	err := p.run(s, nil)
	var exit exitError
	var usage usageError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &exit) && exit.code == exitIncomplete:
		return errors.New("some blobs failed")
	case errors.As(err, &exit):
		return fmt.Errorf("it was interrupted: %w", schedule.ErrFinal)
	case errors.As(err, &usage):
		return fmt.Errorf("%w: %w", err, schedule.ErrFinal)
	}
	return errors.New(explain(err))
}

// lineWriter begins every line with a prefix, and hands on whole lines only.
type lineWriter struct {
	w      io.Writer
	prefix string
	rest   []byte
}

func (l *lineWriter) Write(p []byte) (int, error) {
	l.rest = append(l.rest, p...)
	for {
		i := bytes.IndexByte(l.rest, '\n')
		if i < 0 {
			return len(p), nil
		}
		if _, err := fmt.Fprintf(l.w, "%s%s", l.prefix, l.rest[:i+1]); err != nil {
			return 0, err
		}
		l.rest = l.rest[i+1:]
	}
}

func (l *lineWriter) flush() {
	if len(l.rest) > 0 {
		_, _ = l.Write([]byte("\n")) // whoever does not read it misses nothing else
	}
}

// sharedWriter is for the writers of several runs.
type sharedWriter struct {
	mu sync.Mutex
	w  io.Writer
}

func (s *sharedWriter) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.w.Write(p)
}
