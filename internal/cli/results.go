package cli

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"civitar/fetch"
	"civitar/manifest"
	"civitar/pipeline"
	"civitar/policy"
)

type resultsCmd struct {
	Workflow string `arg:"" name:"workflowId" help:"The workflow's id."`
	Download bool   `help:"Fetch them into an archive."`
	Dir      string `default:"./civitai-downloads" placeholder:"FOLDER" help:"The archive's folder (default ${default})."`

	Look lookFlags `embed:""`
	showFlags
}

func (resultsCmd) Help() string {
	return "Example:  civitar results 8484131-20260810223715659 --download --dir ./pictures"
}

// Run lists every output of a workflow with what a run would do with it, or did.
func (c *resultsCmd) Run(s *session) error {
	l := shape{fields: resultFields(), columns: []string{"blob", "state", "nsfw", "kind", "reason"}}
	if c.Download {
		l.columns = []string{"state", "size", "reason", "path"}
	}
	p, err := c.printer(s, l)
	if err != nil {
		return err
	}
	return c.Look.ask(s, func(ctx context.Context, client *fetch.Client) error {
		w, err := client.Workflow(ctx, fetch.WorkflowID(c.Workflow))
		if err != nil {
			return err
		}
		if c.Download {
			return c.download(s, client, w, p)
		}
		now, all := time.Now(), policy.Policy{}
		for _, b := range w.Blobs {
			d := all.Decide(w, b, policy.Facts{}, now)
			if d.Keeps() {
				d.State = "deliverable"
			}
			if err := p.write(resultRecord(b, manifest.Blob{State: d.State, Reason: d.Text()})); err != nil {
				return err
			}
		}
		return p.end()
	})
}

// download archives the workflow: the same run as civitar archive, over one id.
func (c *resultsCmd) download(s *session, client *fetch.Client, w *fetch.Workflow, p *printer) error {
	ctx, cancel := s.drainable()
	defer cancel()
	log := slog.New(notes{s.Stderr})
	at, err := s.home(c.Dir)
	if err != nil {
		return err
	}
	h, err := hold(ctx, at, manifest.Options{Source: c.source(s), Logger: log}, nil)
	if err != nil {
		return err
	}
	defer h.Close()
	states := map[string]manifest.Blob{}
	cfg := pipeline.Config{
		Source: client, Sink: h.sink, Record: h.record, Filing: h.filing, Tries: c.Look.Retries, Drain: s.drain, ID: rand.Text()[:12], Logger: log,
		IDs:     func(yield func(fetch.WorkflowID, error) bool) { yield(w.ID, nil) },
		Observe: func(e pipeline.Event) { states[e.Blob.Blob] = e.Blob },
	}
	summary, err := pipeline.Run(s.ctx, cfg)
	err = errors.Join(err, finish(h, summary, cfg))
	if err == nil && !summary.Interrupted {
		err = h.complete(s.ctx)
	}
	for _, b := range w.Blobs {
		got, ok := states[string(b.ID)]
		if !ok {
			got = manifest.Blob{State: manifest.Pending, Reason: "not reached"}
		}
		if got.Path != "" {
			got.Path = at.path(got.Path)
		}
		err = errors.Join(err, p.write(resultRecord(b, got)))
	}
	err = errors.Join(err, p.end())
	switch {
	case summary.Interrupted || s.ctx.Err() != nil:
		fmt.Fprintln(s.Stderr, "civitar: interrupted; run the same command again to go on")
		return exitError{exitInterrupted}
	case err == nil && summary.Failed > 0:
		return exitError{exitIncomplete}
	}
	return err
}

// source is the address that the archive notes as its own.
func (c *resultsCmd) source(s *session) string {
	a, err := c.Look.access(s.World)
	if err != nil {
		return ""
	}
	return a.url
}

func resultFields() []string {
	return []string{"blob", "step", "type", "kind", "nsfw", "state", "reason", "size", "media", "sha256", "path"}
}

// resultRecord tells of a blob what the workflow says and what became of it.
func resultRecord(b fetch.Blob, m manifest.Blob) record {
	size := any(nil)
	if m.Size > 0 || b.Size > 0 {
		size = max(m.Size, b.Size)
	}
	return record{
		{"blob", string(b.ID)}, {"step", b.Step}, {"type", b.StepType}, {"kind", b.Kind}, {"nsfw", b.Level},
		{"state", string(m.State)}, {"reason", m.Reason}, {"size", size}, {"media", firstOf(m.Media, b.MediaType)},
		{"sha256", m.SHA256}, {"path", m.Path},
	}
}
