package manifest

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"modernc.org/sqlite" // also the driver "sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// indexVersion changes with the schema; an index of another version is made anew.
const indexVersion = 5

// Paths are found as by a system that ignores case; they hold ASCII only. The indexes of them
// are in the order of the paths, so that what comes together is filed together: hashes of
// paths would be smaller, and every row would change a page of its own.
const schema = `
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE workflow (
	id TEXT PRIMARY KEY, created INTEGER NOT NULL, completed INTEGER NOT NULL,
	status TEXT NOT NULL, open INTEGER NOT NULL, scope TEXT NOT NULL, sidecar TEXT NOT NULL,
	print TEXT NOT NULL, size INTEGER NOT NULL, sha256 TEXT NOT NULL, plain TEXT, run TEXT NOT NULL, time INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX workflow_open ON workflow (id) WHERE open;
CREATE INDEX workflow_sidecar ON workflow (sidecar COLLATE NOCASE) WHERE sidecar <> '';
CREATE TABLE blob (
	workflow TEXT NOT NULL, blob TEXT NOT NULL, created INTEGER NOT NULL, step TEXT NOT NULL, type TEXT NOT NULL,
	state TEXT NOT NULL, reason TEXT NOT NULL, asked INTEGER NOT NULL, path TEXT NOT NULL,
	size INTEGER NOT NULL, sha256 TEXT NOT NULL, media TEXT NOT NULL, nsfw TEXT NOT NULL, role TEXT NOT NULL,
	plain TEXT, beside TEXT, beside_path TEXT NOT NULL, time INTEGER NOT NULL,
	PRIMARY KEY (workflow, blob)
) WITHOUT ROWID;
CREATE INDEX blob_path ON blob (path COLLATE NOCASE) WHERE path <> '';
CREATE INDEX blob_beside ON blob (beside_path COLLATE NOCASE) WHERE beside_path <> '';
CREATE INDEX blob_again ON blob (workflow) WHERE state IN ('failed', 'pending');
CREATE TABLE coverage (scope TEXT PRIMARY KEY, line TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE filing (one INTEGER PRIMARY KEY CHECK (one = 1), line TEXT NOT NULL);
CREATE TABLE run (seq INTEGER PRIMARY KEY, line TEXT NOT NULL);

-- Counting a million blobs would take longer than a run that finds nothing new. Whoever puts
-- rows adds what they count for, and the triggers take off what they replace.
CREATE TABLE total (what TEXT PRIMARY KEY, n INTEGER NOT NULL, bytes INTEGER NOT NULL) WITHOUT ROWID;
CREATE TRIGGER blob_replaced AFTER UPDATE ON blob BEGIN
	UPDATE total SET n = n - 1, bytes = bytes - old.size WHERE what = old.state;
END;
CREATE TRIGGER workflow_replaced AFTER UPDATE ON workflow BEGIN
	UPDATE total SET n = n - iif(what = 'open', old.open, 1) WHERE what IN ('workflows', 'open');
END;
`

// replayGroup is how many lines a rebuild takes into one transaction.
const replayGroup = 5000

// ErrIndex is wrapped when the index turns out to be damaged. It loses nothing: the next
// Open makes it anew.
var ErrIndex = errors.New("the index is damaged")

// index answers questions from SQLite.
type index struct {
	db      *sql.DB
	file    string
	mine    bool        // opened for writing
	damaged atomic.Bool // to be removed on close
}

// told passes an error on, and takes in whether it says that the file is damaged.
func (x *index) told(err error) error {
	var e *sqlite.Error
	if !errors.As(err, &e) {
		return err
	}
	switch e.Code() & 0xff {
	case sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB:
		x.damaged.Store(true)
		return fmt.Errorf("%w: %w", ErrIndex, err)
	}
	return err
}

// close releases the index. A damaged one is removed, to be made anew when next opened.
func (x *index) close() error {
	err := x.db.Close()
	if x.mine && x.damaged.Load() {
		err = errors.Join(err, dropIndex(x.file))
	}
	return err
}

