package manifest

import (
	"context"
	"database/sql"
	"strings"
	"time"
)

// count is what rows add to the tables that count them.
type count struct {
	totals  map[string]Count // by state; and of workflows, all and those that are open
	reasons map[reasonKey]int64
	alike   map[alikeKey]Count // kept blobs, as Groups tells of them
}

type reasonKey struct{ state, reason string }

type alikeKey struct {
	nsfw, typ, media, month string
	apart                   bool
}

// countOf counts the rows of lines as if each were new. It is added before they are put: the
// same group may replace one of its own rows.
func countOf(lines []Line) count {
	c := count{map[string]Count{}, map[reasonKey]int64{}, map[alikeKey]Count{}}
	for _, l := range lines {
		switch l := l.(type) {
		case Workflow:
			open := int64(0)
			if l.Open {
				open = 1
			}
			c.totals["workflows"] = c.totals["workflows"].plus(1, 0)
			c.totals["open"] = c.totals["open"].plus(open, 0)
		case Blob:
			c.totals[string(l.State)] = c.totals[string(l.State)].plus(1, l.Size)
			c.reasons[reasonKey{string(l.State), l.Reason}]++
			if l.State == Kept {
				key := alikeKey{l.NSFW, l.Type, l.Media, monthOf(l.Created), isApart(l)}
				c.alike[key] = c.alike[key].plus(1, l.Size)
			}
		}
	}
	return c
}

func (c Count) plus(blobs, bytes int64) Count { return Count{c.Blobs + blobs, c.Bytes + bytes} }

// monthOf is the month as the index tells it from the milliseconds that it holds.
func monthOf(t time.Time) string {
	ms := unix(t)
	if ms == 0 {
		return ""
	}
	return time.Unix(ms/1000, 0).UTC().Format("2006-01")
}

// isApart tells a blob that is filed below mature/, or encrypted.
func isApart(b Blob) bool {
	const tree = "mature/"
	return b.Plain != (Content{}) || len(b.Path) >= len(tree) && strings.EqualFold(b.Path[:len(tree)], tree)
}

func (c count) add(ctx context.Context, tx *sql.Tx) (err error) {
	put := func(query string, values ...any) {
		if err == nil {
			_, err = tx.ExecContext(ctx, query, values...)
		}
	}
	for what, n := range c.totals {
		put(`INSERT INTO total VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET n = n + excluded.n, bytes = bytes + excluded.bytes`, what, n.Blobs, n.Bytes)
	}
	for k, n := range c.reasons {
		put(`INSERT INTO reason VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET n = n + excluded.n`, k.state, k.reason, n)
	}
	for k, n := range c.alike {
		put(`INSERT INTO alike VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET n = n + excluded.n, bytes = bytes + excluded.bytes`,
			k.nsfw, k.typ, k.media, k.month, k.apart, n.Blobs, n.Bytes)
	}
	return err
}
