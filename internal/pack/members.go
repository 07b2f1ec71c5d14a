package pack

import (
	"context"
	"database/sql"
	"errors"
	"iter"
	"strings"
	"time"

	"civitar/internal/database"
)

// membersName is the file, in the folder of the record, that tells where members are. It is
// made anew from the package where it is missing.
const membersName = "members.db"

// membersVersion changes with the schema.
const membersVersion = 1

const membersSchema = `
CREATE TABLE member (
	at INTEGER PRIMARY KEY, length INTEGER NOT NULL, path TEXT NOT NULL, head INTEGER NOT NULL, size INTEGER NOT NULL, packed INTEGER NOT NULL,
	crc INTEGER NOT NULL, method INTEGER NOT NULL, modified INTEGER NOT NULL, sha256 TEXT NOT NULL
);
CREATE INDEX member_path ON member (path, at);
CREATE TABLE whole (one INTEGER PRIMARY KEY CHECK (one = 1), size INTEGER NOT NULL, tail TEXT NOT NULL);
PRAGMA user_version = 1;
`

const memberColumns = "at, length, path, head, size, packed, crc, method, modified, sha256"

// members is where the members of a package are. Of those of one path the last one counts.
type members struct{ db *sql.DB }

// openMembers opens the file at path, and tells whether it had to be made anew, empty.
func openMembers(ctx context.Context, path string, mode database.Mode) (_ *members, fresh bool, err error) {
	db, err := database.Open(ctx, path, mode)
	if err == nil {
		var version int
		if err = db.QueryRowContext(ctx, "PRAGMA user_version").Scan(&version); err == nil && version == membersVersion {
			return &members{db}, false, nil
		}
		err = errors.Join(err, db.Close())
	}
	if err != nil && ctx.Err() != nil {
		return nil, false, err
	}
	if err := database.Drop(path); err != nil {
		return nil, false, err
	}
	if db, err = database.Open(ctx, path, mode); err != nil {
		return nil, false, err
	}
	if _, err := db.ExecContext(ctx, membersSchema); err != nil {
		return nil, false, errors.Join(err, db.Close())
	}
	return &members{db}, true, nil
}

func (x *members) close() error { return x.db.Close() }

// put takes in members and lets go of others, by where they are, in one transaction. The
// package is not whole then.
func (x *members) put(ctx context.Context, add, drop []member) error {
	return x.transact(ctx, func(tx *sql.Tx) error {
		for _, m := range drop {
			if _, err := tx.ExecContext(ctx, "DELETE FROM member WHERE at = ?", m.At); err != nil {
				return err
			}
		}
		insert, err := tx.PrepareContext(ctx, "INSERT INTO member ("+memberColumns+") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")
		if err != nil {
			return err
		}
		defer insert.Close()
		for _, m := range add {
			if _, err := insert.ExecContext(ctx, m.At, m.Length, m.Path, m.Head, m.Size, m.Packed, m.CRC, m.Method, m.Modified.Unix(), m.SHA256); err != nil {
				return err
			}
		}
		_, err = tx.ExecContext(ctx, "DELETE FROM whole")
		return err
	})
}

func (x *members) transact(ctx context.Context, do func(*sql.Tx) error) error {
	tx, err := x.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() // of no effect after Commit
	if err := do(tx); err != nil {
		return err
	}
	return tx.Commit()
}

// cut lets go of the members that do not end within a size, and tells how many.
func (x *members) cut(ctx context.Context, size int64) (gone int64, err error) {
	r, err := x.db.ExecContext(ctx, "DELETE FROM member WHERE at + length > ?", size)
	if err != nil {
		return 0, err
	}
	return r.RowsAffected()
}

// end is where the last member ends.
func (x *members) end(ctx context.Context) (end int64, err error) {
	err = x.db.QueryRowContext(ctx, "SELECT coalesce(max(at + length), 0) FROM member").Scan(&end)
	return end, err
}

// last is the last member, if there is one.
func (x *members) last(ctx context.Context) (member, bool, error) {
	return x.one(ctx, "ORDER BY at DESC LIMIT 1")
}

// of is the member of a path, if there is one.
func (x *members) of(ctx context.Context, path string) (member, bool, error) {
	return x.one(ctx, "WHERE path = ? ORDER BY at DESC LIMIT 1", path)
}

// ofAll are the members of some paths.
func (x *members) ofAll(ctx context.Context, paths []string) (all []member, err error) {
	args := make([]any, len(paths))
	for i, p := range paths {
		args[i] = p
	}
	in := strings.TrimSuffix(strings.Repeat("?,", len(paths)), ",")
	for m, err := range x.some(ctx, "WHERE path IN ("+in+") AND "+counts, args...) {
		if err != nil {
			return nil, err
		}
		all = append(all, m)
	}
	return all, nil
}

// counts tells members that no later one of their path supersedes.
const counts = "NOT EXISTS (SELECT 1 FROM member AS later WHERE later.path = member.path AND later.at > member.at)"

// after is the first member that begins behind an offset.
func (x *members) after(ctx context.Context, at int64) (member, bool, error) {
	return x.one(ctx, "WHERE at > ? ORDER BY at LIMIT 1", at)
}

func (x *members) one(ctx context.Context, which string, args ...any) (m member, ok bool, err error) {
	for m, err := range x.some(ctx, which, args...) {
		return m, err == nil, err
	}
	return m, false, nil
}

// all are the members that count, in their order.
func (x *members) all(ctx context.Context) iter.Seq2[member, error] {
	return x.some(ctx, "WHERE "+counts+" ORDER BY at")
}

// superseded are those that do not count.
func (x *members) superseded(ctx context.Context) iter.Seq2[member, error] {
	return x.some(ctx, "WHERE NOT "+counts+" ORDER BY at")
}

func (x *members) some(ctx context.Context, which string, args ...any) iter.Seq2[member, error] {
	return func(yield func(member, error) bool) {
		rows, err := x.db.QueryContext(ctx, "SELECT "+memberColumns+" FROM member "+which, args...)
		if err != nil {
			yield(member{}, err)
			return
		}
		defer rows.Close()
		for rows.Next() {
			var m member
			var modified int64
			err := rows.Scan(&m.At, &m.Length, &m.Path, &m.Head, &m.Size, &m.Packed, &m.CRC, &m.Method, &modified, &m.SHA256)
			m.Modified = time.Unix(modified, 0).UTC()
			if !yield(m, err) || err != nil {
				return
			}
		}
		if err := rows.Err(); err != nil {
			yield(member{}, err)
		}
	}
}

// mark tells a whole package from another one: its size, and the SHA-256 of its last bytes.
type mark struct {
	size int64
	tail string
}

// setWhole notes that the package is whole.
func (x *members) setWhole(ctx context.Context, m mark) error {
	_, err := x.db.ExecContext(ctx, "INSERT OR REPLACE INTO whole (one, size, tail) VALUES (1, ?, ?)", m.size, m.tail)
	return err
}

// whole is what was noted last, zero for nothing.
func (x *members) whole(ctx context.Context) (m mark, err error) {
	err = x.db.QueryRowContext(ctx, "SELECT size, tail FROM whole").Scan(&m.size, &m.tail)
	if errors.Is(err, sql.ErrNoRows) {
		err = nil
	}
	return m, err
}
