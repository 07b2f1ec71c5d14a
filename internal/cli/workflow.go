package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"civitar/fetch"
)

type workflowCmd struct {
	Workflow string        `arg:"" name:"workflowId" help:"The workflow's id."`
	Wait     bool          `help:"Ask again until it has ended, and fail when it failed."`
	Timeout  time.Duration `default:"10m" placeholder:"TIME" help:"How long to wait (default ${default})."`

	Look lookFlags `embed:""`
	showFlags
}

func (workflowCmd) Help() string {
	return "Example:  civitar workflow 8484131-20260810223715659 --wait --timeout 5m"
}

// Run answers the API's own JSON, unless a table or fields are asked for.
func (c *workflowCmd) Run(s *session) error {
	if c.Timeout <= 0 {
		return usagef("--timeout must be more than nothing, like 90s or 10m")
	}
	return c.Look.ask(s, func(ctx context.Context, client *fetch.Client) error {
		w, err := c.get(ctx, s, client)
		if w == nil {
			return err
		}
		if c.raw() {
			err = errors.Join(c.showRaw(s, w.JSON), err)
		} else {
			err = errors.Join(c.show(s, workflowRecord(w)), err)
		}
		if c.Wait && err == nil && w.Status != "succeeded" {
			fmt.Fprintf(s.Stderr, "civitar: the workflow %s\n", verdictOn(w))
			return exitError{exitIncomplete}
		}
		return err
	})
}

func (c *workflowCmd) get(ctx context.Context, s *session, client *fetch.Client) (*fetch.Workflow, error) {
	id := fetch.WorkflowID(c.Workflow)
	if !c.Wait {
		return client.Workflow(ctx, id)
	}
	waiting, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	line := newScreen(s.Stderr)
	started := time.Now()
	w, err := client.Wait(waiting, id, func(w *fetch.Workflow, next time.Duration) {
		if line.terminal {
			text := fmt.Sprintf("%s, %s so far, asked again in %s", oneLine(string(w.Status)), time.Since(started).Round(time.Second), next)
			fmt.Fprint(barWriter{line}, eraseLine+fit(text, line.width()-1))
		}
	})
	line.clear()
	if ctx.Err() == nil && waiting.Err() != nil {
		err = fmt.Errorf("workflow %s had not ended after %s: wait again, or longer with --timeout", id, c.Timeout)
	}
	return w, err
}

// verdictOn says how a workflow ended, and the server's reasons.
func verdictOn(w *fetch.Workflow) string {
	text := oneLine(string(w.Status))
	if w.Status == "canceled" || w.Status == "expired" || w.Status == "deleted" {
		text = "was " + text
	}
	for i, reason := range w.Errors {
		if i == 0 {
			text += ": "
		} else {
			text += "; "
		}
		text += oneLine(reason)
	}
	return text
}
