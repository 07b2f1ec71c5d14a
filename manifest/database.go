package manifest

import (
	"context"
	"database/sql"
	"errors"
	"net/url"
	"path/filepath"
	"strings"

	_ "modernc.org/sqlite" // the driver "sqlite"
)

// access is what a database is opened for.
type access int

const (
	toRead access = iota
	toWrite
	toFill // from nothing: nobody goes on with what a crash leaves
)

// dsn is the database's name with what every connection needs. The journal is what makes
// things durable, so the index syncs only at checkpoints, which keeps it uncorrupted.
func dsn(path string, a access) (string, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	abs = filepath.ToSlash(abs)
	if !strings.HasPrefix(abs, "/") {
		abs = "/" + abs // a drive letter of Windows
	}
	q := url.Values{"_pragma": {"busy_timeout(10000)"}, "_txlock": {"immediate"}}
	switch a {
	case toRead:
		q.Set("mode", "ro")
		q.Del("_txlock")
	case toWrite:
		q["_pragma"] = append(q["_pragma"], "journal_mode(WAL)", "synchronous(NORMAL)", "cache_size(-4000)")
	case toFill:
		q["_pragma"] = append(q["_pragma"], "journal_mode(OFF)", "synchronous(OFF)", "cache_size(-8000)")
	}
	return "file://" + (&url.URL{Path: abs}).EscapedPath() + "?" + q.Encode(), nil
}

func openSQL(ctx context.Context, path string, a access) (*sql.DB, error) {
	name, err := dsn(path, a)
	if err != nil {
		return nil, err
	}
	db, err := sql.Open("sqlite", name)
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(3)
	if a == toFill {
		db.SetMaxOpenConns(1)
	}
	if err := db.PingContext(ctx); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

func openDB(ctx context.Context, path string, a access) (*index, error) {
	db, err := openSQL(ctx, path, a)
	if err != nil {
		return nil, err
	}
	return &index{db: db, file: path, mine: a != toRead, raw: a == toFill}, nil
}
