// Package database opens SQLite files that hold what can be made anew from something else.
package database

import (
	"context"
	"database/sql"
	"errors"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	_ "modernc.org/sqlite" // the driver "sqlite"
)

// Mode says what a file is opened for.
type Mode string

// The modes. Whatever is written comes in whole transactions, also after a power cut, but for
// Fill.
const (
	Read    Mode = "read"
	Write   Mode = "write"   // a power cut can take the last transactions back
	Durable Mode = "durable" // a transaction that has ended stays
	// Fill is for a new file that is filled in one go: what a crash leaves is of no use to anybody.
	Fill Mode = "fill"
)

// Open opens the file at path. In mode Read it must be there.
func Open(ctx context.Context, path string, mode Mode) (*sql.DB, error) {
	name, err := source(path, mode)
	if err != nil {
		return nil, err
	}
	db, err := sql.Open("sqlite", name)
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(3)
	if mode == Fill {
		db.SetMaxOpenConns(1)
	}
	if err := db.PingContext(ctx); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

// source is the database's name with what every connection needs.
func source(path string, mode Mode) (string, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	abs = filepath.ToSlash(abs)
	if !strings.HasPrefix(abs, "/") {
		abs = "/" + abs // a drive letter of Windows
	}
	q := url.Values{"_pragma": {"busy_timeout(10000)"}}
	switch mode {
	case Read:
		q.Set("mode", "ro")
	case Write:
		q["_pragma"] = append(q["_pragma"], "journal_mode(WAL)", "synchronous(NORMAL)", "cache_size(-4000)")
	case Durable:
		q["_pragma"] = append(q["_pragma"], "journal_mode(WAL)", "synchronous(FULL)", "cache_size(-4000)")
	case Fill:
		q["_pragma"] = append(q["_pragma"], "journal_mode(OFF)", "synchronous(OFF)", "cache_size(-8000)")
	}
	if mode != Read {
		q.Set("_txlock", "immediate")
	}
	return "file://" + (&url.URL{Path: abs}).EscapedPath() + "?" + q.Encode(), nil
}

// Drop removes a file and what stands beside it. What is not there is fine.
func Drop(path string) error {
	for _, suffix := range []string{"", "-wal", "-shm"} {
		if err := os.Remove(path + suffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}
