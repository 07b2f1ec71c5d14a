package pipeline

import (
	"context"
	"path"
	"slices"
	"strings"
	"time"

	"civitar/manifest"
	"civitar/sink"
)

const (
	// A group is committed as soon as the one before it is and it holds this many
	// outcomes, as many files as the sink takes best, or has waited this long: the cost of
	// making things durable is shared, and what a crash can lose is bounded.
	groupOutcomes = 1024
	groupFiles    = 128
	groupDelay    = 250 * time.Millisecond
	// groupSlack times as many files may come together while the group before is being made
	// durable: a disk that falls behind for a moment stops no transfer.
	groupSlack = 3
	// groupJSON bounds the workflows that a group holds in memory, in bytes of their JSON.
	groupJSON = 4 << 20
)

// recorder is the last stage's state. While one group is being made durable, the next one
// comes together.
type recorder struct {
	*run
	files int // that the sink takes best
	next  group
	// toCome is how many outcomes the expanded pages have yet; those of a page that is being
	// expanded are taken off already.
	toCome int

	// Of the group that is being committed:
	pages []*page         // expanded, in the order of the listing
	last  []manifest.Span // the coverage that the journal says
	stuck bool            // an unfinished page: coverage moves no further in this run
	ended []chan struct{} // of pages that the next durable group ends
}

// group is outcomes that become durable together.
type group struct {
	outcomes []outcome
	files    int
	json     int
	urgent   bool // somebody waits for it
}

// record commits outcomes in groups until the last sender is done. It always receives to
// the end, so that no sender waits in vain; after a fault it only puts things away.
func (r *run) record(ctx context.Context) error {
	rec := &recorder{run: r, files: groupFiles}
	if b, ok := r.Sink.(interface{ Batch() int }); ok {
		rec.files = b.Batch()
	}
	err := rec.groups(context.WithoutCancel(ctx)) // a group is committed whole, however the run ends
	if err == nil {
		return nil
	}
	r.abort()
	for _, o := range rec.next.outcomes {
		o.putAway()
	}
	for o := range r.outcomes {
		o.putAway()
	}
	return err
}

// putAway keeps what it can of files that will not be committed: the run ends with the
// first error.
func (o *outcome) putAway() {
	for _, file := range []sink.Writer{o.file, o.beside} {
		if file != nil {
			_ = file.Suspend()
		}
	}
}

func (rec *recorder) groups(ctx context.Context) error {
	err := rec.Sink.Release(ctx, rec.Record.Recorded) // what a run left that was cut off
	if err != nil {
		return err
	}
	if rec.last, err = rec.Record.Coverage(ctx, rec.scope); err != nil {
		return err
	}
	timer := time.NewTimer(groupDelay)
	defer timer.Stop()
	var committed chan error // of the group under way, if any
	in, due := rec.run.outcomes, false
	for in != nil || committed != nil || len(rec.next.outcomes) > 0 {
		from := in
		if rec.full() {
			from = nil
		}
		select {
		case o, ok := <-from:
			if !ok {
				in = nil
				break
			}
			if len(rec.next.outcomes) == 0 {
				due = false
				timer.Reset(groupDelay)
			}
			rec.next.add(o)
			if rec.toCome--; o.seal {
				rec.toCome += o.count + 1
			}
		case <-timer.C:
			due = true
		case err := <-committed:
			if committed = nil; err != nil {
				return err
			}
		}
		if committed == nil && len(rec.next.outcomes) > 0 && (in == nil || due || rec.ready() || rec.toCome == 0 && rec.waitedFor()) {
			g := rec.next
			rec.next, committed = group{}, make(chan error, 1)
			go func() { committed <- rec.flush(ctx, &g) }() // waited for before this returns, but for a fault
		}
	}
	return nil
}

// waitedFor tells that somebody waits for a page to be durable, before which no other is listed:
// when nothing is to come any more, the group has no company to wait for. It is for when no
// group is being committed.
func (rec *recorder) waitedFor() bool {
	return rec.next.urgent || slices.ContainsFunc(rec.pages, func(p *page) bool { return p.ended != nil })
}

// ready tells that the next group is worth committing, and full that it takes no more.
func (rec *recorder) ready() bool { return rec.next.files >= rec.files || rec.full() }

func (rec *recorder) full() bool {
	return len(rec.next.outcomes) >= groupOutcomes || rec.next.files >= groupSlack*rec.files || rec.next.json >= groupJSON
}

func (g *group) add(o outcome) {
	g.outcomes = append(g.outcomes, o)
	g.urgent = g.urgent || o.urgent()
	for _, file := range []sink.Writer{o.file, o.beside} {
		if file != nil {
			g.files++
		}
	}
	if o.workflow != nil {
		g.json += len(o.work.wf.JSON)
	}
}

