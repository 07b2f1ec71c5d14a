package manifest

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"strings"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"civitar/internal/database"
)

// Disagreement is a place where the index says something else than the journal. Row names
// it; empty means the index as a whole.
type Disagreement struct{ Row, What string }

// tables are the rows of an index, each by a key and a text of all it says, in order of
// the key.
func tables() map[string]string {
	all := func(columns []string) string { return "json_array(" + strings.Join(columns, ", ") + ")" }
	return map[string]string{
		"workflow": "SELECT id, " + all(workflowColumns()) + " FROM workflow ORDER BY id",
		"blob":     "SELECT json_array(workflow, blob), " + all(blobColumns()) + " FROM blob ORDER BY 1",
		"coverage": "SELECT scope, line FROM coverage ORDER BY scope",
		"filing":   "SELECT '', line FROM filing",
		"run":      "SELECT line, '' FROM run ORDER BY line",
	}
}

// Index compares the index with the journal, row by row, as of one moment. An index that
// is missing, of another version, or behind the journal is no disagreement: whoever opens
// the archive next brings it level. It must be called before Follow.
func (a *Audit) Index(ctx context.Context, use func(Disagreement)) error {
	if _, err := os.Stat(a.path(indexFile)); err != nil {
		return nil
	}
	x, err := openDB(ctx, a.path(indexFile), database.Read)
	if err != nil {
		return a.unusable(ctx, err, use)
	}
	for compacted := true; compacted && err == nil; {
		compacted, err = a.compare(ctx, x, use)
	}
	if err != nil {
		err = a.unusable(ctx, err, use)
	}
	return errors.Join(err, x.close())
}

// unusable tells an index that is damaged. One that cannot be opened is passed over: a run
// may be making it anew, or the file system may be read-only.
func (a *Audit) unusable(ctx context.Context, err error, use func(Disagreement)) error {
	var fault *sqlite.Error
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case !errors.As(err, &fault):
		return err
	case fault.Code()&0xff == sqlite3.SQLITE_CORRUPT, fault.Code()&0xff == sqlite3.SQLITE_NOTADB, fault.Code()&0xff == sqlite3.SQLITE_ERROR:
		use(Disagreement{What: "it cannot be read: " + err.Error()})
	}
	return nil
}

// compare tells whether the journal was compacted meanwhile: then nothing was compared.
func (a *Audit) compare(ctx context.Context, x *index, use func(Disagreement)) (compacted bool, err error) {
	tx, err := x.db.BeginTx(ctx, &sql.TxOptions{ReadOnly: true}) // sees one moment, whatever a run does
	if err != nil {
		return false, err
	}
	defer tx.Rollback()
	version, at, created, err := whereabouts(ctx, tx)
	if err != nil || version != indexVersion {
		return false, err
	}
	j, err := readJournal(a.segments)
	if err != nil {
		return false, err
	}
	if at != (position{}) && created != stamp(j) || j.end().before(at) {
		use(Disagreement{What: "it is of another journal, or ahead of this one"})
		return false, nil
	}
	if at.before(j.known()) { // it is behind, and what it may hold of its time the journal lacks by now
		return false, nil
	}
	var sound string
	if err := tx.QueryRowContext(ctx, "PRAGMA integrity_check(1)").Scan(&sound); err != nil {
		return false, err
	}
	if sound != "ok" {
		use(Disagreement{What: "it is damaged: " + strings.ReplaceAll(sound, "\n", " ")})
		return false, nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if err := a.followTo(ctx, j, at); err != nil {
		return false, err
	}
	if compacted, err = j.reread(); err != nil || compacted {
		return compacted, errors.Join(err, a.anew(ctx))
	}
	for table, query := range tables() {
		if err := a.compareTable(ctx, tx, table, query, use); err != nil {
			return false, err
		}
	}
	return false, nil
}

// anew lets go of what was taken in, to begin with the journal again.
func (a *Audit) anew(ctx context.Context) error {
	if err := a.fresh.close(); err != nil {
		return err
	}
	fresh, err := freshIndex(ctx, a.fresh.file)
	if err == nil {
		a.fresh, a.at = fresh, position{}
	}
	return err
}

// compareTable walks both tables side by side.
func (a *Audit) compareTable(ctx context.Context, tx *sql.Tx, table, query string, use func(Disagreement)) error {
	have, err := tx.QueryContext(ctx, query)
	if err != nil {
		return err
	}
	defer have.Close()
	want, err := a.fresh.db.QueryContext(ctx, query)
	if err != nil {
		return err
	}
	defer want.Close()
	h, w := &cursor{rows: have}, &cursor{rows: want}
	h.next()
	w.next()
	for h.ok || w.ok {
		order := h.order(w)
		key := h.key
		switch {
		case order > 0:
			key = w.key
			use(Disagreement{table + " " + key, "the journal has it, the index lacks it"})
		case order < 0:
			use(Disagreement{table + " " + key, "the index has it, the journal lacks it"})
		case h.text != w.text:
			use(Disagreement{table + " " + key, "the index says something else than the journal"})
		}
		if order <= 0 {
			h.next()
		}
		if order >= 0 {
			w.next()
		}
	}
	return errors.Join(h.err, w.err, have.Err(), want.Err())
}

// cursor is a place in the rows of a table.
type cursor struct {
	rows      *sql.Rows
	key, text string
	ok        bool
	err       error
}

func (c *cursor) next() {
	if c.ok = c.rows.Next(); c.ok {
		c.err = c.rows.Scan(&c.key, &c.text)
		c.ok = c.err == nil
	}
}

// order compares where two cursors are; the end comes after everything.
func (c *cursor) order(d *cursor) int {
	switch {
	case !c.ok:
		return 1
	case !d.ok:
		return -1
	}
	return strings.Compare(c.key, d.key)
}

// querier is a database or a transaction of it.
type querier interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// whereabouts tells an index's version, how far it has followed the journal, and which.
func whereabouts(ctx context.Context, q querier) (version int, at position, created string, err error) {
	if err := q.QueryRowContext(ctx, "PRAGMA user_version").Scan(&version); err != nil || version != indexVersion {
		return version, at, "", err
	}
	err = q.QueryRowContext(ctx, `SELECT
		coalesce((SELECT value FROM meta WHERE key = 'segment'), 0),
		coalesce((SELECT value FROM meta WHERE key = 'offset'), 0),
		coalesce((SELECT value FROM meta WHERE key = 'journal'), '')`).Scan(&at.Segment, &at.Offset, &created)
	return version, at, created, err
}
