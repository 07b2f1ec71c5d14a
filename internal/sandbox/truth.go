package sandbox

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"iter"
	"sync"
)

// Truth tells every blob and text result of the account as it stands, oldest
// workflow first, the previews and sources of a workflow after its results. Making the bytes takes time; sums already known are reused.
func (s *Server) Truth() iter.Seq[Expected] {
	return func(yield func(Expected) bool) {
		for i := range s.account.state.len() {
			for _, e := range s.expect(s.account.plan(i)) {
				if !yield(e) {
					return
				}
			}
		}
	}
}

// Bytes is what a blob holds, also where the API would not give it out.
func (s *Server) Bytes(blobID string) ([]byte, bool) {
	p, b := s.account.blob(blobID)
	if p == nil {
		return nil, false
	}
	data, err := io.ReadAll(s.open(b))
	return data, err == nil
}

// PlaceholderSHA256 is the hex sum of the picture behind blocked URLs.
func (s *Server) PlaceholderSHA256() string {
	sum := sha256.Sum256(s.placeholder())
	return hex.EncodeToString(sum[:])
}

func (s *Server) expect(p *plan) []Expected {
	var all []Expected
	of := p.origin()
	add := func(st *step, e Expected) {
		e.Origin, e.Step, e.StepType = of, st.top(), st.typ
		all = append(all, e)
	}
	for _, b := range p.blobs {
		add(b.step, s.expectBlob(b))
	}
	for _, a := range p.archives {
		add(a.step, s.expectArchive(p, a))
	}
	for _, t := range p.traces {
		e := Expected{Blob: s.account.traceKey(p, t), Kind: "trace", Disposition: "temp", MediaType: "text/plain"}
		e.SHA256, e.Size = sum(t.log())
		add(t.step, e)
	}
	for _, st := range p.steps {
		if st.text && st.output != nil {
			e := Expected{Kind: "text", Disposition: "text", MediaType: "application/json"}
			e.SHA256, e.Size = sum((&view{}).append(nil, st.output))
			add(st, e)
		}
	}
	for _, b := range p.blobs {
		if b.previewed() {
			add(b.step, s.expectPreview(b))
		}
	}
	for _, in := range p.sources() {
		add(in.step, s.expectInput(in))
	}
	return all
}

func (p *plan) origin() Origin {
	o := Origin{Workflow: p.id, Created: p.created, Recipe: p.recipe, Deleted: p.deleted, WorkflowLevel: p.level, Prompt: p.prompt()}
	o.Tags, _ = p.tags.([]string)
	o.Seed, _ = p.setting("seed").(int)
	return o
}

func (s *Server) expectBlob(b *blob) Expected {
	f := s.account.formats[b.content]
	e := Expected{Blob: b.id, Kind: f.kind, Disposition: b.fate.disposition(), Level: b.level,
		Reason: b.reason, Minors: b.minors(), ByID: b.fate == fateByID, ByName: b.named}
	e.Hidden, e.Favorite, e.Feedback = b.opinion()
	if b.fate.hasBytes() {
		e.MediaType = f.media
		e.SHA256, e.Size = s.sums.of(b.version(), func() io.Reader { return s.open(b) })
	}
	return e
}

func (s *Server) expectPreview(b *blob) Expected {
	e := s.expectBlob(b.thumbnail())
	e.Disposition, e.Of = "preview", b.id
	e.Hidden, e.Favorite, e.Feedback = b.opinion()
	return e
}

// expectInput tells of a source what its step does: not much more than where it is.
func (s *Server) expectInput(in input) Expected {
	_, b := s.account.blob(in.blob.id) // as it is now
	e := s.expectBlob(b)
	e.Disposition, e.Level, e.Hidden, e.Favorite, e.Feedback = "input", "", false, false, ""
	return e
}

func (s *Server) expectArchive(p *plan, a *archive) Expected {
	e := Expected{Blob: s.account.archiveToken(p, a), Kind: "archive", Disposition: "gone"}
	if p.deleted || !s.opt.Now().Before(a.expires) {
		return e
	}
	e.Disposition, e.MediaType = "deliverable", archiveMedia(a.format)
	var packed bytes.Buffer
	if err := s.packArchive(&packed, p, a); err == nil {
		e.SHA256, e.Size = sum(packed.Bytes())
	}
	return e
}

func sum(data []byte) (string, int64) {
	out := sha256.Sum256(data)
	return hex.EncodeToString(out[:]), int64(len(data))
}

// sumCache remembers the sums of bytes that take long to make. It is bounded
// and only spares work.
type sumCache struct {
	mu   sync.Mutex
	sums map[string]digest
}

type digest struct {
	sha256 string
	size   int64
}

const sumLimit = 20_000

func newSumCache() *sumCache { return &sumCache{sums: map[string]digest{}} }

func (c *sumCache) of(id string, content func() io.Reader) (string, int64) {
	c.mu.Lock()
	known, ok := c.sums[id]
	c.mu.Unlock()
	if !ok {
		hash := sha256.New()
		known.size, _ = io.Copy(hash, content()) // what is made in memory does not fail
		known.sha256 = hex.EncodeToString(hash.Sum(nil))
		c.mu.Lock()
		if len(c.sums) < sumLimit {
			c.sums[id] = known
		}
		c.mu.Unlock()
	}
	return known.sha256, known.size
}