// flush makes a group durable: first the files, then the lines that speak of them, and in
// the same write, after them, the coverage they complete.
func (rec *recorder) flush(ctx context.Context, g *group) error {
	if err := rec.commit(ctx, g); err != nil {
		return err
	}
	lines := rec.lines(g)
	if cover := rec.advance(g); cover != nil && !sameSpans(cover, rec.last) {
		lines = append(lines, manifest.Coverage{Time: rec.Now().UTC(), Run: rec.ID, Scope: rec.scope, Spans: cover})
		rec.last = cover
	}
	retired := g.retired()
	if err := rec.Sink.Retire(retired); err != nil {
		return err
	}
	if err := rec.Record.Append(ctx, lines); err != nil {
		return err
	}
	if len(retired) > 0 {
		if err := rec.Sink.Release(ctx, rec.Record.Recorded); err != nil {
			return err
		}
	}
	rec.settle(g)
	return nil
}

// retired are the paths that the record lets go of with this group.
func (g *group) retired() []string {
	var paths []string
	for i := range g.outcomes {
		if p := g.outcomes[i].retired; p != "" {
			paths = append(paths, p)
		}
	}
	return paths
}

// commit gives the group's files their names.
func (rec *recorder) commit(ctx context.Context, g *group) error {
	if g.files == 0 {
		return nil
	}
	if err := rec.namePaths(ctx, g); err != nil {
		return err
	}
	files := make([]sink.File, 0, g.files)
	for i := range g.outcomes {
		o := &g.outcomes[i]
		if o.file == nil {
			continue
		}
		stored, plain := contents(o.file, o.path)
		if o.workflow != nil {
			o.workflow.Sidecar, o.workflow.Size, o.workflow.SHA256, o.workflow.Plain = stored.Path, stored.Size, stored.SHA256, plain
		} else {
			o.blob.Path, o.blob.Size, o.blob.SHA256, o.blob.Plain = stored.Path, stored.Size, stored.SHA256, plain
		}
		at := rec.Filing.time(o.work.wf)
		files = append(files, sink.File{Writer: o.file, Path: o.path, Time: at})
		if o.beside != nil {
			files = append(files, sink.File{Writer: o.beside, Path: o.blob.Beside.Path, Time: at})
			o.blob.Beside, _ = contents(o.beside, o.blob.Beside.Path)
		}
	}
	return rec.Sink.Commit(ctx, files)
}

// contents tells what a finished file holds as it stands, and where it is encrypted, what
// it holds in the clear.
func contents(file sink.Writer, path string) (stored, plain manifest.Content) {
	stored.Path = path
	stored.Size, stored.SHA256 = file.Stored()
	if sum := file.Sum(); sum != stored.SHA256 {
		plain = manifest.Content{Size: file.Offset(), SHA256: sum}
	}
	return stored, plain
}

// namePaths makes every path its owner's alone, also on systems that ignore case.
func (rec *recorder) namePaths(ctx context.Context, g *group) error {
	var folded []string
	for i := range g.outcomes {
		o := &g.outcomes[i]
		if o.file == nil {
			continue
		}
		folded = append(folded, sink.Fold(o.path))
		if o.beside != nil { // the path itself may have to change, and this one with it
			folded = append(folded, sink.Fold(rec.Filing.beside(o.path)), sink.Fold(rec.Filing.beside(suffixed(o.path, ownerOf(o)))))
		}
	}
	taken, err := rec.Record.Taken(ctx, folded)
	if err != nil {
		return err
	}
	for i := range g.outcomes {
		o := &g.outcomes[i]
		if o.file == nil {
			continue
		}
		o.path = free(taken, o.path, ownerOf(o))
		if o.beside != nil {
			o.blob.Beside.Path = free(taken, rec.Filing.beside(o.path), ownerOf(o))
		}
	}
	return nil
}

// free is a path that nobody else has, and takes it.
func free(taken map[string]manifest.Key, name string, me manifest.Key) string {
	if owner, ok := taken[sink.Fold(name)]; ok && owner != me {
		name = suffixed(name, me)
	}
	taken[sink.Fold(name)] = me
	return name
}

func suffixed(name string, me manifest.Key) string {
	dir, file := path.Split(name)
	bare, sealed := strings.CutSuffix(file, SealedExt)
	file = sink.Suffix(bare, me.Workflow+"\n"+me.Blob)
	if sealed {
		file += SealedExt
	}
	return dir + file
}

func ownerOf(o *outcome) manifest.Key {
	if o.workflow != nil {
		return manifest.Key{Workflow: o.workflow.Workflow}
	}
	return manifest.Key{Workflow: o.blob.Workflow, Blob: o.blob.Blob}
}

// lines are the journal's lines about the group.
func (rec *recorder) lines(g *group) []manifest.Line {
	var lines []manifest.Line
	now := rec.Now().UTC()
	for i := range g.outcomes {
		o := &g.outcomes[i]
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
func (rec *recorder) advance(g *group) (cover []manifest.Span) {
	for i := range g.outcomes {
		o := &g.outcomes[i]
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
func (rec *recorder) settle(g *group) {
	for i := range g.outcomes {
		o := &g.outcomes[i]
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
			rec.Observe(Event{Blob: o.blob, Kind: o.kind, Known: o.known, Same: o.quiet || o.again})
		}
	}
	for _, ended := range rec.ended {
		close(ended)
	}
	rec.ended = nil
}
