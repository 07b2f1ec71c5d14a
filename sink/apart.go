package sink

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"io"
	"slices"
	"sync"
	"sync/atomic"
)

const (
	// stretchSize is from how many bytes on another stretch begins, so that none takes long
	// to prove.
	stretchSize = noteEvery
	// gatherSize is the most that one Gather hashes.
	gatherSize = 8 << 20
	// mostProofs is how many stretches a note tells of.
	mostProofs = 64
)

// Span is a stretch of a file: the bytes from From up to To, and without that one.
type Span struct{ From, To int64 }

// apart are the bytes of a partial that came before those in front of them. Beyond the
// offset they are in stretches, each with a hash of its own, by which a note can vouch for
// it; the hash of the whole follows as Gather comes by.
type apart struct {
	mu        sync.Mutex // guards the list, and the partial's share of the reserved space
	stretches []*stretch // by where they begin
	fresh     int64      // bytes in them since the last note
	buffer    []byte     // Gather's own
}

// stretch is bytes in a row.
type stretch struct {
	from int64
	to   atomic.Int64
	mu   sync.Mutex // held where to and sum must be of the same bytes
	sum  hash.Hash
}

func newStretch(from int64) *stretch {
	s := &stretch{from: from, sum: sha256.New()}
	s.to.Store(from)
	return s
}

// proof is what a note tells of a stretch.
type proof struct {
	From   int64  `json:"from"`
	To     int64  `json:"to"`
	SHA256 string `json:"sha256"` // of the bytes from From up to To
}

// append takes in bytes that have been written.
func (s *stretch) append(b []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sum.Write(b)
	s.to.Add(int64(len(b)))
}

func (s *stretch) proof() proof {
	s.mu.Lock()
	defer s.mu.Unlock()
	return proof{s.from, s.to.Load(), hex.EncodeToString(s.sum.Sum(nil))}
}

// at writes bytes in a row, from anywhere in a partial.
type at struct {
	p *partial
	s *stretch
}

// At returns a writer of the bytes from offset on. Many may be used at once, each by one
// goroutine, beside a Gather, as long as no other method is called. No two may write to the
// same place, nor any where bytes are already.
func (p *partial) At(offset int64) io.Writer { return &at{p, p.stretchAt(offset)} }

// stretchAt is the stretch that ends at an offset and goes on there, or a new one.
func (p *partial) stretchAt(offset int64) *stretch {
	p.apart.mu.Lock()
	defer p.apart.mu.Unlock()
	for _, s := range p.apart.stretches {
		if s.to.Load() == offset && offset-s.from < stretchSize {
			return s
		}
	}
	s := newStretch(offset)
	i, _ := slices.BinarySearchFunc(p.apart.stretches, offset, func(s *stretch, at int64) int { return cmp.Compare(s.from, at) })
	p.apart.stretches = slices.Insert(p.apart.stretches, i, s)
	return s
}

func (w *at) Write(b []byte) (int, error) {
	p, to := w.p, w.s.to.Load()
	if to-w.s.from >= stretchSize {
		w.s = p.stretchAt(to)
	}
	n, err := p.file.WriteAt(b, to)
	w.s.append(b[:n])
	p.apart.mu.Lock()
	defer p.apart.mu.Unlock()
	p.apart.fresh += int64(n)
	p.release(int64(n))
	return n, spaceOr(err)
}

// Gather takes in what is there and follows on Offset: it hashes at most a few MiB of it,
// moves Offset past them, and returns that. From time to time it writes a note of all that
// is there.
func (p *partial) Gather() (int64, error) {
	if err := p.hashUpTo(min(p.contiguous(), p.offset+gatherSize)); err != nil {
		return p.offset, err
	}
	if p.offset-p.flushed >= flushEvery {
		p.flush()
	}
	if p.validator != "" && max(p.fresh(), p.offset-p.noted) >= noteEvery {
		return p.offset, p.writeNote()
	}
	return p.offset, nil
}

func (p *partial) hashUpTo(end int64) error {
	if end <= p.offset {
		return nil
	}
	if p.apart.buffer == nil {
		p.apart.buffer = make([]byte, 256<<10)
	}
	n, err := io.CopyBuffer(p.sum, io.NewSectionReader(p.file, p.offset, end-p.offset), p.apart.buffer)
	p.offset += n
	if err == nil && p.offset < end {
		err = io.ErrUnexpectedEOF
	}
	p.apart.mu.Lock()
	defer p.apart.mu.Unlock()
	// One that ends at the offset may be growing.
	p.apart.stretches = slices.DeleteFunc(p.apart.stretches, func(s *stretch) bool { return s.to.Load() < p.offset })
	return err
}

// contiguous is up to where there is no gap.
func (p *partial) contiguous() int64 {
	p.apart.mu.Lock()
	defer p.apart.mu.Unlock()
	end := p.offset
	for _, s := range p.apart.stretches {
		if s.from > end {
			break
		}
		end = max(end, s.to.Load())
	}
	return end
}

// Missing are the stretches that are not there, up to the size that Expect told.
func (p *partial) Missing() []Span {
	p.apart.mu.Lock()
	defer p.apart.mu.Unlock()
	var gaps []Span
	end := p.offset
	for _, s := range p.apart.stretches {
		if s.from > end {
			gaps = append(gaps, Span{end, s.from})
		}
		end = max(end, s.to.Load())
	}
	if end < p.size {
		gaps = append(gaps, Span{end, p.size})
	}
	return gaps
}

// beyond is how many bytes are there beyond the offset.
func (p *partial) beyond() int64 {
	p.apart.mu.Lock()
	defer p.apart.mu.Unlock()
	n := int64(0)
	for _, s := range p.apart.stretches {
		n += max(0, s.to.Load()-max(s.from, p.offset))
	}
	return n
}

// fresh is how many bytes have come out of their order since the last note.
func (p *partial) fresh() int64 {
	p.apart.mu.Lock()
	defer p.apart.mu.Unlock()
	return p.apart.fresh
}

// proofs are what a note can tell of what is there beyond the offset: as much as is written
// now, the nearest first.
func (p *partial) proofs() []proof {
	p.apart.mu.Lock()
	defer p.apart.mu.Unlock()
	p.apart.fresh = 0
	var all []proof
	for _, s := range p.apart.stretches {
		if one := s.proof(); one.To > max(one.From, p.offset) && len(all) < mostProofs {
			all = append(all, one)
		}
	}
	return all
}

// prove takes over the stretches that are what a note says of them, and cuts the file behind
// them.
func (p *partial) prove(n note) error {
	end := p.offset
	for _, one := range n.Apart {
		overlaps := one.From < end && len(p.apart.stretches) > 0
		if one.From < 0 || overlaps || one.To <= max(one.From, end) || one.To > n.Size {
			continue
		}
		s := newStretch(one.From)
		got, err := io.Copy(s.sum, io.NewSectionReader(p.file, one.From, one.To-one.From))
		if s.to.Add(got); err == nil && s.proof() == one {
			p.apart.stretches = append(p.apart.stretches, s)
			end = one.To
		}
	}
	return p.file.Truncate(end)
}

// forget gives up what is there beyond the offset, so that Write can go on there.
func (p *partial) forget() error {
	if p.apart.stretches == nil {
		return nil
	}
	p.apart.stretches = nil
	if err := p.file.Truncate(p.offset); err != nil {
		return err
	}
	_, err := p.file.Seek(p.offset, io.SeekStart)
	return err
}
