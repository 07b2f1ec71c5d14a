package durable

import (
	"errors"
	"fmt"
	"os"
	"path"
	"strings"
)

// Handle is a folder that is held open, for many steps in it. It must be closed.
type Handle struct {
	folder *Folder
	name   string // of the folder, within its Folder
	dir    *os.File
	whole  func() error
}

// Handle opens a folder below, or "." itself.
func (f *Folder) Handle(name string) (*Handle, error) {
	dir, err := f.Root.Open(name)
	if err != nil {
		return nil, err
	}
	return &Handle{folder: f, name: name, dir: dir, whole: wholeSync(dir)}, nil
}

// Close closes the folder.
func (h *Handle) Close() error { return h.dir.Close() }

// SyncsAll tells whether SyncAll may be called.
func (h *Handle) SyncsAll() bool { return h.whole != nil }

// SyncAll makes all that the folder's file system holds durable, names and times included:
// for many files this is one step where syncing each would be as many.
func (h *Handle) SyncAll() error {
	if err := h.folder.before(SyncAll, h.name); err != nil {
		return err
	}
	return h.whole()
}

// Rename moves a file into another folder, both by a name without a slash. It wraps
// [errors.ErrUnsupported] where the system cannot.
func (h *Handle) Rename(name string, to *Handle, as string) error {
	if strings.ContainsAny(name+as, `/\`) {
		return fmt.Errorf("%q is no name in a folder: %w", name+" "+as, errors.ErrUnsupported)
	}
	if err := h.folder.before(Rename, to.name+"/"+as); err != nil {
		return err
	}
	return renameAt(h.dir, name, to.dir, as)
}

// Create opens a file to read and write, by a name without a slash; what it held is lost.
func (h *Handle) Create(name string, perm os.FileMode) (*File, error) {
	if strings.ContainsAny(name, `/\`) {
		return nil, fmt.Errorf("%q is no name in a folder: %w", name, errors.ErrUnsupported)
	}
	if err := h.folder.before(Create, name); err != nil {
		return nil, err
	}
	file, err := createAt(h.dir, name, perm)
	if errors.Is(err, errors.ErrUnsupported) {
		file, err = h.folder.Root.OpenFile(path.Join(h.name, name), os.O_RDWR|os.O_CREATE|os.O_TRUNC, perm)
	}
	if err != nil {
		return nil, err
	}
	return &File{file: file, folder: h.folder, name: name}, nil
}
