package manifest

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math"
	"os"
	"sync/atomic"
	"time"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"civitar/internal/database"
)

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
	raw     bool        // fresh, and not complete yet
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
		err = errors.Join(err, database.Drop(x.file))
	}
	return err
}

// openDB opens an index. The journal is what makes things durable, so the index syncs only
// at checkpoints, which keeps it uncorrupted.
func openDB(ctx context.Context, path string, mode database.Mode) (*index, error) {
	db, err := database.Open(ctx, path, mode)
	if err != nil {
		return nil, err
	}
	return &index{db: db, file: path, mine: mode != database.Read, raw: mode == database.Fill}, nil
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
		err = x.complete(ctx, j.file != nil) // a reader's own goes with it
	}
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
	x, err := openDB(ctx, path, database.Write)
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
	x, err := openDB(ctx, path, database.Read)
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
