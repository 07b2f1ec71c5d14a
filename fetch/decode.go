package fetch

import (
	"context"
	"fmt"
	"log/slog"
)

// decodeWorkflow reads what archiving needs of a workflow. It cannot fail: a field
// that is missing, null or of another type counts as absent, and JSON keeps it all.
func (c *Client) decodeWorkflow(ctx context.Context, n node) *Workflow {
	w := &Workflow{
		ID:        WorkflowID(n.name("id")),
		Created:   n.time("createdAt"),
		Completed: n.time("completedAt"),
		Status:    statusOf(n.str("status")),
		Level:     levelOf(n.str("nsfwLevel")),
		JSON:      c.scrubber.scrubJSON(n.raw()),
	}
	if deleted := n.get("deletedAt"); deleted.kind == '"' && deleted.text != "" || deleted.kind == '0' {
		w.Status = "deleted"
	}
	for _, tag := range n.get("tags").items() {
		if tag.kind == '"' {
			w.Tags = append(w.Tags, c.Scrub(tag.text))
		}
	}
	found := walk(n, w.Status, c.scrubber)
	w.Blobs, w.Errors = found.results(), found.errors
	for _, note := range found.notes {
		c.log.LogAttrs(ctx, slog.LevelWarn, "part of a workflow was not read",
			slog.String("workflow", c.scrubber.words(string(w.ID), maxWords)), slog.String("reason", note))
	}
	return w
}

// decodePage reads one answer of a listing: {items, next}, the older {items,
// nextCursor}, or a bare array (the API page, "Listing" and "One").
func (c *Client) decodePage(ctx context.Context, op string, raw []byte) (*Page, error) {
	page := &Page{}
	ids := make(map[WorkflowID]bool)
	index := -1
	next, listed := splitPage(raw, func(item []byte) {
		index++
		n := parse(item)
		if n.kind != '{' {
			c.skip(ctx, op, index, "it is no object")
			return
		}
		w := c.decodeWorkflow(ctx, n)
		switch {
		case w.ID == "":
			c.skip(ctx, op, index, "it has no id")
		case !ids[w.ID]:
			ids[w.ID] = true
			page.Workflows = append(page.Workflows, w)
		}
	})
	// A list must not be read into an answer that holds none: an error message taken
	// for an empty listing would end a run with success.
	if !listed {
		return nil, &Error{Op: op, Kind: ErrUnavailable, Detail: "the answer holds no list of workflows"}
	}
	page.Next = next
	return page, nil
}

func (c *Client) skip(ctx context.Context, op string, index int, reason string) {
	c.log.LogAttrs(ctx, slog.LevelWarn, "an item of a listing was skipped",
		slog.String("op", op), slog.String("item", fmt.Sprint(index)), slog.String("reason", reason))
}
