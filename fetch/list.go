package fetch

import (
	"context"
	"fmt"
	"hash/fnv"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

const (
	maxTake       = 1000
	maxEmptyPages = 1000
)

// Pages walks a listing, one page in memory at a time (the API page, "Listing"). The
// walk ends at the last page, at a cursor it has seen before, at the first error
// (which is yielded with a nil page), or when the caller stops.
//
// The pages are as the server gave them: where it does not support the query's dates,
// they hold workflows outside them, which tell a caller where it is in time.
func (c *Client) Pages(ctx context.Context, q Query) iter.Seq2[*Page, error] {
	q.HideMature = q.HideMature || c.hideMature
	return walkPages(q.Cursor, func(cursor string) (*Page, error) { return c.page(ctx, q, cursor) })
}

// walkPages walks a listing from a cursor on.
func walkPages(from string, ask func(cursor string) (*Page, error)) iter.Seq2[*Page, error] {
	return func(yield func(*Page, error) bool) {
		seen := make(map[uint64]struct{}) // hashes: cursors of a long walk could fill memory
		empty := 0
		for cursor := from; ; {
			seen[hash(cursor)] = struct{}{}
			page, err := ask(cursor)
			if err == nil && len(page.Workflows) == 0 {
				if empty++; empty > maxEmptyPages {
					err = &Error{Op: "list workflows", Kind: ErrUnavailable, Detail: fmt.Sprintf("%d empty pages in a row", maxEmptyPages)}
				}
			} else {
				empty = 0
			}
			if err != nil {
				yield(nil, err)
				return
			}
			if _, again := seen[hash(page.Next)]; again {
				page.Next = ""
			}
			if !yield(page, nil) || page.Next == "" {
				return
			}
			cursor = page.Next
		}
	}
}

// Workflows is Pages one workflow at a time, without the ones outside the query's
// dates. A workflow whose creation time is unknown is inside.
func (c *Client) Workflows(ctx context.Context, q Query) iter.Seq2[*Workflow, error] {
	return func(yield func(*Workflow, error) bool) {
		for page, err := range c.Pages(ctx, q) {
			if err != nil {
				yield(nil, err)
				return
			}
			for _, w := range page.Workflows {
				if q.Covers(w.Created) && !yield(w, nil) {
					return
				}
			}
		}
	}
}

// Workflow asks for one workflow by its id. ErrGone means that it, and its blobs,
// no longer exist.
func (c *Client) Workflow(ctx context.Context, id WorkflowID) (*Workflow, error) {
	op := c.op("get workflow", string(id))
	u, err := c.workflowURL(id, "")
	n, err := c.object(ctx, op, u, err)
	if err != nil {
		return nil, own(err)
	}
	return c.theWorkflow(ctx, id, n), nil
}

// theWorkflow is the one of an id, as answered.
func (c *Client) theWorkflow(ctx context.Context, id WorkflowID, n node) *Workflow {
	w := c.decodeWorkflow(ctx, n)
	if w.ID == "" {
		w.ID = id
	}
	return w
}

// workflowURL is the address of a workflow, or of a part of it.
func (c *Client) workflowURL(id WorkflowID, part string) (*url.URL, error) {
	u, err := c.byID("/v2/consumer/workflows/", string(id), part)
	if err == nil && c.hideMature {
		u.RawQuery = "hideMatureContent=true"
	}
	return u, err
}

func (c *Client) page(ctx context.Context, q Query, cursor string) (*Page, error) {
	return c.pageAt(ctx, "list workflows", "/v2/consumer/workflows", q.values(cursor), cursor)
}

func (c *Client) pageAt(ctx context.Context, op, path string, query url.Values, cursor string) (*Page, error) {
	u, err := c.endpoint(path, query)
	if err != nil {
		return nil, c.invalid(op, err)
	}
	var page *Page
	err = c.json(ctx, op, http.MethodGet, u, func(raw []byte) (err error) {
		page, err = c.decodePage(ctx, op, raw)
		return err
	})
	if err != nil {
		return nil, err
	}
	page.Cursor = cursor
	return page, nil
}

func (q Query) values(cursor string) url.Values {
	v := url.Values{}
	set := func(key, value string) {
		if value != "" {
			v.Set(key, value)
		}
	}
	set("cursor", cursor)
	if q.Take > 0 {
		set("take", strconv.Itoa(min(q.Take, maxTake)))
	}
	for _, tag := range q.Tags {
		v.Add("tags", tag)
	}
	set("query", q.Text)
	set("fromDate", stamp(q.From))
	set("toDate", stamp(q.To))
	for key, on := range map[string]bool{"excludeFailed": q.ExcludeFailed, "ascending": q.Ascending, "hideMatureContent": q.HideMature} {
		if on {
			v.Set(key, "true")
		}
	}
	return v
}

// Covers tells whether a creation time is within the query's dates, which a server may
// not support. An unknown time is.
func (q Query) Covers(t time.Time) bool {
	return t.IsZero() || (q.From.IsZero() || !t.Before(q.From)) && (q.To.IsZero() || !t.After(q.To))
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339Nano)
}

func hash(s string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(s))
	return h.Sum64()
}

// byID is the address of one thing. An id that would change the path is no id.
func (c *Client) byID(prefix, id, suffix string) (*url.URL, error) {
	if id == "" || id == "." || id == ".." {
		return nil, noID(id)
	}
	return c.endpoint(prefix+url.PathEscape(id)+suffix, nil)
}

func noID(id string) error { return fmt.Errorf("%w: %q is no id", ErrInvalid, id) }

func (c *Client) invalid(op string, err error) *Error {
	return &Error{Op: op, Kind: ErrInvalid, Err: c.mute(err)}
}
