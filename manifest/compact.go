package manifest

import (
	"context"
	"errors"
	"slices"
)

const (
	// keptRuns is how many of the runs that ended the record speaks of: the last ones.
	keptRuns = 1000
	// deadShare is how much of a segment must be superseded for a compaction to write it anew.
	deadShare = 0.1
)

// Compact leaves lines out of the journal that later ones supersede, once they pay for it:
// when those that have come together since the last time are half of the segments before the
// last, and these are as large as one that is full. So the journal stays within some three
// times the size of what it says and one segment, and what is written anew stays in
// proportion to what runs write.
//
// One segment after another is replaced by what is left of it. Whatever instant a crash falls
// on, the journal says the same, and so does any mixture of segments that a reader comes by.
// The last segment stays as it is, and so do those that hold one of the marks. What a compaction
// cannot do, the next one can: an error leaves the journal as good as it was.
func (m *Manifest) Compact(ctx context.Context, marks []Mark) error {
	if m.journal.publish != nil || m.journal.broken != nil {
		return nil // objects that are published are never written anew
	}
	pays, err := m.compactionPays(ctx)
	if err != nil || !pays {
		return err
	}
	return m.compact(ctx, marks)
}

// compactionPays goes by what is known without reading the journal.
func (m *Manifest) compactionPays(ctx context.Context) (bool, error) {
	var all, last int64
	for _, n := range m.journal.segments {
		info, err := m.segments.Stat(segmentFile(n))
		if err != nil {
			return false, err
		}
		last = info.Size()
		all += last
	}
	full := all - last
	if full < m.journal.size {
		return false, nil
	}
	share, err := m.index.supersededShare(ctx)
	return share*float64(all) > float64(full)/2, err
}

// compaction is one at work.
type compaction struct {
	*superseded
	journal  *journal
	segments int // written anew
	lines    int64
	bytes    int64
}

func (m *Manifest) compact(ctx context.Context, marks []Mark) error {
	s, err := findSuperseded(ctx, m.journal)
	if err != nil {
		return err
	}
	c := &compaction{superseded: s, journal: m.journal}
	for _, n := range m.journal.segments[:len(m.journal.segments)-1] {
		if err = ctx.Err(); err != nil {
			break
		}
		if slices.ContainsFunc(marks, func(k Mark) bool { return k.Segment == n }) {
			continue
		}
		if err = c.segment(ctx, n); err != nil {
			break
		}
	}
	if c.segments > 0 {
		m.journal.log.Info("journal: left out lines that later ones supersede", "segments", c.segments, "lines", c.lines, "bytes", c.bytes)
	}
	return errors.Join(err, s.close(), m.index.compacted(context.WithoutCancel(ctx), c.lines, err == nil))
}

// segment writes one anew where enough of it is superseded.
func (c *compaction) segment(ctx context.Context, n int) error {
	share, err := c.share(ctx, n)
	if err != nil || share < deadShare {
		return err
	}
	lines, bytes, err := c.leaveOut(ctx, c.journal, n)
	if errors.Is(err, errLeft) {
		return nil
	}
	if err != nil {
		return err
	}
	c.segments++
	c.lines += lines
	c.bytes += bytes
	return nil
}

// countLines is how many lines of known kinds the journal has, how many of these are superseded
// and were so when it was last compacted, and how many are not superseded.
const countLines = `SELECT
	coalesce((SELECT value FROM meta WHERE key = 'lines'), 0),
	coalesce((SELECT value FROM meta WHERE key = 'left'), 0),
	(SELECT coalesce(sum(n), 0) FROM total WHERE what <> 'open') +
		(SELECT count(*) FROM coverage) + (SELECT count(*) FROM filing) + (SELECT count(*) FROM run)`

// supersededShare is how much of the journal's lines was superseded since it was last compacted.
func (x *index) supersededShare(ctx context.Context) (float64, error) {
	var lines, left, alive int64
	if err := x.db.QueryRowContext(ctx, countLines).Scan(&lines, &left, &alive); err != nil || lines == 0 {
		return 0, x.told(err)
	}
	return float64(lines-left-alive) / float64(lines), nil
}

// compacted notes how many lines the journal has lost, and after a compaction that came to its
// end, that it left what is superseded now.
func (x *index) compacted(ctx context.Context, gone int64, whole bool) error {
	var lines, left, alive int64
	if err := x.db.QueryRowContext(ctx, countLines).Scan(&lines, &left, &alive); err != nil {
		return x.told(err)
	}
	lines -= gone
	if whole {
		left = lines - alive
	}
	_, err := x.db.ExecContext(ctx, `INSERT INTO meta VALUES ('lines', ?), ('left', ?)
		ON CONFLICT DO UPDATE SET value = excluded.value`, lines, left)
	return x.told(err)
}
