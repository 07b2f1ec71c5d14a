package manifest

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// apply takes in a group of lines, after which the journal stands at.
func (x *index) apply(ctx context.Context, lines []Line, at position) error {
	return x.told(x.transact(ctx, lines, at))
}

func (x *index) transact(ctx context.Context, lines []Line, at position) error {
	tx, err := x.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() // of no effect after Commit
	if err := applyLines(ctx, tx, lines); err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO meta VALUES ('segment', ?), ('offset', ?), ('lines', ?)
		ON CONFLICT DO UPDATE SET value = excluded.value + iif(key = 'lines', value, 0)`, at.Segment, at.Offset, len(lines))
	if err != nil {
		return err
	}
	return tx.Commit()
}

// rowsAtOnce is how many rows one statement puts: what a statement costs is much of what a
// row does.
const rowsAtOnce = 32

// rows are put into a table, many at once. A row replaces all of the one with its key.
type rows struct {
	tx        *sql.Tx
	table     string
	key, rest []string
	full      *sql.Stmt // puts rowsAtOnce; nil until there were as many
	args      []any
	n         int
}

func (r *rows) add(ctx context.Context, values ...any) (err error) {
	r.args = append(r.args, values...)
	if r.n++; r.n < rowsAtOnce {
		return nil
	}
	if r.full == nil {
		if r.full, err = r.tx.PrepareContext(ctx, r.put()); err != nil {
			return err
		}
	}
	_, err = r.full.ExecContext(ctx, r.args...)
	r.args, r.n = r.args[:0], 0
	return err
}

// end puts what is left.
func (r *rows) end(ctx context.Context) (err error) {
	if r.n > 0 {
		_, err = r.tx.ExecContext(ctx, r.put(), r.args...)
	}
	if r.full != nil {
		err = errors.Join(err, r.full.Close())
	}
	return err
}

// put is the statement for as many rows as there are.
func (r *rows) put() string {
	all := append(slices.Clone(r.key), r.rest...)
	sets := make([]string, len(r.rest))
	for i, c := range r.rest {
		sets[i] = c + " = excluded." + c
	}
	one := "(" + strings.TrimSuffix(strings.Repeat("?,", len(all)), ",") + "),"
	return "INSERT INTO " + r.table + " (" + strings.Join(all, ", ") + ") VALUES " + strings.TrimSuffix(strings.Repeat(one, r.n), ",") +
		" ON CONFLICT DO UPDATE SET " + strings.Join(sets, ", ")
}

// The columns of the tables, but for their keys.
func workflowColumns() []string {
	return []string{"created", "completed", "status", "open", "scope", "sidecar", "print", "size", "sha256", "plain", "run", "time"}
}

func blobColumns() []string {
	return []string{"created", "step", "type", "state", "reason", "asked", "path", "size", "sha256", "media", "nsfw", "role",
		"plain", "beside", "beside_path", "time"}
}

const (
	putCoverage = `INSERT OR REPLACE INTO coverage (scope, line) VALUES (?, ?)`
	putFiling   = `INSERT OR REPLACE INTO filing (one, line) VALUES (1, ?)`
	putRun      = `INSERT INTO run (line) VALUES (?)`
	dropRuns    = `DELETE FROM run WHERE seq <= (SELECT max(seq) FROM run) - ?`
)

func applyLines(ctx context.Context, tx *sql.Tx, lines []Line) error {
	if err := countOf(lines).add(ctx, tx); err != nil {
		return err
	}
	workflows := &rows{tx: tx, table: "workflow", key: []string{"id"}, rest: workflowColumns()}
	blobs := &rows{tx: tx, table: "blob", key: []string{"workflow", "blob"}, rest: blobColumns()}
	var err error
	for _, l := range lines {
		switch l := l.(type) {
		case Workflow:
			err = workflows.add(ctx, l.Workflow, unix(l.Created), unix(l.Completed), l.Status, l.Open, l.Scope,
				l.Sidecar, l.Print, l.Size, l.SHA256, contentText(l.Plain), l.Run, unix(l.Time))
		case Blob:
			err = blobs.add(ctx, l.Workflow, l.Blob, unix(l.Created), l.Step, l.Type, string(l.State), l.Reason, l.Asked, l.Path,
				l.Size, l.SHA256, l.Media, l.NSFW, l.Role, contentText(l.Plain), contentText(l.Beside), l.Beside.Path, unix(l.Time))
		case Coverage:
			err = execJSON(ctx, tx, l, putCoverage, l.Scope)
		case Run:
			if err = execJSON(ctx, tx, l, putRun); err == nil {
				_, err = tx.ExecContext(ctx, dropRuns, keptRuns)
			}
		case Filing:
			err = execJSON(ctx, tx, l, putFiling)
		}
		if err != nil {
			return errors.Join(err, workflows.end(ctx), blobs.end(ctx))
		}
	}
	return errors.Join(workflows.end(ctx), blobs.end(ctx))
}

func execJSON(ctx context.Context, tx *sql.Tx, l Line, query string, args ...any) error {
	data, err := json.Marshal(l)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, query, append(args, string(data))...)
	return err
}

// unix keeps a time as milliseconds; the zero time is 0.
func unix(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

func fromUnix(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}

// contentText keeps a content as JSON, and none as null.
func contentText(c Content) any {
	if c == (Content{}) {
		return nil
	}
	data, err := json.Marshal(c)
	if err != nil { // it holds texts and a number
		return nil
	}
	return string(data)
}

// content scans what contentText keeps.
type content struct{ *Content }

func (c content) Scan(v any) error {
	*c.Content = Content{}
	switch v := v.(type) {
	case nil:
		return nil
	case string:
		return json.Unmarshal([]byte(v), c.Content)
	}
	return fmt.Errorf("a content is no text but %T", v)
}
