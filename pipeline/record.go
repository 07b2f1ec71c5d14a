package pipeline

import (
	"context"
	"path"
	"time"

	"civitar/manifest"
	"civitar/sink"
)

const (
	// A group is committed when it holds this many outcomes or files, or this long after
	// its first one came in: the cost of making things durable is shared, and what a crash
	// can lose is bounded.
	groupOutcomes = 512
	groupFiles    = 128
	groupDelay    = 100 * time.Millisecond
)

// recorder is the last stage's state.
type recorder struct {
	*run
	group []outcome
	files int
	pages []*page         // expanded, in the order of the listing
	last  []manifest.Span // the coverage that the journal says
	stuck bool            // an unfinished page: coverage moves no further in this run
	ended []chan struct{} // of pages that the next durable group ends
}

// record commits outcomes in groups until the last sender is done. It always receives to
// the end, so that no sender waits in vain; after a fault it only puts things away.
func (r *run) record(ctx context.Context) error {
	rec := &recorder{run: r}
	err := rec.groups(context.WithoutCancel(ctx)) // a group is committed whole, however the run ends
	if err == nil {
		return nil
	}
	r.abort()
	for o := range r.outcomes {
		if o.file != nil {
			_ = o.file.Suspend() // the run ends with the first error
		}
	}
	return err
}

func (rec *recorder) groups(ctx context.Context) error {
	var err error
	if rec.last, err = rec.Record.Coverage(ctx, rec.scope); err != nil {
		return err
	}
	timer := time.NewTimer(groupDelay)
	defer timer.Stop()
	for {
		select {
		case o, ok := <-rec.outcomes:
			if !ok {
				return rec.flush(ctx)
			}
			if len(rec.group) == 0 {
				timer.Reset(groupDelay)
			}
			rec.add(o)
			if len(rec.group) < groupOutcomes && rec.files < groupFiles && !o.urgent() {
				continue
			}
		case <-timer.C:
		}
		if err := rec.flush(ctx); err != nil {
			return err
		}
	}
}

func (rec *recorder) add(o outcome) {
	rec.group = append(rec.group, o)
	if o.file != nil {
		rec.files++
	}
}

// flush makes a group durable: first the files, then the lines that speak of them, and in
// the same write, after them, the coverage they complete.
func (rec *recorder) flush(ctx context.Context) error {
	if err := rec.commit(ctx); err != nil {
		return err
	}
	lines := rec.lines()
	if cover := rec.advance(); cover != nil && !sameSpans(cover, rec.last) {
		lines = append(lines, manifest.Coverage{Time: rec.Now().UTC(), Run: rec.ID, Scope: rec.scope, Spans: cover})
		rec.last = cover
	}
	if err := rec.Record.Append(ctx, lines); err != nil {
		return err
	}
	rec.settle()
	return nil
}

// commit gives the group's files their names.
func (rec *recorder) commit(ctx context.Context) error {
	if rec.files == 0 {
		return nil
	}
	if err := rec.namePaths(ctx); err != nil {
		return err
	}
	files := make([]sink.File, 0, rec.files)
	for i := range rec.group {
		o := &rec.group[i]
		if o.file == nil {
			continue
		}
		if o.workflow != nil {
			o.workflow.Sidecar, o.workflow.Size, o.workflow.SHA256 = o.path, o.file.Offset(), o.file.Sum()
		} else {
			o.blob.Path, o.blob.Size, o.blob.SHA256 = o.path, o.file.Offset(), o.file.Sum()
		}
		files = append(files, sink.File{Writer: o.file, Path: o.path})
	}
	return rec.Sink.Commit(ctx, files)
}

// namePaths makes every path its owner's alone, also on systems that ignore case.
func (rec *recorder) namePaths(ctx context.Context) error {
	var folded []string
	for _, o := range rec.group {
		if o.file != nil {
			folded = append(folded, sink.Fold(o.path))
		}
	}
	taken, err := rec.Record.Taken(ctx, folded)
	if err != nil {
		return err
	}
	for i := range rec.group {
		o := &rec.group[i]
		if o.file == nil {
			continue
		}
		me := ownerOf(o)
		if owner, ok := taken[sink.Fold(o.path)]; ok && owner != me {
			dir, name := path.Split(o.path)
			o.path = dir + sink.Suffix(name, me.Workflow+"\n"+me.Blob)
		}
		taken[sink.Fold(o.path)] = me
	}
	return nil
}

func ownerOf(o *outcome) manifest.Key {
	if o.workflow != nil {
		return manifest.Key{Workflow: o.workflow.Workflow}
	}
	return manifest.Key{Workflow: o.blob.Workflow, Blob: o.blob.Blob}
}

// lines are the journal's lines about the group.
func (rec *recorder) lines() []manifest.Line {
	var lines []manifest.Line
	now := rec.Now().UTC()
	for i := range rec.group {
		o := &rec.group[i]
		switch {
		case o.seal || o.quiet || o.unfinished:
		case o.workflow != nil:
			o.workflow.Time = now
			lines = append(lines, *o.workflow)
		default:
			o.blob.Time = now
			lines = append(lines, o.blob)
		}
	}
	return lines
}

// advance moves past the pages whose every blob has ended, and returns the coverage they
// complete, if any.
func (rec *recorder) advance() (cover []manifest.Span) {
	for i := range rec.group {
		o := &rec.group[i]
		if o.seal {
			rec.pages = append(rec.pages, o.page)
			o.page.want = o.count
			continue
		}
		o.page.got++
		o.page.spoiled = o.page.spoiled || o.unfinished
	}
	for len(rec.pages) > 0 && rec.pages[0].got == rec.pages[0].want {
		p := rec.pages[0]
		rec.pages = rec.pages[1:]
		rec.stuck = rec.stuck || p.spoiled
		if p.cover != nil && !rec.stuck {
			cover = p.cover
		}
		if p.ended != nil {
			rec.ended = append(rec.ended, p.ended)
		}
	}
	return cover
}

// urgent tells a page that somebody waits for.
func (o *outcome) urgent() bool { return o.seal && o.page.ended != nil }

// settle lets go of what is durable now, and tells of it.
func (rec *recorder) settle() {
	for i := range rec.group {
		o := &rec.group[i]
		if o.seal {
			continue
		}
		if o.work.left--; o.work.left == 0 {
			rec.active.remove(o.work.wf.ID)
		}
		if o.workflow != nil {
			continue
		}
		rec.Tally.count(*o)
		if !o.unfinished {
			rec.Observe(Event{Blob: o.blob, Known: o.known})
		}
	}
	for _, ended := range rec.ended {
		close(ended)
	}
	clear(rec.group)
	rec.ended = nil
	rec.group, rec.files = rec.group[:0], 0
}
