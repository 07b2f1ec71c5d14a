package durable

import (
	"os"
)

// Op names a step that changes what a disk holds.
type Op string

// The steps of a [Folder] and its files.
const (
	Create   Op = "create" // also: open to write, and empty
	Write    Op = "write"
	Sync     Op = "sync"
	Truncate Op = "truncate"
	SetTime  Op = "settime"
	Rename   Op = "rename"
	Link     Op = "link"
	Remove   Op = "remove"
	Mkdir    Op = "mkdir"
	SyncDir  Op = "syncdir"
	SyncAll  Op = "syncall" // of the whole file system
)

// Hook is called before every step, from any goroutine, with the name within its folder.
// An error takes the step's place; of a write, half of the bytes are written first. It is
// for tests: they break the disk, or kill the process, between any two steps.
type Hook func(op Op, name string) error

// Folder is an [os.Root] whose changes go through a hook. Only what it declares itself may
// be used to change something.
type Folder struct {
	*os.Root
	hook Hook
}

// In makes a folder of a root, which it then owns; a nil hook does nothing.
func In(root *os.Root, hook Hook) *Folder { return &Folder{Root: root, hook: hook} }

// Open opens the folder at name.
func Open(name string, hook Hook) (*Folder, error) {
	root, err := os.OpenRoot(name)
	if err != nil {
		return nil, err
	}
	return In(root, hook), nil
}

// Folder opens a folder below, with the same hook.
func (f *Folder) Folder(name string) (*Folder, error) {
	root, err := f.OpenRoot(name)
	if err != nil {
		return nil, err
	}
	return In(root, f.hook), nil
}

func (f *Folder) before(op Op, name string) error {
	if f.hook == nil {
		return nil
	}
	if err := f.hook(op, name); err != nil {
		return &os.PathError{Op: string(op), Path: name, Err: err}
	}
	return nil
}

// OpenFile opens a file to write.
func (f *Folder) OpenFile(name string, flag int, perm os.FileMode) (*File, error) {
	if err := f.before(Create, name); err != nil {
		return nil, err
	}
	file, err := f.Root.OpenFile(name, flag, perm)
	if err != nil {
		return nil, err
	}
	return &File{file: file, folder: f, name: name}, nil
}

// Rename is that of [os.Root], and so are Remove, Mkdir and MkdirAll.
func (f *Folder) Rename(from, to string) error {
	if err := f.before(Rename, to); err != nil {
		return err
	}
	return f.Root.Rename(from, to)
}

// Link gives a file a second name. Where to is taken, the error wraps [fs.ErrExist].
func (f *Folder) Link(from, to string) error {
	if err := f.before(Link, to); err != nil {
		return err
	}
	return f.Root.Link(from, to)
}

// Remove removes a file or an empty folder.
func (f *Folder) Remove(name string) error {
	if err := f.before(Remove, name); err != nil {
		return err
	}
	return f.Root.Remove(name)
}

// Mkdir makes a folder.
func (f *Folder) Mkdir(name string, perm os.FileMode) error {
	if err := f.before(Mkdir, name); err != nil {
		return err
	}
	return f.Root.Mkdir(name, perm)
}

// MkdirAll makes a folder and its parents.
func (f *Folder) MkdirAll(name string, perm os.FileMode) error {
	if err := f.before(Mkdir, name); err != nil {
		return err
	}
	return f.Root.MkdirAll(name, perm)
}

// SyncDir makes the names in a folder durable.
func (f *Folder) SyncDir(name string) error {
	if err := f.before(SyncDir, name); err != nil {
		return err
	}
	return syncDir(f.Root, name)
}

// File is an open file of a [Folder]. It declares all that may be done with it.
type File struct {
	file   *os.File
	folder *Folder
	name   string
}

// Write writes at the file's place.
func (f *File) Write(p []byte) (int, error) { return f.write(p, f.file.Write) }

// WriteAt writes at an offset in bytes.
func (f *File) WriteAt(p []byte, at int64) (int, error) {
	return f.write(p, func(p []byte) (int, error) { return f.file.WriteAt(p, at) })
}

func (f *File) write(p []byte, write func([]byte) (int, error)) (int, error) {
	if err := f.folder.before(Write, f.name); err != nil {
		n, werr := write(p[:len(p)/2])
		if werr != nil {
			err = werr
		}
		return n, err
	}
	return write(p)
}

// Sync makes the file's bytes durable.
func (f *File) Sync() error {
	if err := f.folder.before(Sync, f.name); err != nil {
		return err
	}
	return f.file.Sync()
}

// Truncate cuts the file to a size in bytes.
func (f *File) Truncate(size int64) error {
	if err := f.folder.before(Truncate, f.name); err != nil {
		return err
	}
	return f.file.Truncate(size)
}

// Read, ReadAt, Seek, Stat and Close are those of [os.File].
func (f *File) Read(p []byte) (int, error) { return f.file.Read(p) }

// ReadAt reads from an offset in bytes.
func (f *File) ReadAt(p []byte, at int64) (int, error) { return f.file.ReadAt(p, at) }

// Seek moves the file's place.
func (f *File) Seek(offset int64, whence int) (int64, error) { return f.file.Seek(offset, whence) }

// Stat describes the file.
func (f *File) Stat() (os.FileInfo, error) { return f.file.Stat() }

// Close closes the file.
func (f *File) Close() error { return f.file.Close() }
