package manifest

import (
	"context"
	"database/sql"
	"encoding/json"
	"slices"
	"strings"
	"time"
)

// Key names a blob: ids are unique within a workflow. Without a blob it names the
// workflow's sidecar.
type Key struct{ Workflow, Blob string }

// Known is what the record holds of a workflow.
type Known struct {
	Workflow Workflow
	Blobs    map[string]Blob // by id; Time and Run are not filled in
}

// marks is "?,?,?" and the arguments for it.
func marks[T any](items []T) (string, []any) {
	args := make([]any, len(items))
	for i, it := range items {
		args[i] = it
	}
	return strings.TrimSuffix(strings.Repeat("?,", len(items)), ","), args
}

// inBatches keeps a query below SQLite's limit of parameters.
func inBatches[T any](items []T, do func([]T) error) error {
	const most = 500
	for len(items) > 0 {
		n := min(most, len(items))
		if err := do(items[:n]); err != nil {
			return err
		}
		items = items[n:]
	}
	return nil
}

// each runs a query and scans its rows one by one.
func (x *index) each(ctx context.Context, scan func(*sql.Rows) error, query string, args ...any) error {
	rows, err := x.db.QueryContext(ctx, query, args...)
	if err != nil {
		return x.told(err)
	}
	defer rows.Close()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return err
		}
	}
	return x.told(rows.Err())
}

// Known tells what the record holds of the workflows, by id; those without a line are
// absent.
func (x *index) Known(ctx context.Context, ids []string) (map[string]*Known, error) {
	found := make(map[string]*Known, len(ids))
	err := inBatches(ids, func(ids []string) error {
		in, args := marks(ids)
		err := x.each(ctx, func(r *sql.Rows) error {
			k := &Known{Blobs: map[string]Blob{}}
			w := &k.Workflow
			var created, completed int64
			if err := r.Scan(&w.Workflow, &created, &completed, &w.Status, &w.Open, &w.Scope, &w.Sidecar, &w.Print, &w.Size, &w.SHA256, content{&w.Plain}); err != nil {
				return err
			}
			w.Created, w.Completed = fromUnix(created), fromUnix(completed)
			found[w.Workflow] = k
			return nil
		}, "SELECT id, created, completed, status, open, scope, sidecar, print, size, sha256, plain FROM workflow WHERE id IN ("+in+")", args...)
		if err != nil {
			return err
		}
		return x.each(ctx, func(r *sql.Rows) error {
			b, err := scanBlob(r)
			if err != nil {
				return err
			}
			k := found[b.Workflow]
			if k == nil { // a crash fell between the blob's line and its workflow's
				k = &Known{Blobs: map[string]Blob{}}
				found[b.Workflow] = k
			}
			k.Blobs[b.Blob] = b
			return nil
		}, "SELECT "+blobFields+" FROM blob WHERE workflow IN ("+in+")", args...)
	})
	return found, err
}

// blobFields are the columns that scanBlob reads.
const blobFields = "workflow, blob, created, step, type, state, reason, asked, path, size, sha256, media, nsfw, role, plain, beside"

func scanBlob(r *sql.Rows) (Blob, error) {
	var b Blob
	var created int64
	err := r.Scan(&b.Workflow, &b.Blob, &created, &b.Step, &b.Type, &b.State, &b.Reason, &b.Asked, &b.Path, &b.Size, &b.SHA256,
		&b.Media, &b.NSFW, &b.Role, content{&b.Plain}, content{&b.Beside})
	b.Created = fromUnix(created)
	return b, err
}

// Taken tells which of the paths, folded as by a system that ignores case, have an owner.
func (x *index) Taken(ctx context.Context, folded []string) (map[string]Key, error) {
	found := map[string]Key{}
	err := inBatches(folded, func(folded []string) error {
		in, args := marks(folded)
		return x.each(ctx, func(r *sql.Rows) error {
			var k Key
			var path string
			err := r.Scan(&k.Workflow, &k.Blob, &path)
			found[strings.ToLower(path)] = k
			return err
		}, "SELECT workflow, blob, path FROM blob WHERE "+isIn("path", in)+" UNION ALL SELECT workflow, blob, beside_path FROM blob WHERE "+isIn("beside_path", in)+
			" UNION ALL SELECT id, '', sidecar FROM workflow WHERE "+isIn("sidecar", in), slices.Concat(args, args, args)...)
	})
	return found, err
}

