package sandbox

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"iter"
	"sync"
	"time"
)

// Expected is one result of the account as a perfect archiver would know it.
type Expected struct {
	Workflow string    `json:"workflow"`
	Step     string    `json:"step"`     // name of the step as listed, also for what is nested in it
	StepType string    `json:"stepType"` // of the innermost step
	Blob     string    `json:"blob"`     // id; the last part of the URL for archives and traces; empty for texts
	Kind     string    `json:"kind"`     // image, video, audio, model3d, model, archive, data, trace or text
	Created  time.Time `json:"created"`  // of the workflow

	// Disposition is one of
	//
	//	deliverable  its bytes can be had
	//	blocked      carries a blockedReason
	//	placeholder  looks deliverable, leads to the placeholder both ways
	//	hidden       deleted by the user on the site; its bytes can be had
	//	unavailable  available: false in a workflow that has ended
	//	temp         an intermediate or a log; its bytes can be had
	//	gone         said to be available, 404 or 410 everywhere
	//	pending      not there yet; its workflow has not ended
	//	text         the step's output is the result
	Disposition string `json:"disposition"`

	// SHA256 (hex), Size (bytes) and MediaType (by the bytes, not the name)
	// are of what a client ends up with; empty where there is nothing. For a
	// text they are of the step's output as the API writes it, compact.
	SHA256    string `json:"sha256,omitempty"`
	Size      int64  `json:"size,omitempty"`
	MediaType string `json:"mediaType,omitempty"`

	Level   string `json:"level,omitempty"`   // NSFW level as the API writes it
	Recipe  string `json:"recipe"`            // the catalogue's name for the workflow
	ByID    bool   `json:"byId,omitempty"`    // only by id with the token; the signed URL leads to the placeholder
	ByName  bool   `json:"byName,omitempty"`  // the output only names it; there is no blob object
	Deleted bool   `json:"deleted,omitempty"` // its workflow is deleted: listed, but not readable
}

// Truth tells every blob and text result of the account as it stands, oldest
// workflow first. Making the bytes takes time; sums already known are reused.
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
	return append([]byte(nil), s.cache.of(b)...), true
}

// PlaceholderSHA256 is the hex sum of the picture behind blocked URLs.
func (s *Server) PlaceholderSHA256() string {
	sum := sha256.Sum256(s.placeholder())
	return hex.EncodeToString(sum[:])
}

func (s *Server) expect(p *plan) []Expected {
	var all []Expected
	add := func(st *step, e Expected) {
		e.Workflow, e.Created, e.Recipe, e.Deleted = p.id, p.created, p.recipe, p.deleted
		e.Step, e.StepType = st.top(), st.typ
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
	return all
}

func (s *Server) expectBlob(b *blob) Expected {
	f := s.account.formats[b.content]
	e := Expected{Blob: b.id, Kind: f.kind, Disposition: b.fate.disposition(), Level: b.level,
		ByID: b.fate == fateByID, ByName: b.named}
	if b.fate.hasBytes() {
		e.MediaType = f.media
		e.SHA256, e.Size = s.sums.of(b.id, func() []byte { return s.cache.of(b) })
	}
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

func (c *sumCache) of(id string, content func() []byte) (string, int64) {
	c.mu.Lock()
	known, ok := c.sums[id]
	c.mu.Unlock()
	if !ok {
		known.sha256, known.size = sum(content())
		c.mu.Lock()
		if len(c.sums) < sumLimit {
			c.sums[id] = known
		}
		c.mu.Unlock()
	}
	return known.sha256, known.size
}
