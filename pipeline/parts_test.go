package pipeline

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"testing"

	"civitar/sink"
)

// However connections come, take over from each other, and break, every byte is brought by
// exactly one of them at a time, and none is forgotten.
func TestPartsCoverWhatIsMissing(t *testing.T) {
	t.Parallel()
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 7))
		missing := []sink.Span{{From: 10, To: 5*partSize + 3}, {From: 6 * partSize, To: 6*partSize + 1}, {From: 7*partSize + 11, To: 11 * partSize}}
		ps := &parts{gaps: slices.Clone(missing)}
		var brought []sink.Span
		steps := 0
		for ; ps.missing() > 0; steps++ {
			stepParts(r, ps, &brought)
			checkParts(t, ps, brought, missing)
			if t.Failed() {
				t.Fatalf("seed %d, step %d: %+v, under way %d", seed, steps, ps.gaps, len(ps.under))
			}
		}
		if len(ps.gaps) != 0 {
			t.Fatalf("seed %d: nothing is missing, and there are gaps: %v", seed, ps.gaps)
		}
	}
}

// stepParts does one of the things that connections do.
func stepParts(r *rand.Rand, ps *parts, brought *[]sink.Span) {
	switch n := r.IntN(10); {
	case n == 0 && len(ps.gaps) > 0 && len(ps.under) < 6:
		ps.claim(r.IntN(2) == 0)
	case n == 1:
		ps.split()
	case n == 2:
		ps.look()
	case n == 3 && len(ps.under) > 0 && r.IntN(4) == 0:
		ps.drop(ps.under[r.IntN(len(ps.under))])
	case len(ps.under) > 0:
		p := ps.under[r.IntN(len(ps.under))]
		if p.at == p.end {
			if gap, ok := ps.follows(p); ok {
				ps.extend(p, gap)
			} else {
				ps.drop(p)
			}
			return
		}
		if p.asked == 0 {
			p.asked = min(p.end-p.at, 1+r.Int64N(32*splitLeast))
			return
		}
		came := 1 + r.Int64N(p.asked)
		*brought = joined(append(*brought, sink.Span{From: p.at, To: p.at + came}))
		p.at, p.asked = p.at+came, 0
	}
}

// checkParts checks that what was brought, what is under way and what is a gap are together
// what was missing.
func checkParts(t *testing.T, ps *parts, brought, missing []sink.Span) {
	t.Helper()
	all := slices.Concat(brought, ps.gaps)
	for _, p := range ps.under {
		if p.at < p.from || p.at+p.asked > p.end || p.end > p.reach {
			t.Errorf("a part from %d at %d to %d, of which %d are being read and the answer goes to %d", p.from, p.at, p.end, p.asked, p.reach)
		}
		all = append(all, sink.Span{From: p.at, To: p.end})
	}
	if all = joined(all); !slices.Equal(all, missing) {
		t.Errorf("together they are %v, want %v", all, missing)
	}
	if !slices.IsSortedFunc(ps.gaps, func(a, b sink.Span) int { return int(a.From - b.From) }) {
		t.Errorf("gaps are not in order: %v", ps.gaps)
	}
}

// joined are spans in order, those that meet made one. What overlaps stays apart.
func joined(spans []sink.Span) (all []sink.Span) {
	slices.SortFunc(spans, func(a, b sink.Span) int { return cmp.Compare(a.From, b.From) })
	for _, s := range spans {
		switch n := len(all); {
		case s.From == s.To:
		case n > 0 && all[n-1].To == s.From:
			all[n-1].To = s.To
		default:
			all = append(all, s)
		}
	}
	return all
}

func TestSplitTakesWhatTheSlowestWillNotBring(t *testing.T) {
	t.Parallel()
	at := func(from, at, end, speed int64, looks int) *part {
		return &part{from: from, at: at, end: end, reach: end, asked: bufferSize, speed: speed, looks: looks, seen: at}
	}
	for name, c := range map[string]struct {
		under      []*part
		from, to   int64 // of what is taken; 0 for nothing
		shortensTo int64 // where the slowest ends then
	}{
		"nothing is under way":             {},
		"too young to tell":                {under: []*part{at(0, 0, partSize, 0, 1)}},
		"soon at its end":                  {under: []*part{at(0, 0, partSize, partSize/3, 5)}},
		"of two that are equally fast":     {[]*part{at(0, 0, 20<<20, 1<<20, 5), at(20<<20, 20<<20, 24<<20, 1<<20, 5)}, 10 << 20, 20 << 20, 10 << 20},
		"of one that stands still":         {[]*part{at(0, 0, 20<<20, 0, 5), at(20<<20, 20<<20, 24<<20, 1<<20, 5)}, bufferSize, 20 << 20, bufferSize},
		"of all that stand still":          {[]*part{at(0, 0, 20<<20, 0, 5)}, 10 << 20, 20 << 20, 10 << 20},
		"of one that is a third as fast":   {[]*part{at(0, 0, 20<<20, 1<<20, 5), at(20<<20, 20<<20, 24<<20, 3<<20, 5)}, 5 << 20, 20 << 20, 5 << 20},
		"too little is left":               {under: []*part{at(0, 0, splitLeast+bufferSize-1, 1, 5)}},
		"just enough is left":              {[]*part{at(0, 0, splitLeast+bufferSize, 1, 5)}, bufferSize, splitLeast + bufferSize, bufferSize},
		"of the slowest, not of the first": {[]*part{at(0, 0, 20<<20, 2<<20, 5), at(20<<20, 20<<20, 40<<20, 1<<20, 5)}, 20<<20 + 6990506, 40 << 20, 20<<20 + 6990506},
	} {
		ps := &parts{under: slices.Clone(c.under)}
		p := ps.split()
		if c.to == 0 {
			if p != nil {
				t.Errorf("%s: %+v was taken", name, p)
			}
			continue
		}
		if p == nil || p.from != c.from || p.at != c.from || p.end != c.to || p.reach != c.to {
			t.Errorf("%s: %+v was taken, want %d to %d", name, p, c.from, c.to)
		}
		if !slices.ContainsFunc(c.under, func(p *part) bool { return p.end == c.shortensTo }) || len(ps.under) != len(c.under)+1 {
			t.Errorf("%s: none ends at %d now", name, c.shortensTo)
		}
	}
}
