package pipeline

import (
	"context"
	"fmt"
	"io"
	"sync"
	"time"

	"civitar/fetch"
	"civitar/sink"
)

const (
	// teamFrom is the size from which a blob may be brought by several connections.
	teamFrom = 64 << 20
	// aheadMost is how far connections go on beyond what is hashed, so that the system mostly
	// has the bytes in memory yet when the hash comes by, and a note can tell of them.
	aheadMost = 16 * partSize
)

// Ranger is a [sink.Writer] that takes bytes out of their order, too. That of
// [sink.Dir.Begin] is one. Its Expect must have told a validator and a size.
type Ranger interface {
	sink.Writer
	// At returns a writer of the bytes from an offset on. Several may be used at once, each by
	// one goroutine, and beside Gather, but no two at the same place, nor where bytes are already.
	At(offset int64) io.Writer
	// Gather hashes some of what is there and follows on Offset, and moves Offset past it: when
	// that has not moved, there is no more. It is for one goroutine at a time.
	Gather() (offset int64, err error)
	// Missing are the stretches that are not there, in order.
	Missing() []sink.Span
}

// PartOpener is an [Opener] that can be asked for parts of a blob. [*fetch.Client] is one.
type PartOpener interface {
	OpenPart(context.Context, fetch.Location, fetch.Part) (*fetch.Body, error)
}

var _ PartOpener = (*fetch.Client)(nil)

// team is the connections that bring one large blob together. All are alike: each takes a
// part, brings it, and takes another. What one leaves another takes up, so that a connection
// that breaks costs nothing, and the blob fails when the last one does. The first one begins
// with the answer for the whole; others come while they make it faster and nobody else wants
// their slots.
type team struct {
	*run
	j      *job
	file   Ranger
	source PartOpener
	entity fetch.Part // what all of them bring

	cancel context.CancelCauseFunc
	ended  chan struct{} // closed when the last connection has ended

	mu      sync.Mutex
	changed *sync.Cond // there is another gap, more came or is hashed, somebody left, or time has passed
	parts
	alive, leaving int   // connections, and those of them that are about to end
	limit, most    int   // as many there may be, and as the server bears
	apart          bool  // bytes may come out of their order: gather hashes them
	fresh          bool  // there may be some that it has not
	gathering      bool  // it is at it
	hashed         int64 // up to there
	came           int64 // bytes since the last look
	received       int64 // by the whole run until then
	before         int64 // what the whole run received in the second before a connection was added, 0 when none was
	strained       bool  // a connection has hardly begun and broke since the last look
	fault          error // of the connection that broke last
}

// team is what brings a blob of which body is the answer, nil where a single connection does.
func (r *run) team(j *job, file sink.Writer, body *fetch.Body) *team {
	ranger, ok := file.(Ranger)
	source, able := r.Source.(PartOpener)
	if !ok || !able || !body.Parts || body.Validator == "" || body.Size <= file.Offset() {
		return nil
	}
	gaps := ranger.Missing()
	apart := len(gaps) != 1 || gaps[0].To != body.Size // an earlier run had a team
	if !apart && (r.Segments < 2 || body.Size < teamFrom || j.alone) {
		return nil
	}
	t := &team{
		run: r, j: j, file: ranger, source: source, entity: fetch.Part{Validator: body.Validator, Size: body.Size},
		ended: make(chan struct{}),
		parts: parts{gaps: gaps}, limit: 1, most: max(r.Segments, 1), apart: apart, hashed: file.Offset(), received: r.Tally.received.Load(),
	}
	if j.alone {
		t.most = 1
	}
	t.changed = sync.NewCond(&t.mu)
	return t
}

// bring brings the blob to its end, or as far as it gets.
func (t *team) bring(ctx context.Context, body *fetch.Body) error {
	ctx, t.cancel = context.WithCancelCause(ctx)
	defer t.cancel(nil)
	defer context.AfterFunc(ctx, func() {
		body.Close() // which the fault of another connection ends, too
		t.wake()
	})()

	t.alive = 1
	var hashing sync.WaitGroup
	hashing.Go(func() { t.gather(ctx) })
	go t.work(ctx, &member{part: t.claim(true)}, body) // the last to end closes ended

	tick := time.NewTicker(judgeEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			t.look(ctx)
			continue
		case <-t.ended:
		}
		hashing.Wait()
		return t.verdict(ctx)
	}
}

// verdict is what came of it, after all have ended.
func (t *team) verdict(ctx context.Context) error {
	switch err := context.Cause(ctx); {
	case err != nil:
		return err
	case len(t.gaps) == 0:
		return nil
	case t.fault != nil:
		return t.fault
	}
	return fmt.Errorf("%w: %d bytes did not come", fetch.ErrUnavailable, t.missing())
}

// look judges the number of connections, and adds one that may be.
func (t *team) look(ctx context.Context) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.parts.look()
	came, received, was := t.came, t.Tally.received.Load(), t.limit
	t.limit = min(t.judge(received-t.received, t.missing() > worthwhile*came), t.most)
	t.came, t.received, t.strained = 0, received, false
	if t.limit != was {
		t.Logger.Debug("connections of a blob", "workflow", t.j.work.wf.ID, "blob", t.j.blob.ID, "now", t.limit, "before", was, "came", came, "missing", t.missing())
	}
	if t.alive > 0 && t.alive < t.limit && t.transfers.takeSpare() {
		t.apart, t.fresh = true, true
		t.alive++
		t.Tally.transfers.Add(1)
		go t.work(ctx, &member{}, nil)
	}
	t.changed.Broadcast()
}

// gather hashes what comes out of its order, until all is hashed that the connections leave.
func (t *team) gather(ctx context.Context) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for ctx.Err() == nil {
		if !t.apart || !t.fresh {
			if t.alive == 0 {
				return
			}
			t.changed.Wait()
			continue
		}
		t.fresh, t.gathering = false, true
		t.mu.Unlock()
		offset, err := t.file.Gather()
		t.mu.Lock()
		t.gathering = false
		if err != nil {
			t.cancel(disk(err))
			return
		}
		if offset != t.hashed {
			t.hashed, t.fresh = offset, true // there may be more
			t.changed.Broadcast()
		}
	}
}

func (t *team) wake() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.changed.Broadcast()
}

// gather takes in what an earlier team left that follows on a file's offset.
func gather(ctx context.Context, file sink.Writer) error {
	f, ok := file.(Ranger)
	for before := int64(-1); ok && before != f.Offset(); {
		if err := ctx.Err(); err != nil {
			return err
		}
		before = f.Offset()
		if _, err := f.Gather(); err != nil {
			return disk(err)
		}
	}
	return nil
}

// there is how many bytes of a file are there, in their order or not.
func there(file sink.Writer) int64 {
	f, ok := file.(Ranger)
	_, n := file.Resume()
	if !ok || n < 0 {
		return file.Offset()
	}
	for _, g := range f.Missing() {
		n -= g.To - g.From
	}
	return n
}