// isIn compares a column of paths as its index does.
func isIn(column, marks string) string {
	return column + " <> '' AND " + column + " COLLATE NOCASE IN (" + marks + ")"
}

// Recorded tells which of the paths files have that the record speaks of.
func (x *index) Recorded(ctx context.Context, paths []string) (map[string]bool, error) {
	contents, err := x.Contents(ctx, paths)
	found := make(map[string]bool, len(contents))
	for path := range contents {
		found[path] = true
	}
	return found, err
}

// Contents tells what the files are to hold, by path, that the record speaks of.
func (x *index) Contents(ctx context.Context, paths []string) (map[string]Content, error) {
	found := map[string]Content{}
	err := inBatches(paths, func(paths []string) error {
		in, args := marks(paths)
		return x.each(ctx, func(r *sql.Rows) error {
			var c Content
			err := r.Scan(&c.Path, &c.Size, &c.SHA256)
			found[c.Path] = c
			return err
		}, "SELECT path, size, sha256 FROM blob WHERE state = 'kept' AND "+isIn("path", in)+`
			UNION ALL SELECT beside_path, json_extract(beside, '$.size'), json_extract(beside, '$.sha256')
				FROM blob WHERE state = 'kept' AND `+isIn("beside_path", in)+`
			UNION ALL SELECT sidecar, size, sha256 FROM workflow WHERE `+isIn("sidecar", in), slices.Concat(args, args, args)...)
	})
	return found, err
}

// Coverage returns how far earlier runs with the same scope have listed, newest span
// first.
func (x *index) Coverage(ctx context.Context, scope string) ([]Span, error) {
	lines, err := scanLines[Coverage](ctx, x, "SELECT line FROM coverage WHERE scope = ?", scope)
	if err != nil || len(lines) == 0 {
		return nil, err
	}
	return lines[0].Spans, nil
}

// Coverages tells how far the runs of every scope have listed.
func (x *index) Coverages(ctx context.Context) ([]Coverage, error) {
	return scanLines[Coverage](ctx, x, "SELECT line FROM coverage ORDER BY scope")
}

// Runs returns the last n runs that ended, newest first.
func (x *index) Runs(ctx context.Context, n int) ([]Run, error) {
	return scanLines[Run](ctx, x, "SELECT line FROM run ORDER BY seq DESC LIMIT ?", n)
}

func scanLines[T any](ctx context.Context, x *index, query string, args ...any) ([]T, error) {
	var all []T
	err := x.each(ctx, func(r *sql.Rows) error {
		var line string
		if err := r.Scan(&line); err != nil {
			return err
		}
		var t T
		if err := json.Unmarshal([]byte(line), &t); err != nil {
			return err
		}
		all = append(all, t)
		return nil
	}, query, args...)
	return all, err
}

// Revisit returns at most n ids of workflows that must be asked for again, in order of
// id, after the id given: those that had not ended, and those with failed or pending
// blobs, except where the run has written a line about the workflow itself. An empty scope
// means those of every scope, an empty run excepts none.
func (x *index) Revisit(ctx context.Context, scope, run, after string, n int) ([]string, error) {
	query := `SELECT id FROM (
			SELECT id FROM workflow WHERE open AND id > ?1
			UNION SELECT workflow FROM blob WHERE state IN ('failed', 'pending') AND workflow > ?1
		) AS again
		WHERE (?2 = '' OR (SELECT scope FROM workflow WHERE workflow.id = again.id) IN (?2, '` + AnyScope + `'))
		AND (?3 = '' OR coalesce((SELECT run FROM workflow WHERE workflow.id = again.id), '') <> ?3)
		ORDER BY id LIMIT ?4`
	var ids []string
	err := x.each(ctx, func(r *sql.Rows) error {
		var id string
		if err := r.Scan(&id); err != nil {
			return err
		}
		ids = append(ids, id)
		return nil
	}, query, after, scope, run, n)
	return ids, err
}

