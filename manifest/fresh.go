package manifest

import (
	"context"
	"errors"
	"os"

	"civitar/internal/database"
)

// freshIndex makes an empty index, to be filled from the journal. It is of use once it is
// complete.
func freshIndex(ctx context.Context, path string) (*index, error) {
	if err := database.Drop(path); err != nil {
		return nil, err
	}
	x, err := openDB(ctx, path, database.Fill)
	if err != nil {
		return nil, err
	}
	if _, err = x.db.ExecContext(ctx, schema); err != nil {
		return nil, errors.Join(err, x.close())
	}
	return x, nil
}

// complete makes a fresh index one like any other. A lasting one is durable then, so that it may
// be told of as complete.
func (x *index) complete(ctx context.Context, lasting bool) error {
	if !x.raw {
		return nil
	}
	if _, err := x.db.ExecContext(ctx, lookups); err != nil {
		return x.told(err)
	}
	// SQLite must not have the file open when another descriptor of it is closed: with that, all
	// locks go that the process has on it.
	if err := x.db.Close(); err != nil {
		return err
	}
	if lasting {
		if err := syncFile(x.file); err != nil {
			return err
		}
	}
	db, err := database.Open(ctx, x.file, database.Write)
	if err == nil {
		x.db, x.raw = db, false
	}
	return err
}

func syncFile(name string) error {
	f, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
