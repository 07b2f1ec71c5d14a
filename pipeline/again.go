package pipeline

import (
	"context"
	"errors"

	"civitar/fetch"
)

const (
	revisitBatch = 200
	// askedInVain is how many workflows in a row must not be had for the asking to stop.
	askedInVain = 5
)

// listNamed asks for workflows by id.
func (r *run) listNamed(ctx context.Context, out chan<- *page) error {
	var first error
	for id, err := range r.IDs {
		if err != nil {
			return err
		}
		if err := r.sendOne(ctx, out, id); err != nil {
			if ctx.Err() != nil || errors.Is(err, fetch.ErrUnauthorized) {
				return err
			}
			if first == nil {
				first = err
			}
		}
	}
	return first
}

// listAgain asks, by id, for workflows that had not ended and those with blobs that may
// yet be had, where the listing has not shown them.
func (w *walk) listAgain(ctx context.Context) error {
	if w.look != nil {
		return w.sendEach(ctx, w.out, w.look.Again)
	}
	// What the listing has shown must be recorded before the record is asked.
	if err := w.settle(ctx); err != nil {
		return err
	}
	for after := ""; ; {
		due, err := w.Record.Revisit(ctx, w.scope, w.ID, after, revisitBatch)
		if err != nil || len(due) == 0 {
			return err
		}
		ids := make([]fetch.WorkflowID, len(due))
		for i, id := range due {
			ids[i] = fetch.WorkflowID(id)
		}
		if err := w.sendEach(ctx, w.out, ids); err != nil {
			return err
		}
		after = due[len(due)-1]
	}
}

// sendEach asks for workflows. One that cannot be had keeps nobody from the others; a server
// that is down does.
func (r *run) sendEach(ctx context.Context, out chan<- *page, ids []fetch.WorkflowID) error {
	inVain := 0
	for _, id := range ids {
		err := r.sendOne(ctx, out, id)
		if ctx.Err() != nil || errors.Is(err, fetch.ErrUnauthorized) {
			return err
		}
		if !errors.Is(err, fetch.ErrUnavailable) && !errors.Is(err, fetch.ErrRateLimited) {
			inVain = 0
		} else if inVain++; inVain == askedInVain {
			return err
		}
	}
	return nil
}

// sendOne asks for one workflow. An id that is gone is handed on as such; one that could
// not be asked about is too, and its error returned.
func (r *run) sendOne(ctx context.Context, out chan<- *page, id fetch.WorkflowID) error {
	w, err := r.Source.Workflow(ctx, id)
	if err == nil {
		r.Tally.workflows.Add(1)
		return send(ctx, out, &page{workflows: []*fetch.Workflow{w}})
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	r.Logger.Warn("workflow not had", "workflow", id, "error", err)
	lost := &page{lost: map[fetch.WorkflowID]error{id: err}}
	if errors.Is(err, fetch.ErrGone) {
		r.Tally.missing.Add(1)
		return send(ctx, out, lost)
	}
	r.Tally.unasked.Add(1)
	return errors.Join(err, send(ctx, out, lost))
}
