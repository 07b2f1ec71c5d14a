package cli

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"civitar/internal/repair"
	"civitar/internal/verify"
	"civitar/manifest"
	"civitar/pipeline"
	"civitar/policy"
)

type repairCmd struct {
	Dest     string      `arg:"" optional:"" default:"./civitai-archive" help:"Folder of the archive, or s3://bucket/prefix (default ${default})."`
	Workers  *int        `placeholder:"N" help:"Transfers at once (default: as many as pay)."`
	Segments int         `default:"4" placeholder:"N" help:"Connections at most for one large blob (default ${default}; 1: always one)."`
	BWLimit  byteSize    `name:"bwlimit" placeholder:"SIZE" help:"Bytes a second, like 10MiB; 0 for no limit (default)."`
	Identity []string    `short:"i" type:"existingfile" placeholder:"FILE" help:"Reads the sidecars of an encrypted archive."`
	Sandbox  bool        `help:"The archive is of the simulated account; needs no token and no network."`
	API      apiFlags    `embed:""`
	Output   outputFlags `embed:""`
}

func (repairCmd) Help() string { return "Example:  civitar repair ~/civitai" }

func (c *repairCmd) check() error {
	switch {
	case !someWorkers(c.Workers):
		return usagef("--workers must be from 1 to 256")
	case !someSegments(c.Segments):
		return usagef("--segments must be from 1 to 16")
	case c.Output.JSON && c.Output.Quiet:
		return usagef("--json and --quiet exclude each other")
	}
	return c.API.check()
}

// Run makes an archive whole again, and says what cannot be restored.
func (c *repairCmd) Run(s *session) error {
	if err := c.check(); err != nil {
		return err
	}
	ctx, cancel := s.drainable()
	defer cancel()
	at, err := s.home(c.Dest)
	if err == nil {
		err = at.changeable("repair")
	}
	if err == nil {
		err = at.there(ctx)
	}
	if err != nil {
		return err
	}
	screen := newScreen(s.Stderr)
	log := c.Output.logger(s.World, screen)
	client, source, disconnect, err := c.API.connect(s, c.Sandbox, log)
	if err != nil {
		return err
	}
	defer disconnect()
	h, err := hold(ctx, at, manifest.Options{Source: source, Logger: log, Repair: true, Hook: s.Disk}, nil)
	if err != nil {
		return err
	}
	defer h.Close()
	unseal, err := unsealer(s, c.Identity)
	if err != nil {
		return err
	}
	runs, err := h.record.Runs(ctx, 1)
	if err != nil {
		return err
	}
	var kept policy.Policy
	if len(runs) > 0 {
		if kept, err = lastPolicy(&runs[0]); err != nil {
			return err
		}
	}
	files, err := at.files()
	if err != nil {
		return err
	}
	defer files.Close()
	told := newFindings(s, c.Output.JSON)
	cfg := repair.Config{
		Dir: at.dir, Files: files, Unseal: unseal, Record: h.record, Sink: h.shelf, Progress: &verify.Progress{}, Tell: func(st repair.Step) { c.tell(told, st) },
		Pipeline: pipeline.Config{Source: client, Policy: kept, Filing: h.filing, Workers: orZero(c.Workers), Segments: c.Segments, Tries: c.API.Retries, Bandwidth: int64(c.BWLimit),
			Drain: s.drain, ID: rand.Text()[:12], Logger: log},
	}
	stop := told.watch(cfg.Progress, c.Output.Quiet || c.Output.JSON)
	report, err := repair.Run(s.ctx, cfg)
	stop()
	return c.verdict(s, told, report, errors.Join(err, c.finish(h, cfg.Pipeline, report, err == nil)))
}

// finish writes down what was done.
func (c *repairCmd) finish(h *held, cfg pipeline.Config, r repair.Report, inOrder bool) error {
	if r.Run != nil {
		if err := finish(h, *r.Run, cfg); err != nil {
			return err
		}
		inOrder = inOrder && !r.Run.Interrupted
	} else {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := h.summarize(ctx, time.Now()); err != nil {
			return err
		}
	}
	if inOrder {
		h.record.Settle(false)
	}
	return nil
}

func (c *repairCmd) tell(told *findings, st repair.Step) {
	if told.events != nil {
		told.events.write(struct {
			Event string `json:"event"`
			repair.Step
		}{"step", st})
		return
	}
	if c.Output.Quiet && st.Action != repair.Lost && st.Action != repair.Waiting {
		return
	}
	told.screen.clear()
	what := oneLine(st.What)
	if st.To != "" {
		what = "now " + oneLine(st.To) + ": " + what
	}
	fmt.Fprintf(told.out, "%-9s  %s  %s\n", st.Action, oneLine(st.Path), what)
}

func (c *repairCmd) verdict(s *session, told *findings, r repair.Report, err error) error {
	if told.events != nil {
		line := struct {
			Event   string `json:"event"`
			Archive string `json:"archive"`
			Error   string `json:"error,omitempty"`
			repair.Report
		}{Event: "summary", Archive: c.Dest, Report: r}
		if err != nil {
			line.Error = explain(err)
		}
		told.events.write(line)
	} else if err == nil && !c.Output.Quiet {
		fmt.Fprintf(told.out, "%s: %d restored, %d put aside, %d lost for good, %d to be tried again\n", c.Dest,
			r.Steps[repair.Restored], r.Steps[repair.Aside], r.Steps[repair.Lost], r.Steps[repair.Waiting])
	}
	switch {
	case s.ctx.Err() != nil || r.Run != nil && r.Run.Interrupted:
		return exitError{exitInterrupted}
	case err != nil:
		return err
	case !r.Whole():
		return exitError{exitIncomplete}
	}
	return nil
}
