package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"civitar/internal/durable"
	"civitar/internal/hook"
	"civitar/internal/metrics"
	"civitar/internal/report"
	"civitar/manifest"
	"civitar/pipeline"
)

// soonDays is from when on it is warned that something expires that is not kept.
const soonDays = 5

// signsFlags say who is told how a run went.
type signsFlags struct {
	Report      bool          `group:"signs" help:"Write a report of the run into the archive: reports/, as JSON and Markdown."`
	OnSuccess   []string      `placeholder:"HOOK" sep:"none" group:"signs" help:"After a run without faults: a command, or a URL that gets the report as JSON; repeat for more."`
	OnFailure   []string      `placeholder:"HOOK" sep:"none" group:"signs" help:"After one with faults."`
	OnChange    []string      `placeholder:"HOOK" sep:"none" group:"signs" help:"After one that kept something."`
	Ping        string        `placeholder:"URL" group:"signs" help:"Healthchecks-style: URL/start before, URL after, URL/fail after faults."`
	HookTimeout time.Duration `default:"1m" group:"signs" help:"How long a hook may take (default ${default})."`
	Metrics     string        `placeholder:"ADDR" group:"signs" help:"Serve Prometheus metrics during the run, like 127.0.0.1:9464."`
	MetricsFile localPath     `placeholder:"FILE" group:"signs" help:"Write Prometheus metrics, for the textfile collector."`
}

func (f *signsFlags) check() error {
	switch {
	case f.Ping != "" && !hook.IsURL(f.Ping):
		return usagef("--ping needs a URL: http:// or https://")
	case f.HookTimeout <= 0:
		return usagef("--hook-timeout must be more than 0")
	case slices.Contains(slices.Concat(f.OnSuccess, f.OnFailure, f.OnChange), ""):
		return usagef("a hook is empty: give a command or a URL")
	}
	return nil
}

// any tells whether somebody is to be told.
func (f *signsFlags) any() bool {
	return f.Report || f.Ping != "" || f.Metrics != "" || f.MetricsFile != "" || len(f.OnSuccess)+len(f.OnFailure)+len(f.OnChange) > 0
}

// signs tell how one run goes.
type signs struct {
	*signsFlags
	s       *session
	dest    string
	figures *metrics.Registry
	stop    func() // of the metrics' server

	report report.Report
	home   *home // nil until the archive was held
	rounds bool  // each round of an archive that is followed is told by itself
	warned int64 // of what expires soon
}

// begin tells that a run begins. A port that cannot be had ends it before anything is done.
func (f *signsFlags) begin(s *session, dest string) (*signs, error) {
	sg := &signs{signsFlags: f, s: s, dest: dest, figures: s.metrics, stop: func() {}}
	if sg.figures == nil {
		sg.figures = &metrics.Registry{}
	}
	sg.again()
	if f.Metrics != "" {
		stop, err := sg.figures.Serve(s.ctx, f.Metrics)
		if err != nil {
			return nil, fmt.Errorf("--metrics %s cannot be served: %w: give a free address, like 127.0.0.1:9464", f.Metrics, err)
		}
		sg.stop = stop
	}
	if f.Ping != "" {
		sg.warn(sg.call(strings.TrimSuffix(f.Ping, "/")+"/start", nil, "text/plain"))
	}
	return sg, nil
}

// again begins the report of another round.
func (sg *signs) again() {
	sg.report = report.Report{Version: 1, Civitar: version(), Archive: sg.dest, Started: time.Now().UTC().Truncate(time.Millisecond), SoonDays: soonDays}
}

// took takes in what the run did, while the archive is still held.
func (sg *signs) took(h *held, summary pipeline.Summary, throttled int64, log *slog.Logger) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	sg.home, sg.report.Run, sg.report.Summary, sg.report.Limited = h.home, summary.Run, &summary, throttled
	sg.report.Changed = summary.Kept > 0
	waiting, total, err := h.record.Waiting(ctx, 1)
	if err == nil {
		sg.report.Soon, err = h.record.Expiring(ctx, time.Now().Add(-retention), time.Now().Add(soonDays*24*time.Hour-retention))
	}
	if err != nil {
		log.Warn("it cannot be told what expires next", "error", err)
		return
	}
	sg.report.Waiting = total
	if len(waiting) > 0 && !waiting[0].Completed.IsZero() {
		sg.report.Next = waiting[0].Completed.Add(retention)
	}
	if sg.report.Soon > sg.warned {
		log.Warn("something that is not kept expires soon", "blobs", sg.report.Soon, "within", fmt.Sprintf("%d days", soonDays), "archive", sg.dest)
	}
	sg.warned = sg.report.Soon
}

// end tells how the run went, and passes its error on. Where nothing else was wrong, a sign
// that could not be given is.
func (sg *signs) end(err error) error {
	defer sg.stop()
	if sg.rounds && err == nil {
		return nil
	}
	return sg.tell(err)
}

// tell tells how a run went, or one of its rounds.
func (sg *signs) tell(err error) error {
	if !sg.any() && sg.s.metrics == nil {
		return err
	}
	r := &sg.report
	r.Ended = time.Now().UTC().Truncate(time.Millisecond)
	r.Outcome, r.Error = outcomeOf(err)
	if r.Run == "" {
		r.Run = "none"
	}
	body, rerr := r.JSON()
	fault := rerr
	path := ""
	if sg.Report && sg.home != nil {
		var werr error
		path, werr = sg.write(body)
		fault = errors.Join(fault, werr)
	}
	fault = errors.Join(fault, sg.measure(), sg.hooks(body, path), sg.ping())
	sg.warn(fault)
	if err == nil && fault != nil {
		return exitError{exitIncomplete}
	}
	return err
}

