package pipeline

import (
	"context"
	"errors"
	"fmt"
	"time"

	"civitar/fetch"
	"civitar/manifest"
)

// page is a group of workflows on its way through the pipeline.
type page struct {
	workflows []*fetch.Workflow
	// lost are workflows asked for by id that the server no longer has, or (with an
	// error) could not be asked about.
	lost map[fetch.WorkflowID]error
	// later is a page of a walk that came after the run's own.
	later bool
	// cover, when set, is the coverage once all blobs of this page and of those before it
	// have ended.
	cover []manifest.Span
	// ended is closed then, if set.
	ended chan struct{}

	// The recorder's own: outcomes that make up the page, and those that came in.
	want, got int
	spoiled   bool
}

// fleeting is how long what a volatile policy goes by can change to any effect: the server
// keeps blobs for 30 days.
const fleeting = 31 * 24 * time.Hour

// list feeds the pipeline. A listing that breaks off ends the feeding, not the run.
func (r *run) list(ctx context.Context, out chan<- *page) error {
	var err error
	if r.IDs != nil {
		err = r.listNamed(ctx, out)
	} else {
		w := &walk{run: r, out: out, order: order{ascending: r.Filter.Oldest}, look: r.Look}
		if err = w.all(ctx); err == nil && r.Limit == 0 {
			err = w.listAgain(ctx)
		}
		if err == nil && r.Linger > 0 {
			err = w.settle(ctx)
		}
	}
	r.Tally.listed.Store(true)
	if err != nil && ctx.Err() == nil {
		r.fail(fmt.Errorf("%w: %w", ErrListing, err))
	}
	return nil
}

