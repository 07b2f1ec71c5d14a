package manifest

import (
	"context"
	"database/sql"
	"time"
)

// Waiting is a blob that is not kept and may yet be.
type Waiting struct {
	Workflow  string    `json:"workflow"`
	Blob      string    `json:"blob"`
	State     State     `json:"state"`
	Reason    string    `json:"reason,omitempty"`
	Completed time.Time `json:"completed,omitzero"` // of its workflow; zero if not ended
	Created   time.Time `json:"created,omitzero"`   // of its workflow
}

// Waiting returns the failed and pending blobs whose workflows ended first, at most n,
// and how many there are.
func (x *index) Waiting(ctx context.Context, n int) (list []Waiting, total int64, err error) {
	const from = " FROM blob b LEFT JOIN workflow w ON w.id = b.workflow WHERE b.state IN ('failed', 'pending')"
	err = x.each(ctx, func(r *sql.Rows) error { return r.Scan(&total) }, "SELECT count(*)"+from)
	if err != nil {
		return nil, 0, err
	}
	err = x.each(ctx, func(r *sql.Rows) error {
		var w Waiting
		var completed, created int64
		if err := r.Scan(&w.Workflow, &w.Blob, &w.State, &w.Reason, &completed, &created); err != nil {
			return err
		}
		w.Completed, w.Created = fromUnix(completed), fromUnix(created)
		list = append(list, w)
		return nil
	}, `SELECT b.workflow, b.blob, b.state, b.reason, coalesce(w.completed, 0), coalesce(w.created, 0)`+from+`
		ORDER BY coalesce(nullif(w.completed, 0), 1 << 62), b.workflow, b.blob LIMIT ?`, n)
	return list, total, err
}

// Expiring counts the failed and pending blobs whose workflows ended within a period.
func (x *index) Expiring(ctx context.Context, from, to time.Time) (n int64, err error) {
	err = x.each(ctx, func(r *sql.Rows) error { return r.Scan(&n) }, `SELECT count(*) FROM blob b JOIN workflow w ON w.id = b.workflow
		WHERE b.state IN ('failed', 'pending') AND w.completed BETWEEN ? AND ?`, from.UnixMilli(), to.UnixMilli())
	return n, err
}

// Unended returns the oldest n workflows that had not ended: their ids and when they were
// created. An empty scope means those of every scope.
func (x *index) Unended(ctx context.Context, scope string, n int) ([]Workflow, error) {
	var all []Workflow
	err := x.each(ctx, func(r *sql.Rows) error {
		var w Workflow
		var created int64
		if err := r.Scan(&w.Workflow, &created); err != nil {
			return err
		}
		w.Created = fromUnix(created)
		all = append(all, w)
		return nil
	}, "SELECT id, created FROM workflow WHERE open AND (?1 = '' OR scope IN (?1, '"+AnyScope+"')) ORDER BY created, id LIMIT ?2", scope, n)
	return all, err
}
