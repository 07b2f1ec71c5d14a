package pipeline

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"civitar/fetch"
)

// member is one connection of a team.
type member struct {
	part    *part
	came    int64 // bytes
	most    int64 // as many are read at a time
	leaving bool
}

// work is a connection's: it brings one part after the other. Body is the answer to its
// first part, nil where it has none yet.
func (t *team) work(ctx context.Context, m *member, body *fetch.Body) {
	buffers := t.buffersFor(t.entity.Size)
	buf := buffers.Get().(*[]byte)
	defer buffers.Put(buf)
	m.most = bufferSize
	var err error
	for err == nil && (body != nil || t.take(ctx, m)) {
		if body == nil {
			p := t.entity
			p.From, p.To = m.part.from, m.part.reach
			body, err = t.source.OpenPart(ctx, t.j.loc, p)
		}
		if err == nil {
			err = t.copy(ctx, m, body, *buf)
			body.Close() // what was read of it is good
		}
		body = nil
		t.drop(m)
	}
	t.leave(ctx, m, err)
}

// take takes a part for a connection, and waits while there are only such as are too far
// ahead. It is false when the connection is not needed.
func (t *team) take(ctx context.Context, m *member) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	for ctx.Err() == nil && !t.excess(m) {
		if len(t.gaps) > 0 && t.near(t.gaps[0].From) {
			m.part = t.claim(t.limit == 1)
			return true
		}
		if m.part = t.split(); m.part != nil {
			return true
		}
		if len(t.gaps) == 0 {
			return false
		}
		t.changed.Wait()
	}
	return false
}

// near tells whether bytes may come from an offset on.
func (t *team) near(offset int64) bool { return !t.apart || offset < t.hashed+aheadMost }

// excess tells a connection that it is one too many. The one that is nearest the beginning
// never is: the others' bytes wait for its.
func (t *team) excess(m *member) bool {
	others := t.alive - t.leaving - 1
	if !m.leaving && others > 0 && (m.part == nil || m.part != t.first()) && (others >= t.limit || t.transfers.yield()) {
		m.leaving = true
		t.leaving++
	}
	return m.leaving
}

// room is how many bytes a connection may read next, and leaves them to it. Its part goes on into the gap that
// follows, as far as the answer does.
func (t *team) room(ctx context.Context, m *member) int64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	p := m.part
	for p.at == p.end && ctx.Err() == nil {
		gap, ok := t.follows(p)
		switch {
		case !ok:
			return 0
		case t.near(p.end):
			t.extend(p, gap)
		case gap > 0: // what is missing before goes first
			return 0
		default:
			t.changed.Wait()
		}
	}
	if ctx.Err() != nil || t.excess(m) {
		return 0
	}
	p.asked = min(p.end-p.at, m.most)
	return p.asked
}

// fillTime is how long bytes wait for others to be written with them.
const fillTime = 50 * time.Millisecond

// fill reads until the buffer is full or the body ends, and on a slow connection what there is.
func (t *team) fill(body io.Reader, buf []byte) (n int, err error) {
	for started := time.Now(); n < len(buf) && err == nil && (n == 0 || time.Since(started) < fillTime); {
		var got int
		got, err = body.Read(buf[n:])
		n += got
		t.Tally.received.Add(int64(got))
	}
	return n, err
}

// copy brings a part, and what follows on it while nobody else does.
func (t *team) copy(ctx context.Context, m *member, body io.Reader, buf []byte) error {
	for {
		room := t.room(ctx, m)
		if room == 0 {
			return ctx.Err()
		}
		n, err := t.fill(body, buf[:room])
		if int64(n) == room { // a fast one
			m.most = min(2*m.most, int64(len(buf)))
		} else {
			m.most = max(m.most/2, bufferSize)
		}
		if n > 0 {
			m.came += int64(n)
			if err := t.write(ctx, m.part, buf[:n]); err != nil {
				t.cancel(err)
				return err
			}
			if t.bytes != nil {
				if err := t.bytes.WaitN(ctx, n); err != nil {
					return err
				}
			}
		}
		switch {
		case err == io.EOF && m.part.at < m.part.reach:
			return fmt.Errorf("%w: a part ended early", fetch.ErrUnavailable)
		case err != nil && err != io.EOF:
			return err
		}
	}
}

// write writes where a part has come to.
func (t *team) write(ctx context.Context, p *part, b []byte) error {
	n, err := t.put(ctx, p, b)
	t.mu.Lock()
	defer t.mu.Unlock()
	p.at, p.asked = p.at+int64(n), 0
	t.came += int64(n)
	if t.apart {
		t.fresh = true
		t.changed.Broadcast()
	}
	return disk(err)
}

// put writes in order where it can, so that bytes are hashed as they come: while there is one
// connection, and nothing beyond what it has brought.
func (t *team) put(ctx context.Context, p *part, b []byte) (int, error) {
	t.mu.Lock()
	if t.inOrder(ctx, p) {
		defer t.mu.Unlock()
		return t.file.Write(b)
	}
	t.mu.Unlock()
	if p.to == nil {
		p.to = t.file.At(p.at)
	}
	return p.to.Write(b)
}

// inOrder tells whether the next bytes of a part come in order. Where they come so again, the
// hash has to come by first.
func (t *team) inOrder(ctx context.Context, p *part) bool {
	for t.apart && t.alive == 1 && p.at-t.hashed < partSize && t.missing() == t.entity.Size-p.at && ctx.Err() == nil {
		if t.hashed == p.at && !t.gathering {
			t.apart, p.to = false, nil
			break
		}
		t.changed.Wait()
	}
	return !t.apart
}

// drop gives up a connection's part.
func (t *team) drop(m *member) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.parts.drop(m.part)
	m.part = nil
	t.changed.Broadcast()
}

// leave ends a connection. The last one leaves its slot to the transfer.
func (t *team) leave(ctx context.Context, m *member, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if m.leaving {
		t.leaving--
	}
	if t.alive--; t.alive == 0 {
		close(t.ended)
	} else {
		t.transfers.give()
		t.Tally.transfers.Add(-1)
	}
	if err != nil && ctx.Err() == nil {
		t.broke(m, err)
	}
	t.changed.Broadcast()
}

// broke takes in why a connection broke: that the server bears no second one, or just now
// does not.
func (t *team) broke(m *member, err error) {
	t.Logger.Debug("connection broken", "workflow", t.j.work.wf.ID, "blob", t.j.blob.ID, "left", t.alive, "error", err)
	t.fault = err
	switch {
	case errors.Is(err, fetch.ErrNoPart):
		t.most, t.j.alone = 1, true
	case refused(err):
		t.most = max(t.alive, 1)
	case m.came < headway:
		t.strained = true
	}
}