func send(ctx context.Context, out chan<- *page, p *page) error {
	select {
	case out <- p:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// walk is one listing.
type walk struct {
	*run
	out   chan<- *page
	order order
	look  *Look
	later bool
	spans []manifest.Span // what earlier runs covered and this one has not come to
	span  manifest.Span   // what this one has covered, newest first
	// newest is the newest creation time seen so far.
	newest time.Time
	count  int
}

// errJump ends a stretch of the listing that has come to covered ground.
var errJump = errors.New("covered ground")

func (w *walk) all(ctx context.Context) error {
	if w.Limit == 0 {
		spans, err := w.Record.Coverage(ctx, w.scope)
		if err != nil {
			return err
		}
		w.spans = spans
		switch {
		case w.look != nil && !w.look.Down.IsZero():
			w.spans = olderThan(spans, w.look.Down)
		case w.look == nil && w.Policy.Volatile():
			w.spans = olderThan(spans, w.Now().Add(-fleeting))
		}
	}
	if w.Full {
		w.spans = nil
	}
	if w.Filter.Oldest {
		return w.upwards(ctx)
	}
	return w.downwards(ctx)
}

// downwards lists newest first. At covered ground it goes on where that ends.
func (w *walk) downwards(ctx context.Context) error {
	cursor := ""
	for {
		next, err := w.stretch(ctx, cursor)
		if !errors.Is(err, errJump) {
			if err != nil {
				return err
			}
			break
		}
		s := w.spans[0]
		if s.Done {
			break
		}
		cursor = next
		ok, err := w.lands(ctx, s)
		if err != nil {
			return err
		}
		w.spans = w.spans[1:]
		if ok {
			cursor = s.Cursor
		} else if cursor == "" { // that was the last page
			break
		}
	}
	if w.Limit > 0 || w.unordered() {
		return nil
	}
	return send(ctx, w.out, &page{cover: complete(w.newest)})
}

// lands tells whether the cursor at a span's end still leads to where the span ends: its
// page must show a workflow that the record knows. Cursors can expire, and positions
// shift when workflows are deleted; walking on then costs only requests.
func (w *walk) lands(ctx context.Context, s manifest.Span) (bool, error) {
	q := w.query(s.Cursor)
	for p, err := range w.Source.Pages(ctx, q) {
		if err != nil {
			if errors.Is(err, fetch.ErrInvalid) || errors.Is(err, fetch.ErrGone) {
				return false, nil
			}
			return false, err
		}
		known, err := w.known(ctx, below(p.Workflows, s.Newest))
		return known > 0, err
	}
	return false, nil
}

func (w *walk) query(cursor string) fetch.Query {
	q := w.Filter.query()
	q.Cursor, q.Take = cursor, w.PageSize
	return q
}

// stretch lists from a cursor to the end, to the limit, or to covered ground, where it
// returns errJump and the cursor at which the listing would have gone on.
func (w *walk) stretch(ctx context.Context, cursor string) (next string, err error) {
	for p, err := range w.Source.Pages(ctx, w.query(cursor)) {
		if err != nil {
			return "", err
		}
		w.see(p)
		if w.Filter.beyond(p.Workflows) && !w.order.broken {
			return "", nil
		}
		if done, err := w.hand(ctx, p, w.coverDown(p)); done || err != nil {
			return "", err
		}
		if w.unordered() {
			return "", nil
		}
		reached, err := w.reached(ctx, p)
		if err != nil {
			return "", err
		}
		if reached {
			return p.Next, errJump
		}
	}
	return "", ctx.Err()
}

// unordered tells a look at a listing that only a run walks to its end.
func (w *walk) unordered() bool { return w.look != nil && w.order.broken }

func (w *walk) see(p *fetch.Page) {
	w.order.see(p.Workflows)
	if newest, _ := bounds(p.Workflows); newest.After(w.newest) {
		w.newest = newest
	}
}

// hand hands a page on, and tells whether the limit is reached.
func (w *walk) hand(ctx context.Context, p *fetch.Page, cover []manifest.Span) (done bool, err error) {
	out := &page{cover: cover, later: w.later}
	for _, wf := range p.Workflows {
		if w.Limit > 0 && w.count >= w.Limit {
			break
		}
		if w.Filter.matches(wf) {
			out.workflows = append(out.workflows, wf)
			w.count++
		}
	}
	if !w.later {
		w.Tally.workflows.Add(int64(len(out.workflows)))
	}
	w.Tally.pages.Add(1)
	if w.Limit > 0 {
		out.cover = nil
	}
	return w.Limit > 0 && w.count >= w.Limit, send(ctx, w.out, out)
}

// coverDown is the coverage once this page has ended: from the first page's newest down
// to here. It goes on with this page's own cursor, so that what follows can be seen to
// meet it. A look is over too soon for that to be worth a line.
func (w *walk) coverDown(p *fetch.Page) []manifest.Span {
	newest, oldest := bounds(p.Workflows)
	if w.span.Newest.IsZero() {
		w.span.Newest = newest
	}
	if w.look != nil || w.order.broken || oldest.IsZero() || p.Cursor == "" {
		return nil
	}
	w.span.Oldest, w.span.Cursor = oldest, p.Cursor
	return append([]manifest.Span{w.span}, w.spans...)
}

// complete is the coverage of a listing that has been walked to its end: it reaches to the
// beginning of time, and so takes in all spans below.
func complete(newest time.Time) []manifest.Span {
	if newest.IsZero() {
		return nil
	}
	return []manifest.Span{{Newest: newest, Done: true}}
}

// reached tells that the listing has come to ground that the next span covers. That a
// workflow is older than the span's newest does not prove it (the account can be another
// one, workflows appear late): the record must know all that stands below, and that must
// be a whole page, or reach over the overlap.
func (w *walk) reached(ctx context.Context, p *fetch.Page) (bool, error) {
	if len(w.spans) == 0 || w.order.broken {
		return false, nil
	}
	top := w.spans[0].Newest
	in := below(p.Workflows, top)
	if len(in) == 0 {
		return false, nil
	}
	known, err := w.known(ctx, in)
	if err != nil || known < len(in) {
		return false, err
	}
	_, oldest := bounds(in)
	return len(in) == len(p.Workflows) || oldest.Before(top.Add(-overlap)), nil
}

// known counts the workflows that the record knows.
func (w *walk) known(ctx context.Context, ws []*fetch.Workflow) (int, error) {
	known, err := w.Record.Known(ctx, workflowIDs(ws))
	if err != nil {
		return 0, err
	}
	n := 0
	for _, wf := range ws {
		if k := known[string(wf.ID)]; k != nil && k.Workflow.Workflow != "" {
			n++
		}
	}
	return n, nil
}

func workflowIDs(ws []*fetch.Workflow) []string {
	ids := make([]string, len(ws))
	for i, w := range ws {
		ids[i] = string(w.ID)
	}
	return ids
}

// upwards lists oldest first. There is no jumping: where everything up to some time is
// covered, the server is asked for what comes after.
func (w *walk) upwards(ctx context.Context) error {
	q := w.query("")
	if len(w.spans) == 1 && w.spans[0].Done {
		if from := w.spans[0].Newest.Add(-overlap); from.After(q.From) {
			q.From = from
		}
	}
	for p, err := range w.Source.Pages(ctx, q) {
		if err != nil {
			return err
		}
		w.see(p)
		var cover []manifest.Span
		if !w.order.broken && !w.newest.IsZero() {
			cover = coverUpTo(w.spans, w.newest)
		}
		if done, err := w.hand(ctx, p, cover); done || err != nil {
			return err
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	newest := w.newest
	for _, s := range w.spans {
		if s.Newest.After(newest) {
			newest = s.Newest
		}
	}
	return send(ctx, w.out, &page{cover: complete(newest)})
}
