package manifest

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"civitar/internal/durable"
)

// folders are those of an archive's record, opened so that no planted link leads out of
// the archive.
type folders struct {
	dir      string
	state    *durable.Folder // .civitar
	segments *durable.Folder // .civitar/journal
}

// makeFolders creates what is missing of the archive's folder and its record's, durably.
func makeFolders(dir string, hook durable.Hook) error {
	if info, err := os.Stat(dir); err == nil && !info.IsDir() {
		return fmt.Errorf("%s is a file, not a folder: %w", dir, fs.ErrExist)
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	root, err := durable.Open(dir, hook)
	if err != nil {
		return err
	}
	defer root.Close()
	if _, err := root.Lstat(stateDir + "/" + journalDir); err == nil {
		return nil
	}
	if err := root.MkdirAll(stateDir+"/"+journalDir, 0o777); err != nil {
		return err
	}
	if err := errors.Join(root.SyncDir(stateDir), root.SyncDir(".")); err != nil {
		return err
	}
	above, err := durable.Open(filepath.Dir(filepath.Clean(dir)), hook)
	if err != nil {
		return nil // a folder that may be passed through but not read: its owner made dir
	}
	return errors.Join(above.SyncDir("."), above.Close())
}

func openFolders(dir string, hook durable.Hook) (folders, error) {
	f := folders{dir: dir}
	root, err := durable.Open(dir, hook)
	if err != nil {
		return f, err
	}
	defer root.Close()
	if f.state, err = root.Folder(stateDir); err != nil {
		return f, err
	}
	if f.segments, err = f.state.Folder(journalDir); err != nil {
		return f, errors.Join(err, f.close())
	}
	// The lock and SQLite open by path: nothing of theirs may be a link.
	for _, name := range []string{lockFile, indexFile, indexFile + "-wal", indexFile + "-shm"} {
		info, err := f.state.Lstat(name)
		if err == nil && !info.Mode().IsRegular() {
			return f, errors.Join(fmt.Errorf("%s is not a regular file", f.path(name)), f.close())
		}
	}
	return f, nil
}

func (f *folders) path(name string) string { return filepath.Join(f.dir, stateDir, name) }

func (f *folders) close() error {
	var errs []error
	for _, root := range []*durable.Folder{f.segments, f.state} {
		if root != nil {
			errs = append(errs, root.Close())
		}
	}
	f.segments, f.state = nil, nil
	return errors.Join(errs...)
}
