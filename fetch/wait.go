package fetch

import (
	"context"
	"math"
	"net/http"
	"strconv"
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

// Await asks for a workflow once. The server may hold its answer back until the workflow has
// ended, for wait at most, in whole seconds (the API page, "One: workflow, step, job"); some
// answer at once. Errors are those of [Client.Workflow]; nothing is tried again, since who
// waits asks again by itself.
func (c *Client) Await(ctx context.Context, id WorkflowID, wait time.Duration) (*Workflow, error) {
	op := c.op("wait for workflow", string(id))
	u, err := c.workflowURL(id, "")
	if err != nil {
		return nil, c.invalid(op, err)
	}
	q := u.Query()
	q.Set("wait", strconv.Itoa(max(1, int(math.Ceil(wait.Seconds())))))
	u.RawQuery = q.Encode()
	answer, err := c.jsonOnce(ctx, ask{op: op, method: http.MethodGet, url: u, token: true, pace: c.api, try: 1, header: http.Header{"Accept": {"application/json"}}})
	if err != nil {
		return nil, own(err)
	}
	return c.theWorkflow(ctx, id, parse(answer)), nil
}
