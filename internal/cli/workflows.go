package cli

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"civitar/fetch"
)

// filterFlags are the filters that both listings have.
type filterFlags struct {
	Tag           []string `placeholder:"TAG" sep:"none" help:"Only with this tag; repeat for more, all must match."`
	Query         string   `placeholder:"TEXT" help:"Only where the metadata match."`
	ExcludeFailed bool     `aliases:"excludeFailed" help:"Leave out failed, expired and canceled ones."`
	Oldest        bool     `aliases:"ascending" help:"Oldest first."`
	Take          int      `default:"20" placeholder:"N" help:"How many (default ${default})."`
	Cursor        string   `placeholder:"CURSOR" help:"Go on at this page."`
	After         string   `placeholder:"ID" hidden:"" help:"Go on behind this workflow of the page."`
}

// words repeats the filters as they would be typed.
func (f *filterFlags) words(command ...string) []string {
	words := append([]string{"civitar"}, command...)
	for _, tag := range f.Tag {
		words = append(words, "--tag="+tag)
	}
	if f.Query != "" {
		words = append(words, "--query="+f.Query)
	}
	if f.ExcludeFailed {
		words = append(words, "--exclude-failed")
	}
	if f.Oldest {
		words = append(words, "--oldest")
	}
	return append(words, "--take="+strconv.Itoa(f.Take))
}

type workflowsCmd struct {
	filterFlags
	From     moment   `placeholder:"DATE" help:"Created at or after: 2026-08-10 or RFC 3339, in UTC."`
	To       moment   `placeholder:"DATE" help:"Created at or before; a bare day includes that day."`
	Status   []string `placeholder:"STATUS" values:"unassigned,preparing,scheduled,processing,succeeded,failed,expired,canceled,deleted" help:"Only of this status; several mean any of them."`
	StepType []string `placeholder:"TYPE" help:"Only with a step of this type, like imageGen."`
	All      bool     `help:"Every page, written as it comes."`

	Look lookFlags `embed:""`
	showFlags
}

func (workflowsCmd) Help() string {
	return "Example:  civitar workflows --status failed --from 2026-08-01 --output jsonl"
}

// pageOfAll is the page's size where many pages are asked for: fewer requests, and still
// little memory.
const pageOfAll = 200

// Run lists the token's owner's workflows.
func (c *workflowsCmd) Run(s *session) error {
	if c.Take < 1 {
		return usagef("--take must be at least 1; --all shows every workflow")
	}
	if !c.From.IsZero() && !c.To.IsZero() && c.To.end().Before(c.From.Time) {
		return usagef("--from is later than --to")
	}
	p, err := c.printer(s, workflowShape())
	if err != nil {
		return err
	}
	return c.Look.ask(s, func(ctx context.Context, client *fetch.Client) error {
		q := fetch.Query{
			Tags: c.Tag, Text: c.Query, From: c.From.Time, To: c.To.end(), ExcludeFailed: c.ExcludeFailed, Ascending: c.Oldest,
			Cursor: c.Cursor, Take: c.pageSize(),
		}
		l := &listing{pages: client.Pages(ctx, q), after: fetch.WorkflowID(c.After), take: c.Take,
			match: func(w *fetch.Workflow) bool { return q.Covers(w.Created) && c.matches(w) },
			past:  func(page []*fetch.Workflow) bool { return beyond(q, page) },
		}
		if c.All {
			l.take = 0
		}
		return l.run(s, p, c.words())
	})
}

func (c *workflowsCmd) pageSize() int {
	if c.All || len(c.Status) > 0 || len(c.StepType) > 0 {
		return max(pageOfAll, min(c.Take, 1000))
	}
	return min(c.Take, 1000)
}

// matches is for what the API has no filters for.
func (c *workflowsCmd) matches(w *fetch.Workflow) bool {
	if len(c.Status) > 0 && !slices.Contains(c.Status, string(w.Status)) {
		return false
	}
	return len(c.StepType) == 0 || slices.ContainsFunc(w.Steps, func(st fetch.Step) bool {
		return slices.ContainsFunc(c.StepType, func(t string) bool { return strings.EqualFold(t, st.Type) })
	})
}

// beyond tells that a page, and with it all that follow, lies past the query's dates; the
// server need not support them.
func beyond(q fetch.Query, page []*fetch.Workflow) bool {
	if len(page) == 0 || q.Ascending && q.To.IsZero() || !q.Ascending && q.From.IsZero() {
		return false
	}
	return !slices.ContainsFunc(page, func(w *fetch.Workflow) bool {
		if q.Ascending {
			return w.Created.IsZero() || !w.Created.After(q.To)
		}
		return w.Created.IsZero() || !w.Created.Before(q.From)
	})
}

// words repeats the command as it would be typed.
func (c *workflowsCmd) words() []string {
	words := c.filterFlags.words("workflows")
	for _, d := range []struct {
		flag string
		at   moment
	}{{"--from=", c.From}, {"--to=", c.To}} {
		switch {
		case d.at.IsZero():
		case d.at.day:
			words = append(words, d.flag+d.at.Format(time.DateOnly))
		default:
			words = append(words, d.flag+d.at.Format(time.RFC3339Nano))
		}
	}
	for _, status := range c.Status {
		words = append(words, "--status="+status)
	}
	for _, t := range c.StepType {
		words = append(words, "--step-type="+t)
	}
	return words
}