func outcomeOf(err error) (report.Outcome, string) {
	var exit exitError
	switch {
	case err == nil:
		return report.Success, ""
	case errors.As(err, &exit) && exit.code == exitIncomplete:
		return report.Incomplete, ""
	case errors.As(err, &exit) && exit.code == exitInterrupted, errors.Is(err, context.Canceled):
		return report.Interrupted, ""
	}
	return report.Failed, explain(err)
}

// warn tells what was wrong with a sign, one sentence each.
func (sg *signs) warn(err error) {
	if err == nil {
		return
	}
	for line := range strings.Lines(err.Error()) {
		fmt.Fprintf(sg.s.Stderr, "civitar: %s; the archive is as the summary says\n", oneLine(strings.TrimSpace(line)))
	}
}

// write writes the report, and tells where to.
func (sg *signs) write(body []byte) (path string, err error) {
	name, markdown := sg.report.Name(), sg.report.Markdown()
	if store := sg.home.store; store != nil {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		return store.URL(name + ".json"), errors.Join(store.PutText(ctx, name+".json", body), store.PutText(ctx, name+".md", markdown))
	}
	dir := filepath.Join(sg.home.dir, report.Dir)
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return "", err
	}
	folder, err := durable.Open(dir, nil)
	if err != nil {
		return "", err
	}
	base := filepath.Base(name)
	err = errors.Join(folder.Replace(base+".json", body, 0o666), folder.Replace(base+".md", markdown, 0o666))
	entries, lerr := os.ReadDir(dir)
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = e.Name()
	}
	for _, old := range report.Old(names) {
		lerr = errors.Join(lerr, folder.Remove(old))
	}
	return filepath.Join(dir, base+".json"), errors.Join(err, lerr, folder.Close())
}

// beat tells that a round went as those before, and changed nothing: only to those who take
// silence for a fault.
func (sg *signs) beat(err error) {
	r := &sg.report
	r.Ended = time.Now().UTC().Truncate(time.Millisecond)
	r.Outcome, r.Error = outcomeOf(err)
	sg.warn(errors.Join(sg.measure(), sg.ping()))
}

// measure brings the metrics up to the report.
func (sg *signs) measure() error {
	r := sg.report
	f := metrics.Figures{LastRun: r.Ended, Waiting: r.Waiting, NextExpiry: r.Next, Throttled: r.Limited, Blobs: map[string]int64{}}
	if r.Outcome == report.Success {
		f.LastSuccess = r.Ended
	}
	if s := r.Summary; s != nil {
		f.Received = s.Received
		for state, n := range map[manifest.State]int64{manifest.Kept: s.Kept, "known": s.Known, manifest.Skipped: s.Skipped, manifest.Withheld: s.Withheld,
			manifest.Gone: s.Gone, manifest.Failed: s.Failed, manifest.Pending: s.Pending} {
			f.Blobs[string(state)] = n
		}
	}
	sg.figures.Set(sg.dest, f)
	if sg.MetricsFile == "" {
		return nil
	}
	if err := sg.figures.WriteFile(string(sg.MetricsFile), time.Now()); err != nil {
		return fmt.Errorf("--metrics-file: %w", err)
	}
	return nil
}

// hooks calls all that the outcome is for.
func (sg *signs) hooks(body []byte, path string) error {
	var due []string
	if sg.report.Outcome == report.Success {
		due = append(due, sg.OnSuccess...)
	} else {
		due = append(due, sg.OnFailure...)
	}
	if sg.report.Changed {
		due = append(due, sg.OnChange...)
	}
	var errs []error
	for _, h := range due {
		errs = append(errs, sg.call(h, body, "application/json", sg.environment(path)...))
	}
	return errors.Join(errs...)
}

// ping tells the outcome to who waits for it.
func (sg *signs) ping() error {
	if sg.Ping == "" {
		return nil
	}
	to := strings.TrimSuffix(sg.Ping, "/")
	if sg.report.Outcome != report.Success {
		to += "/fail"
	}
	return sg.call(to, []byte(sg.report.Line()+"\n"), "text/plain; charset=utf-8")
}

func (sg *signs) call(to string, body []byte, media string, env ...string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(sg.s.ctx), sg.HookTimeout)
	defer cancel()
	return hook.Call(ctx, to, env, body, media)
}

// environment is what a command gets: this process's without the token, and the run.
func (sg *signs) environment(path string) []string {
	var env []string
	for _, v := range os.Environ() {
		name, _, _ := strings.Cut(v, "=")
		if name != "CIVITAI_API_TOKEN" && name != "CIVITAI_API_KEY" {
			env = append(env, v)
		}
	}
	r := sg.report
	env = append(env, "CIVITAR_RUN="+r.Run, "CIVITAR_ARCHIVE="+r.Archive, "CIVITAR_OUTCOME="+string(r.Outcome), "CIVITAR_ERROR="+r.Error, "CIVITAR_REPORT="+path)
	if s := r.Summary; s != nil {
		env = append(env, fmt.Sprintf("CIVITAR_KEPT=%d", s.Kept), fmt.Sprintf("CIVITAR_FAILED=%d", s.Failed), fmt.Sprintf("CIVITAR_PENDING=%d", s.Pending), fmt.Sprintf("CIVITAR_BYTES=%d", s.Bytes))
	}
	return env
}
