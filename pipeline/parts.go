package pipeline

import (
	"cmp"
	"io"
	"math"
	"slices"
	"time"

	"civitar/sink"
)

const (
	// partSize is what a connection takes at a time. Parts are taken from the beginning on,
	// so that the hash of the whole can follow while the bytes are still in memory.
	partSize = 32 << 20
	// splitFrom is how long a part must be expected to take yet for another connection to
	// take some of it, where no other part is left.
	splitFrom = 4 * time.Second
	// splitLeast is the least that such a connection takes.
	splitLeast = 256 << 10
)

// part is a stretch of a blob that one connection brings.
type part struct {
	from, at, end int64     // where it began, the next byte, and where it ends
	reach         int64     // how far the answer goes: it may be beyond the end
	asked         int64     // from the next byte on, what is being read just now
	to            io.Writer // nil while the bytes come in their order

	looks       int   // since it began
	seen, speed int64 // how far it was at the last look, and how much came from the one before until then
}

// left is how long the part will take yet, 0 where it is too young to tell.
func (p *part) left() time.Duration {
	switch {
	case p.looks < 2 || p.at >= p.end:
		return 0
	case p.speed == 0:
		return math.MaxInt64
	}
	return time.Duration(float64(judgeEvery) * float64(p.end-p.at) / float64(p.speed))
}

// parts are what is missing of a blob: what somebody brings, and what nobody does.
type parts struct {
	gaps  []sink.Span // in order
	under []*part
}

// claim takes the part nearest the beginning that nobody brings. Its answer goes as far as
// the gap does where far is set, so that the part can be extended.
func (ps *parts) claim(far bool) *part {
	g := &ps.gaps[0]
	p := &part{from: g.From, at: g.From, end: min(g.From+partSize, g.To), seen: g.From}
	p.reach = p.end
	if far {
		p.reach = g.To
	}
	if g.From = p.end; g.From == g.To {
		ps.gaps = ps.gaps[1:]
	}
	ps.under = append(ps.under, p)
	return p
}

// follows tells whether nobody brings what follows on a part, and which gap that is.
func (ps *parts) follows(p *part) (at int, ok bool) {
	at, ok = slices.BinarySearchFunc(ps.gaps, p.end, func(g sink.Span, end int64) int { return cmp.Compare(g.From, end) })
	return at, ok && p.end < p.reach
}

// extend lets a part go on into the gap that follows on it.
func (ps *parts) extend(p *part, at int) {
	g := &ps.gaps[at]
	p.end = min(g.From+partSize, g.To, p.reach)
	if g.From = p.end; g.From == g.To {
		ps.gaps = slices.Delete(ps.gaps, at, at+1)
	}
}

// look takes in how fast each part comes.
func (ps *parts) look() {
	for _, p := range ps.under {
		p.looks++
		p.speed, p.seen = p.at-p.seen, p.at
	}
}

// split takes over the end of the part that will take longest, so much of it that both end
// at once if the new connection is as fast as the fastest. It is nil when none takes long.
func (ps *parts) split() *part {
	var slowest *part
	most, fastest := splitFrom, int64(0)
	for _, p := range ps.under {
		fastest = max(fastest, p.speed)
		if d := p.left(); d >= most && p.end-p.at >= splitLeast+p.asked {
			slowest, most = p, d
		}
	}
	if slowest == nil {
		return nil
	}
	rest, share := slowest.end-slowest.at, 0.5
	if fastest > 0 {
		share = float64(slowest.speed) / float64(slowest.speed+fastest)
	}
	// What is being read just now is the old connection's.
	keep := min(max(int64(share*float64(rest)), slowest.asked), rest-splitLeast)
	at := slowest.at + keep
	p := &part{from: at, at: at, end: slowest.end, reach: slowest.end, seen: at}
	slowest.end = at
	ps.under = append(ps.under, p)
	return p
}

// drop gives up a part: what is missing of it is a gap again.
func (ps *parts) drop(p *part) {
	ps.under = slices.DeleteFunc(ps.under, func(other *part) bool { return other == p })
	if p.at >= p.end {
		return
	}
	at, _ := slices.BinarySearchFunc(ps.gaps, p.at, func(g sink.Span, from int64) int { return cmp.Compare(g.From, from) })
	if at < len(ps.gaps) && ps.gaps[at].From == p.end {
		ps.gaps[at].From = p.at
		return
	}
	ps.gaps = slices.Insert(ps.gaps, at, sink.Span{From: p.at, To: p.end})
}

// first is the part nearest the beginning that somebody brings, nil for none.
func (ps *parts) first() *part {
	var first *part
	for _, p := range ps.under {
		if first == nil || p.at < first.at {
			first = p
		}
	}
	return first
}

// missing is how many bytes are missing.
func (ps *parts) missing() int64 {
	n := int64(0)
	for _, g := range ps.gaps {
		n += g.To - g.From
	}
	for _, p := range ps.under {
		n += p.end - p.at
	}
	return n
}
