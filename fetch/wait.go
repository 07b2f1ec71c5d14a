package fetch

import (
	"context"
	"time"
)

// Wait asks for a workflow until it has ended, at the pace the vendor suggests (the API
// page, "One: workflow, step, job"), and tells seen of every answer and of how long it
// waits now. When ctx ends first, its error is returned with the last answer.
func (c *Client) Wait(ctx context.Context, id WorkflowID, seen func(w *Workflow, next time.Duration)) (*Workflow, error) {
	var last *Workflow
	for n := 0; ; n++ {
		w, err := c.Workflow(ctx, id)
		if err != nil {
			return last, err
		}
		if last = w; w.Status.Ended() {
			return w, nil
		}
		next := pollDelay(n)
		seen(w, next)
		if err := sleep(ctx, next); err != nil {
			return w, c.trouble(ctx, c.op("wait for workflow", string(id)), err)
		}
	}
}

// pollDelay is the wait after the n-th answer, counted from 0.
func pollDelay(n int) time.Duration {
	delays := [...]time.Duration{2, 5, 10, 15, 30}
	return delays[min(n, len(delays)-1)] * time.Second
}
