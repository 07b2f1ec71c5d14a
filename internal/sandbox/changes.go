package sandbox

// change is what a test made of a workflow or a blob while the server ran. Nil fields
// leave what was there.
type change struct {
	level  *string
	hidden *bool
	reason *string
	bytes  uint64 // how often they were replaced
}

// SetLevel gives a workflow or a blob another NSFW level; "" takes it away. A preview has
// its blob's. It is false if there is nothing of that id.
func (s *Server) SetLevel(id, level string) bool {
	_, isWorkflow := s.account.workflow(id)
	return s.change(id, isWorkflow, func(c *change) { c.level = &level })
}

// SetHidden is the user deleting a blob on the site, or taking that back. It is false if
// there is no such blob.
func (s *Server) SetHidden(blobID string, hidden bool) bool {
	return s.change(blobID, false, func(c *change) { c.hidden = &hidden })
}

// SetBlocked gives a blob a blockedReason; "" lifts the one it has. It is false if there is
// no such blob.
func (s *Server) SetBlocked(blobID, reason string) bool {
	return s.change(blobID, false, func(c *change) { c.reason = &reason })
}

// Replace gives a blob other bytes, and with them another ETag if it has one. It is false if
// there is no such blob.
func (s *Server) Replace(blobID string) bool {
	return s.change(blobID, false, func(c *change) { c.bytes++ })
}

// change notes a change of what is known to exist, or of a blob.
func (s *Server) change(id string, exists bool, what func(*change)) bool {
	class, _, _, _ := s.account.ids.parse(id)
	_, b := s.account.blob(id)
	if !exists && (b == nil || class == idPreview) {
		return false
	}
	s.account.state.change(id, what)
	return true
}

func (e *evolution) change(id string, what func(*change)) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.changes == nil {
		e.changes = map[string]change{}
	}
	c := e.changes[id]
	what(&c)
	e.changes[id] = c
	e.announce()
}

func (e *evolution) altered() bool {
	e.mu.RLock()
	defer e.mu.RUnlock()
	return len(e.changes) > 0
}

func (e *evolution) changeOf(id string) change {
	e.mu.RLock()
	defer e.mu.RUnlock()
	return e.changes[id]
}

// changed applies what tests changed to a plan.
func (b *builder) changed() {
	state, p := b.account.state, b.plan
	if !state.altered() {
		return
	}
	for _, bl := range p.blobs {
		b.alter(bl, state.changeOf(bl.id))
	}
	for _, in := range p.inputs {
		if in.blob.workflow == p.index {
			b.alter(in.blob, state.changeOf(in.blob.id))
		}
	}
	if level := state.changeOf(p.id).level; level != nil {
		p.level, b.rated = *level, true
	}
}

func (b *builder) alter(bl *blob, c change) {
	if c.level != nil {
		bl.level = *c.level
	}
	if c.bytes > 0 {
		had := bl.etag() != ""
		bl.key = mixWords(bl.key, c.bytes)
		if had {
			bl.key = tagged(bl.key)
		}
	}
	switch {
	case c.hidden == nil:
	case *c.hidden && bl.fate.hasBytes():
		b.hide(bl.step, "output", bl)
	case !*c.hidden && bl.fate == fateHidden:
		bl.fate = fateDeliverable
		b.mark(bl.step, "output", bl, obj("hidden", false))
		b.mark(bl.step, "images", bl, obj("hidden", false))
	}
	switch {
	case c.reason == nil:
	case *c.reason != "":
		blocked(*c.reason)(bl)
	case bl.reason != "":
		as(fateDeliverable)(bl)
	}
}