func dropIndex(path string) error {
	for _, suffix := range []string{"", "-wal", "-shm"} {
		if err := os.Remove(path + suffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// dsn is the database's name with what every connection needs. The journal is what makes
// things durable, so the index syncs only at checkpoints, which keeps it uncorrupted.
func dsn(path string, readOnly bool) (string, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	abs = filepath.ToSlash(abs)
	if !strings.HasPrefix(abs, "/") {
		abs = "/" + abs // a drive letter of Windows
	}
	q := url.Values{"_pragma": {"busy_timeout(10000)"}}
	if readOnly {
		q.Set("mode", "ro")
	} else {
		q["_pragma"] = append(q["_pragma"], "journal_mode(WAL)", "synchronous(NORMAL)", "cache_size(-4000)")
		q.Set("_txlock", "immediate")
	}
	return "file://" + (&url.URL{Path: abs}).EscapedPath() + "?" + q.Encode(), nil
}

func openDB(ctx context.Context, path string, readOnly bool) (*index, error) {
	name, err := dsn(path, readOnly)
	if err != nil {
		return nil, err
	}
	db, err := sql.Open("sqlite", name)
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(3)
	x := &index{db: db, file: path, mine: !readOnly}
	if err := db.PingContext(ctx); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return x, nil
}

// openIndex opens the index for writing, level with the journal. One that is missing,
// damaged, of another version or ahead of the journal is made anew.
func openIndex(ctx context.Context, path string, j *journal, log *slog.Logger) (*index, error) {
	x, err := bringUp(ctx, path, j, log)
	if errors.Is(err, ErrIndex) { // found while following; its file is removed by now
		log.Info("index: made anew from the journal", "why", err)
		return bringUp(ctx, path, j, log)
	}
	return x, err
}

func bringUp(ctx context.Context, path string, j *journal, log *slog.Logger) (*index, error) {
	x, at, err := levelIndex(ctx, path, j)
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if !errors.Is(err, fs.ErrNotExist) {
			log.Info("index: made anew from the journal", "why", err)
		}
		if x, err = freshIndex(ctx, path); err != nil {
			return nil, err
		}
		at = position{}
	}
	err = x.follow(ctx, j, at)
	if err == nil {
		// Only now is a new index one for readers: until then they make their own.
		_, err = x.db.ExecContext(ctx, fmt.Sprintf("PRAGMA user_version = %d", indexVersion))
	}
	if err != nil {
		return nil, errors.Join(err, x.close())
	}
	return x, nil
}

// levelIndex opens an index that can be brought up to the journal, and tells from where.
func levelIndex(ctx context.Context, path string, j *journal) (*index, position, error) {
	if _, err := os.Stat(path); err != nil {
		return nil, position{}, err
	}
	x, err := openDB(ctx, path, false)
	if err != nil {
		return nil, position{}, err
	}
	at, err := x.position(ctx, j)
	if err != nil {
		return nil, position{}, errors.Join(err, x.close())
	}
	return x, at, nil
}

// readIndex opens the index of an archive that somebody else may be writing. Unless it
// may be behind, it must be level with the journal.
func readIndex(ctx context.Context, path string, j *journal, mayBeBehind bool) (*index, error) {
	if _, err := os.Stat(path); err != nil {
		return nil, err
	}
	x, err := openDB(ctx, path, true)
	if err != nil {
		return nil, err
	}
	at, err := x.position(ctx, j)
	if err == nil && !mayBeBehind && at != j.end() {
		err = errors.New("behind the journal")
	}
	if err != nil {
		return nil, errors.Join(err, x.close())
	}
	return x, nil
}

func freshIndex(ctx context.Context, path string) (*index, error) {
	if err := dropIndex(path); err != nil {
		return nil, err
	}
	x, err := openDB(ctx, path, false)
	if err != nil {
		return nil, err
	}
	if _, err = x.db.ExecContext(ctx, schema); err != nil {
		return nil, errors.Join(err, x.close())
	}
	return x, nil
}

// position is how far the index has followed the journal. An index that cannot be of this
// journal is an error.
func (x *index) position(ctx context.Context, j *journal) (position, error) {
	version, at, created, err := whereabouts(ctx, x.db)
	if err != nil {
		return position{}, err
	}
	if version != indexVersion {
		return position{}, fmt.Errorf("schema %d, not %d", version, indexVersion)
	}
	if end := j.end(); end.before(at) {
		return position{}, errors.New("ahead of the journal")
	}
	if at != (position{}) && created != stamp(j) {
		return position{}, errors.New("of another journal")
	}
	if _, ok := j.compacted[at.Segment]; ok {
		return position{}, errWithin
	}
	return at, nil
}

// errWithin says that a place is in a segment that was compacted: it is a place no more.
var errWithin = errors.New("from before its place was compacted")

// stamp tells one journal from another.
func stamp(j *journal) string { return j.created.UTC().Format(time.RFC3339Nano) }

// follow takes in what the journal says after at, up to its end. What a compaction has left
// out meanwhile, what comes after supersedes: then it goes on to the end as it is by then.
func (x *index) follow(ctx context.Context, j *journal, at position) error {
	for {
		var err error
		if at, err = x.followTo(ctx, j, at, position{math.MaxInt, 0}); err != nil {
			return err
		}
		if again, err := j.reread(); err != nil || !again {
			return err
		}
		if _, ok := j.compacted[at.Segment]; ok {
			return fmt.Errorf("%w: %w", ErrIndex, errWithin)
		}
	}
}

// errThere ends a replay at the place where it was to end.
var errThere = errors.New("there")

// followTo takes in what the journal says after at, up to the place until, and tells where
// the last line ended that it took in.
func (x *index) followTo(ctx context.Context, j *journal, at, until position) (position, error) {
	if _, err := x.db.ExecContext(ctx, "INSERT INTO meta VALUES ('journal', ?) ON CONFLICT DO UPDATE SET value = excluded.value", stamp(j)); err != nil {
		return at, err
	}
	var lines []Line
	flush := func() error {
		defer func() { lines = lines[:0] }()
		return x.apply(ctx, lines, at)
	}
	err := j.replay(at, func(l Line, after position) error {
		if until.before(after) {
			return errThere
		}
		lines, at = append(lines, l), after
		if len(lines) < replayGroup {
			return nil
		}
		return flush()
	})
	if errors.Is(err, errThere) {
		err = nil
	}
	if err == nil && len(lines) > 0 {
		err = flush()
	}
	return at, err
}
