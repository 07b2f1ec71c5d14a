package cli

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"os"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"civitar/fetch"
	"civitar/internal/pack"
	"civitar/manifest"
	"civitar/pipeline"
)

type archiveCmd struct {
	Dest string `arg:"" optional:"" default:"./civitai-archive" help:"Folder of the archive, a package (.tar, .tar.zst, .zip) or s3://bucket/prefix (default ${default})."`

	Tag           []string `placeholder:"TAG" sep:"none" help:"Only workflows with this tag; repeat for more, all must match."`
	Query         string   `placeholder:"TEXT" help:"Only workflows whose metadata match."`
	From          moment   `placeholder:"DATE" help:"Created at or after: 2026-08-10 or RFC 3339, UTC assumed."`
	To            moment   `placeholder:"DATE" help:"Created at or before; a bare day includes that day."`
	ExcludeFailed bool     `aliases:"excludeFailed" help:"Leave out failed, expired and canceled workflows."`
	Oldest        bool     `aliases:"ascending" help:"List the oldest first."`
	Limit         int      `placeholder:"N" help:"At most this many workflows."`
	Workflow      []string `placeholder:"ID" sep:"none" help:"Only this workflow; repeat for more, - reads ids from stdin."`
	Full          bool     `help:"List everything again, and ask again for what was withheld or gone."`
	DryRun        bool     `help:"Only tell what would be kept and what left out, and why; fetches and writes nothing."`

	Follow      bool          `help:"Go on until interrupted: keep what is new, and what ends, within a minute."`
	FollowEvery time.Duration `default:"30s" placeholder:"TIME" help:"With --follow, how often the listing is looked at (default ${default})."`

	policyFlags
	filingFlags
	signsFlags

	Workers    *int     `placeholder:"N" help:"Transfers at once (default: as many as pay, up to --max-workers)."`
	MaxWorkers int      `default:"32" placeholder:"N" help:"The most transfers at once (default ${default})."`
	Segments   int      `default:"4" placeholder:"N" help:"Connections at most for one large blob (default ${default}; 1: always one)."`
	BWLimit    byteSize `name:"bwlimit" placeholder:"SIZE" help:"Bytes a second, like 10MiB; 0 for no limit (default)."`
	PageSize   int      `default:"100" help:"Workflows a page of the listing (default ${default}, at most 1000)."`

	Sandbox bool `help:"Archive a simulated account; needs no token and no network."`

	API    apiFlags    `embed:""`
	Output outputFlags `embed:""`
	pprofFlags
}

func (archiveCmd) Help() string {
	return "Example:  civitar archive ~/civitai --from 2026-08-01 --exclude-failed"
}

// check finds what is wrong with the flags before anything is done.
func (c *archiveCmd) check() error {
	switch {
	case !someWorkers(c.Workers):
		return usagef("--workers must be from 1 to 256")
	case c.MaxWorkers < 1 || c.MaxWorkers > 256:
		return usagef("--max-workers must be from 1 to 256")
	case !someSegments(c.Segments):
		return usagef("--segments must be from 1 to 16")
	case c.PageSize < 1 || c.PageSize > 1000:
		return usagef("--page-size must be from 1 to 1000")
	case slices.ContainsFunc(c.Workflow, func(id string) bool { return strings.Trim(id, ". ") == "" }):
		return usagef("--workflow needs the id of a workflow")
	case c.Limit < 0:
		return usagef("--limit must not be negative")
	case !c.From.IsZero() && !c.To.IsZero() && c.To.end().Before(c.From.Time):
		return usagef("--from is later than --to")
	case len(c.Workflow) > 0 && (len(c.Tag) > 0 || c.Query != "" || !c.From.IsZero() || !c.To.IsZero() || c.ExcludeFailed || c.Oldest || c.Limit > 0):
		return usagef("--workflow names the workflows: it goes with no other filter")
	case c.Follow && (len(c.Workflow) > 0 || c.Limit > 0 || !c.To.IsZero() || c.DryRun):
		return usagef("--follow keeps what is to come: it goes with no --workflow, --limit, --to or --dry-run")
	case c.Follow && pack.Is(c.Dest):
		return usagef("--follow does not go with a package, which has its name only between runs: follow into a folder")
	case c.FollowEvery < time.Second || c.FollowEvery > 24*time.Hour:
		return usagef("--follow-every must be from 1s to 24h")
	case c.Output.JSON && c.Output.Quiet:
		return usagef("--json and --quiet exclude each other")
	case strings.TrimSpace(c.Dest) == "":
		return usagef("the archive's folder is empty: give a path")
	}
	if _, err := c.policy(); err != nil {
		return err
	}
	return errors.Join(checkDest(c.Dest), c.filingFlags.check(), c.signsFlags.check(), c.API.check())
}

