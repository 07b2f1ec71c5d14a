package export

import (
	"bufio"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"

	"civitar/internal/durable"
)

// Shelf is where packages come to rest: a folder, or a bucket. Names are of files that lie
// right on it.
type Shelf interface {
	// Path is a name with where it lies, for people.
	Path(name string) string
	// Has tells whether a name is taken.
	Has(ctx context.Context, name string) (bool, error)
	// Draft begins a file. Writing it obeys ctx.
	Draft(ctx context.Context, name string) (Draft, error)
	// Remove takes a file away. Errors wrap [fs.ErrNotExist] where there may be none.
	Remove(ctx context.Context, name string) error
	// Sync makes durable what has been named and removed.
	Sync() error
	// Scratch makes a local file for notes, which whoever asked for it removes.
	Scratch(name string) (*os.File, error)
	// Lock keeps other exports from a name. Errors: [*BusyError].
	Lock(name string) (release func(), err error)
	Close() error
}

// Draft is a file that is being written. Nothing of it is to be seen under its name before
// Name.
type Draft interface {
	io.Writer
	// Finish makes it whole and durable.
	Finish() error
	// Name gives it its name, which another may have had.
	Name(ctx context.Context) error
	// Discard gives up what has no name. It may be called at any time.
	Discard() error
}

// Folder is a [Shelf] on disk, on which a draft is NAME.partial.
type Folder struct {
	dir  string
	root *durable.Folder
}

// OpenFolder opens a folder, and makes it if need be.
func OpenFolder(dir string) (*Folder, error) {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return nil, err
	}
	root, err := durable.Open(dir, nil)
	if err != nil {
		return nil, err
	}
	return &Folder{dir, root}, nil
}

// Path implements [Shelf].
func (f *Folder) Path(name string) string { return filepath.Join(f.dir, name) }

// Has implements [Shelf].
func (f *Folder) Has(_ context.Context, name string) (bool, error) {
	_, err := f.root.Lstat(name)
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// Draft implements [Shelf].
func (f *Folder) Draft(_ context.Context, name string) (Draft, error) {
	file, err := os.Create(f.Path(name + partialExt))
	if err != nil {
		return nil, err
	}
	return &fileDraft{bufio.NewWriterSize(file, 256<<10), f, file, name}, nil
}

// Remove implements [Shelf].
func (f *Folder) Remove(_ context.Context, name string) error { return f.root.Remove(name) }

// Sync implements [Shelf].
func (f *Folder) Sync() error { return f.root.SyncDir(".") }

// Scratch implements [Shelf].
func (f *Folder) Scratch(name string) (*os.File, error) { return os.Create(f.Path(name + partialExt)) }

// Lock implements [Shelf].
func (f *Folder) Lock(name string) (release func(), err error) { return takeLock(f.Path(name)) }

// Close implements [Shelf].
func (f *Folder) Close() error { return f.root.Close() }

// fileDraft is a draft of a [Folder].
type fileDraft struct {
	*bufio.Writer
	in   *Folder
	file *os.File
	name string
}

func (d *fileDraft) Finish() error {
	err := d.Flush()
	if err == nil {
		err = d.file.Sync()
	}
	return errors.Join(err, d.file.Close())
}

func (d *fileDraft) Name(context.Context) error { return d.in.root.Rename(d.name+partialExt, d.name) }

func (d *fileDraft) Discard() error {
	_ = d.file.Close() // it may be closed
	err := d.in.root.Remove(d.name + partialExt)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}