// Workflows returns at most n ids of the workflows that the record speaks of, in order,
// after the one given.
func (x *index) Workflows(ctx context.Context, after string, n int) ([]string, error) {
	var ids []string
	err := x.each(ctx, func(r *sql.Rows) error {
		var id string
		if err := r.Scan(&id); err != nil {
			return err
		}
		ids = append(ids, id)
		return nil
	}, "SELECT id FROM workflow WHERE id > ?1 UNION SELECT workflow FROM blob WHERE workflow > ?1 ORDER BY 1 LIMIT ?2", after, n)
	return ids, err
}

// Count is a number of blobs and their bytes.
type Count struct {
	Blobs int64 `json:"blobs"`
	Bytes int64 `json:"bytes,omitempty"`
}

// Totals is what an archive holds, altogether.
type Totals struct {
	Workflows int64           `json:"workflows"`
	Open      int64           `json:"open"` // workflows that had not ended when last seen
	States    map[State]Count `json:"states"`
}

// Totals counts workflows and blobs.
func (x *index) Totals(ctx context.Context) (Totals, error) {
	t := Totals{States: map[State]Count{}}
	return t, x.each(ctx, func(r *sql.Rows) error {
		var what string
		var c Count
		if err := r.Scan(&what, &c.Blobs, &c.Bytes); err != nil {
			return err
		}
		switch what {
		case "workflows":
			t.Workflows = c.Blobs
		case "open":
			t.Open = c.Blobs
		default:
			t.States[State(what)] = c
		}
		return nil
	}, "SELECT what, n, bytes FROM total WHERE n > 0")
}

// Reasons counts the blobs in a state by reason, most frequent first, at most n.
func (x *index) Reasons(ctx context.Context, s State, n int) ([]Reason, error) {
	var all []Reason
	err := x.each(ctx, func(r *sql.Rows) error {
		var re Reason
		if err := r.Scan(&re.Reason, &re.Blobs); err != nil {
			return err
		}
		all = append(all, re)
		return nil
	}, "SELECT reason, n FROM reason WHERE state = ? AND n > 0 ORDER BY n DESC, reason LIMIT ?", s, n)
	return all, err
}

// Reason is a number of blobs that share one.
type Reason struct {
	Reason string `json:"reason"`
	Blobs  int64  `json:"blobs"`
}

// Kept hands on every kept blob, in order of workflow and id.
func (x *index) Kept(ctx context.Context, use func(Blob) error) error {
	return x.each(ctx, func(r *sql.Rows) error {
		b, err := scanBlob(r)
		if err != nil {
			return err
		}
		return use(b)
	}, "SELECT "+blobFields+" FROM blob WHERE state = 'kept' ORDER BY workflow, blob")
}

// Group is kept blobs that are alike.
type Group struct {
	NSFW, Type, Media string
	Created           time.Time // the first instant of the month of creation, zero if unknown
	Apart             bool      // filed below mature/, or encrypted
	Count
}

// Groups hands on the kept blobs by level, step type, media type, month, and whether they
// are apart.
func (x *index) Groups(ctx context.Context, use func(Group)) error {
	return x.each(ctx, func(r *sql.Rows) error {
		var g Group
		var month string
		if err := r.Scan(&g.NSFW, &g.Type, &g.Media, &month, &g.Apart, &g.Blobs, &g.Bytes); err != nil {
			return err
		}
		if month != "" {
			created, err := time.Parse("2006-01", month)
			if err != nil {
				return err
			}
			g.Created = created
		}
		use(g)
		return nil
	}, "SELECT nsfw, type, media, month, apart, n, bytes FROM alike WHERE n > 0 ORDER BY 1, 2, 3, 4, 5")
}

// Filing tells how the archive files what it keeps.
func (x *index) Filing(ctx context.Context) (Files, error) {
	lines, err := scanLines[Filing](ctx, x, "SELECT line FROM filing")
	if err != nil || len(lines) == 0 {
		return Files{}, err
	}
	return lines[0].Filing, nil
}

// Failures hands on the failed blobs whose reason is the one given.
func (x *index) Failures(ctx context.Context, reason string, use func(Key) error) error {
	return x.each(ctx, func(r *sql.Rows) error {
		var k Key
		if err := r.Scan(&k.Workflow, &k.Blob); err != nil {
			return err
		}
		return use(k)
	}, "SELECT workflow, blob FROM blob WHERE state = 'failed' AND reason = ?", reason)
}