// Run archives. Its order matters: nothing is written before flags, token and an answer
// of the API are known to be good.
func (c *archiveCmd) Run(s *session) error {
	if err := c.check(); err != nil {
		return err
	}
	if c.DryRun {
		return c.run(s, nil)
	}
	told, err := c.begin(s, c.Dest)
	if err != nil {
		return err
	}
	return told.end(c.run(s, told))
}

func (c *archiveCmd) run(s *session, told *signs) error {
	stop, err := c.serve(s)
	if err != nil {
		return err
	}
	defer stop()
	screen := newScreen(s.Stderr)
	log := c.Output.logger(s.World, screen)
	c.API.hideMature = c.HideMature
	client, source, disconnect, err := c.API.connect(s, c.Sandbox, log)
	if err != nil {
		return err
	}
	defer disconnect()
	cfg, err := c.config(s, client, log)
	if err != nil {
		return err
	}
	if c.DryRun {
		return c.survey(s, screen, cfg, client)
	}
	h, err := c.hold(s, client, manifest.Options{Source: source, Logger: log, Hook: s.Disk, Segment: s.Segment}, cfg.ID)
	if err != nil {
		return err
	}
	defer h.Close()
	defer collectLess()()
	log.Info("archiving", "archive", c.Dest, "source", source)
	r := c.rounds(s, screen, cfg, client, h, told)
	if c.Follow {
		return r.follow()
	}
	return r.archive()
}

// collectLess has memory collected when the heap has tripled, not doubled: what a run
// allocates is garbage soon, and some MB more spare it a tenth of its work. GOGC, where
// somebody has set it, stays.
func collectLess() (restore func()) {
	const percent = 200
	if os.Getenv("GOGC") != "" {
		return func() {}
	}
	before := debug.SetGCPercent(percent)
	return func() { debug.SetGCPercent(before) }
}

// config is the run's, but for where things go.
func (c *archiveCmd) config(s *session, client *fetch.Client, log *slog.Logger) (pipeline.Config, error) {
	kept, err := c.policy()
	cfg := pipeline.Config{
		Source: client, Policy: kept,
		Filter: pipeline.Filter{Tags: c.Tag, Text: c.Query, From: c.From.Time, To: c.To.end(), ExcludeFailed: c.ExcludeFailed, Oldest: c.Oldest},
		Limit:  c.Limit, Full: c.Full, PageSize: c.PageSize, Workers: orZero(c.Workers), MaxWorkers: c.MaxWorkers, Segments: c.Segments, Strained: func() bool { return client.Pace().Throttled }, Tries: c.API.Retries, Bandwidth: int64(c.BWLimit),
		Drain: s.drain, ID: rand.Text()[:12], Logger: log, Tally: &pipeline.Tally{},
	}
	if len(c.Workflow) > 0 {
		cfg.IDs = c.ids(s.Stdin)
	}
	return cfg, err
}

// hold opens the archive. Before a new one is created, it makes sure of URL and token by
// one small request, so that a mistake leaves nothing behind.
func (c *archiveCmd) hold(s *session, client *fetch.Client, o manifest.Options, run string) (*held, error) {
	at, err := s.home(c.Dest)
	if err != nil {
		return nil, err
	}
	if info, err := os.Stat(c.Dest); err == nil && !info.IsDir() && at.pack == "" {
		return nil, fmt.Errorf("%s is a file: give a folder for the archive, or a package: .tar, .tar.zst or .zip", c.Dest)
	}
	ctx, cancel := s.drainable()
	defer cancel()
	there, err := at.exists(ctx)
	if err != nil {
		return nil, err
	}
	if !there {
		if _, err := c.agreed(manifest.Files{}, false); err != nil {
			return nil, err
		}
		for _, err := range client.Pages(ctx, fetch.Query{Take: 1}) {
			if err != nil {
				return nil, err
			}
			break
		}
	}
	return hold(ctx, at, o, func(record *manifest.Manifest) (manifest.Files, error) { return c.settle(ctx, record, run) })
}

// rounds are runs over an archive that is held.
type rounds struct {
	*archiveCmd
	s      *session
	screen *screen
	cfg    pipeline.Config
	client *fetch.Client
	held   *held
	signs  *signs
	events *events // nil without --json
}

func (c *archiveCmd) rounds(s *session, screen *screen, cfg pipeline.Config, client *fetch.Client, h *held, told *signs) *rounds {
	cfg.Record, cfg.Sink, cfg.Filing = h.record, h.sink, h.filing
	r := &rounds{archiveCmd: c, s: s, screen: screen, cfg: cfg, client: client, held: h, signs: told}
	if c.Output.JSON {
		r.events = newEvents(s.Stdout)
		r.cfg.Observe = r.events.blob
	}
	return r
}

