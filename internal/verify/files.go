package verify

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"time"

	"civitar/internal/durable"
	"civitar/sink"
)

// Files are those of an archive, wherever they rest. Names are relative to it.
type Files interface {
	// Stat describes a file. The error wraps [fs.ErrNotExist] where there is none.
	Stat(ctx context.Context, name string) (Info, error)
	Open(ctx context.Context, name string) (io.ReadCloser, error)
	// Each hands on the name of every file, but for those that the place needs for itself, and
	// tells of folders that cannot be read.
	Each(ctx context.Context, use func(name string) error, unreadable func(folder string, err error)) error
	// Retired are the files that the record has let go of, and that the next run removes.
	Retired(ctx context.Context) ([]string, error)
	Close() error
}

// Info describes a file. Size is in bytes.
type Info struct {
	Size    int64
	Regular bool
	// Modified is the time that the file bears, and Changed when it was last changed.
	Modified, Changed time.Time
	// SHA256 is what the place holds for the hash of the bytes, in hex; "" where it keeps none.
	SHA256 string
}

// Folder are the files below a folder. All access goes through it, so that no planted link
// leads out.
func Folder(dir string) (Files, error) {
	root, err := os.OpenRoot(dir)
	return folder{root}, err
}

type folder struct{ *os.Root }

func (f folder) Stat(_ context.Context, name string) (Info, error) {
	info, err := f.Lstat(name)
	if err != nil {
		return Info{}, err
	}
	return Info{Size: info.Size(), Regular: info.Mode().IsRegular(), Modified: info.ModTime(), Changed: durable.Changed(f.Root, name, info)}, nil
}

func (f folder) Open(_ context.Context, name string) (io.ReadCloser, error) { return f.Root.Open(name) }

func (f folder) Retired(context.Context) ([]string, error) { return sink.Retired(f.Root) }

func (f folder) Each(ctx context.Context, use func(string) error, unreadable func(string, error)) error {
	return f.walk(ctx, ".", use, unreadable)
}

// walk goes folder by folder and a few entries at a time: a folder can hold any number.
func (f folder) walk(ctx context.Context, dir string, use func(string) error, unreadable func(string, error)) error {
	at, err := f.Root.Open(dir)
	if err != nil {
		return f.passOver(dir, err, unreadable)
	}
	defer at.Close()
	var below []string
	for {
		entries, err := at.ReadDir(lookUp)
		for _, e := range entries {
			name := path.Join(dir, e.Name())
			switch {
			case ctx.Err() != nil:
				return ctx.Err()
			case e.IsDir() && name == sink.AsideDir:
			case e.IsDir():
				below = append(below, name)
			default:
				if err := use(name); err != nil {
					return err
				}
			}
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return f.passOver(dir, err, unreadable)
		}
	}
	for _, name := range below {
		if err := f.walk(ctx, name, use, unreadable); err != nil {
			return err
		}
	}
	return nil
}

// passOver tells of a folder; one that a run has just removed is none.
func (folder) passOver(dir string, err error, unreadable func(string, error)) error {
	if !errors.Is(err, fs.ErrNotExist) {
		unreadable(dir, err)
	}
	return nil
}
