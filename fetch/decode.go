package fetch

import (
	"context"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
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
	for _, step := range n.get("steps").values() {
		if step.kind == '{' {
			w.Steps = append(w.Steps, c.decodeStep(step))
		}
	}
	w.Prompt = c.Scrub(promptOf(n))
	found := walk(n, w.Status, c.scrubber, c.base)
	w.Blobs, w.Errors = found.results(), found.errors
	w.Inputs = found.foreign()
	for _, note := range found.notes {
		c.log.LogAttrs(ctx, slog.LevelWarn, "part of a workflow was not read",
			slog.String("workflow", c.scrubber.words(string(w.ID), maxWords)), slog.String("reason", note))
	}
	return w
}

func (c *Client) decodeStep(n node) Step {
	return Step{
		Name:   c.scrubber.words(n.str("name"), maxWords),
		Type:   c.scrubber.words(n.str("$type"), maxWords),
		Status: statusOf(c.scrubber.words(n.str("status"), maxWords)),
	}
}

// promptOf looks where prompts have been seen: the workflow's parameters, a step's, its
// input, and last a node graph, which is the only place Comfy Cloud has it.
func promptOf(workflow node) string {
	places := []node{workflow.get("metadata").get("params")}
	var graphs []node
	for _, step := range workflow.get("steps").values() {
		input := step.get("input")
		places = append(places, step.get("metadata").get("params"), input)
		graphs = append(graphs, input.get("workflow"), input.get("comfyWorkflow"))
	}
	for _, place := range places {
		if prompt := place.str("prompt"); prompt != "" {
			return prompt
		}
	}
	for _, graph := range graphs {
		for _, n := range graph.values() {
			if text := n.get("inputs").str("text"); text != "" && strings.HasPrefix(n.str("class_type"), "CLIPTextEncode") {
				return text
			}
		}
	}
	return ""
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

// ParseWorkflow reads a workflow from what [Workflow].JSON holds, as a sidecar keeps it.
// Its blobs' URLs have no signatures any more. The error wraps [ErrInvalid].
func ParseWorkflow(text []byte) (*Workflow, error) {
	if !validJSON(text) {
		return nil, fmt.Errorf("%w: it is no JSON", ErrInvalid)
	}
	n := parse(text)
	if n.kind != '{' || n.name("id") == "" {
		return nil, fmt.Errorf("%w: it is no workflow", ErrInvalid)
	}
	c := &Client{base: &url.URL{}, scrubber: newScrubber(""), log: slog.New(slog.DiscardHandler)}
	return c.decodeWorkflow(context.Background(), n), nil
}