// archive is one run, and all.
func (r *rounds) archive() error {
	summary, err := r.run(r.cfg, false)
	err = r.end(r.cfg, summary, err, true)
	r.signs.took(r.held, summary, r.client.Pace().Limited, r.cfg.Logger)
	err = errors.Join(err, r.held.Close()) // first of all: whoever reads the summary may hang up
	r.show(summary, err)
	return r.verdict(r.s, summary, err)
}

// run runs the pipeline once, and shows how it goes.
func (r *rounds) run(cfg pipeline.Config, calm bool) (pipeline.Summary, error) {
	r.held.record.Unsettle()
	p := &progress{tally: cfg.Tally, pace: r.client.Pace, screen: r.screen, log: cfg.Logger, quiet: r.Output.Quiet, calm: calm, events: r.events}
	stop := p.watch(r.s.drain)
	defer stop()
	return pipeline.Run(r.s.ctx, cfg)
}

// end writes down how a run went that ended with err, unless it wrote
// nothing.
func (r *rounds) end(cfg pipeline.Config, summary pipeline.Summary, err error, wrote bool) error {
	inOrder := err == nil && !summary.Interrupted
	if wrote {
		err = errors.Join(err, finish(r.held, summary, cfg))
	}
	if inOrder && err == nil {
		err = r.held.complete(r.s.ctx)
	}
	if inOrder && err == nil {
		r.held.record.Settle(cfg.Filter.Whole() && cfg.Limit == 0 && cfg.IDs == nil && cfg.Look == nil)
		if wrote {
			r.held.compact(r.s, cfg.Logger)
		}
	}
	return err
}

func (r *rounds) show(summary pipeline.Summary, err error) {
	if r.events != nil {
		r.events.summary(r.Dest, summary, err)
	} else if !r.Output.Quiet {
		showSummary(r.s.Stdout, r.Dest, summary)
	}
}

// finish writes down that the run ended, and tidies up.
func finish(h *held, summary pipeline.Summary, cfg pipeline.Config) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	now := time.Now()
	line, err := summaryLine(summary, cfg, now)
	if err == nil {
		err = h.record.Append(ctx, []manifest.Line{line})
	}
	if err == nil {
		err = h.summarize(ctx, now)
	}
	if err == nil {
		err = h.sink.Sweep(now)
	}
	return err
}

// verdict chooses the exit code.
func (c *archiveCmd) verdict(s *session, summary pipeline.Summary, err error) error {
	switch {
	case summary.Interrupted || s.ctx.Err() != nil:
		if !c.Output.Quiet {
			fmt.Fprintf(s.Stderr, "civitar: interrupted; everything so far is kept, run the same command again to go on\n")
		}
		return exitError{exitInterrupted}
	case err != nil:
		return err
	case summary.Failed > 0 || summary.Unasked > 0:
		return exitError{exitIncomplete}
	}
	return nil
}

// ids are those of --workflow, where - stands for the lines of stdin.
func (c *archiveCmd) ids(stdin io.Reader) iter.Seq2[fetch.WorkflowID, error] {
	return func(yield func(fetch.WorkflowID, error) bool) {
		for _, arg := range c.Workflow {
			if arg != "-" {
				if !yield(fetch.WorkflowID(arg), nil) {
					return
				}
				continue
			}
			lines := bufio.NewScanner(stdin)
			for lines.Scan() {
				if id := strings.TrimSpace(lines.Text()); id != "" && !yield(fetch.WorkflowID(id), nil) {
					return
				}
			}
			if err := lines.Err(); err != nil && !yield("", fmt.Errorf("ids from stdin: %w", err)) {
				return
			}
		}
	}
}

// drainable is a context for work that need not be finished: it ends with the first signal.
func (s *session) drainable() (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(s.ctx)
	go func() {
		defer cancel()
		select {
		case <-s.drain:
		case <-ctx.Done():
		}
	}()
	return ctx, cancel
}

// interrupted tells that a signal has come.
func (s *session) interrupted() bool {
	select {
	case <-s.drain:
		return true
	default:
		return s.ctx.Err() != nil
	}
}

// someWorkers tells a number of transfers that makes sense, or none.
func someWorkers(n *int) bool { return n == nil || *n >= 1 && *n <= 256 }

// someSegments tells a number of connections that makes sense: beyond the most, what comes
// ahead of its order is more than is well kept in memory.
func someSegments(n int) bool { return n >= 1 && n <= 16 }

// orZero is what a flag says, 0 where it was not given.
func orZero(n *int) int {
	if n == nil {
		return 0
	}
	return *n
}
