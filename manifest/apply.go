package manifest

import (
	"context"
	"database/sql"
	"encoding/json"
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
	_, err = tx.ExecContext(ctx, `INSERT INTO meta VALUES ('segment', ?), ('offset', ?)
		ON CONFLICT DO UPDATE SET value = excluded.value`, at.Segment, at.Offset)
	if err != nil {
		return err
	}
	return tx.Commit()
}

// put is the statement that inserts a row or replaces all but its key.
func put(table string, key, rest []string) string {
	all := append(slices.Clone(key), rest...)
	sets := make([]string, len(rest))
	for i, c := range rest {
		sets[i] = c + " = excluded." + c
	}
	return "INSERT INTO " + table + " (" + strings.Join(all, ", ") + ") VALUES (" + strings.TrimSuffix(strings.Repeat("?,", len(all)), ",") +
		") ON CONFLICT DO UPDATE SET " + strings.Join(sets, ", ")
}

// The columns of the tables, but for their keys.
func workflowColumns() []string {
	return []string{"created", "completed", "status", "open", "scope", "sidecar", "fold", "print", "size", "sha256", "plain", "run", "time"}
}

func blobColumns() []string {
	return []string{"created", "step", "type", "state", "reason", "asked", "path", "fold", "size", "sha256", "media", "nsfw", "role",
		"plain", "beside", "beside_fold", "time"}
}

const (
	putCoverage = `INSERT OR REPLACE INTO coverage (scope, line) VALUES (?, ?)`
	putFiling   = `INSERT OR REPLACE INTO filing (one, line) VALUES (1, ?)`
	putRun      = `INSERT INTO run (line) VALUES (?)`
)

func applyLines(ctx context.Context, tx *sql.Tx, lines []Line) error {
	workflow, err := tx.PrepareContext(ctx, put("workflow", []string{"id"}, workflowColumns()))
	if err != nil {
		return err
	}
	defer workflow.Close()
	blob, err := tx.PrepareContext(ctx, put("blob", []string{"workflow", "blob"}, blobColumns()))
	if err != nil {
		return err
	}
	defer blob.Close()
	for _, l := range lines {
		switch l := l.(type) {
		case Workflow:
			_, err = workflow.ExecContext(ctx, l.Workflow, unix(l.Created), unix(l.Completed), l.Status, l.Open, l.Scope,
				l.Sidecar, foldOf(l.Sidecar), l.Print, l.Size, l.SHA256, contentText(l.Plain), l.Run, unix(l.Time))
		case Blob:
			_, err = blob.ExecContext(ctx, l.Workflow, l.Blob, unix(l.Created), l.Step, l.Type, l.State, l.Reason, l.Asked, l.Path, foldOf(l.Path),
				l.Size, l.SHA256, l.Media, l.NSFW, l.Role, contentText(l.Plain), contentText(l.Beside), foldOf(l.Beside.Path), unix(l.Time))
		case Coverage:
			err = execJSON(ctx, tx, l, putCoverage, l.Scope)
		case Run:
			err = execJSON(ctx, tx, l, putRun)
		case Filing:
			err = execJSON(ctx, tx, l, putFiling)
		}
		if err != nil {
			return err
		}
	}
	return nil
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
