package export

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"
)

// Config says what is made, and where.
type Config struct {
	Format Format
	// Shelf is where, and Out the package's name there: a file's, or with [Bag] and no ending
	// of a package a folder's.
	Shelf Shelf
	Out   string
	// Split, in bytes, begins another package of its own before one gets larger than that; 0
	// never does. A file larger than it is alone in its package.
	Split int64
	// Overwrite lets files of those names be replaced.
	Overwrite bool
	About     About
	// What the manifest beside the package tells of what was asked for.
	From, To time.Time
	Series   string
	Filters  map[string][]string
}

// recordExt ends the name of the folder that holds the record of an archive in a package.
const recordExt = ".civitar"

// Result is what an export has made. Bytes are those of the files.
type Result struct {
	Files   int64    `json:"files"`
	Bytes   int64    `json:"bytes"`
	Volumes []Volume `json:"volumes"`
}

// Writer makes packages on a shelf. Exactly one of Close and Discard ends it.
type Writer struct {
	cfg    Config
	now    *volume // nil between volumes
	done   []*volume
	list   *listing
	result Result
	unlock func()
}

// ExistsError says that a file is there that would be replaced.
type ExistsError struct{ Name string }

func (e *ExistsError) Error() string { return e.Name + " is there already" }

// NewWriter begins an export. The shelf is the caller's to close, after it. Errors:
// [*ExistsError], [*BusyError], and the shelf's.
func NewWriter(ctx context.Context, cfg Config) (_ *Writer, err error) {
	w := &Writer{cfg: cfg}
	if archive, err := cfg.Shelf.Has(ctx, cfg.Out+recordExt); err != nil {
		return nil, err
	} else if archive {
		return nil, fmt.Errorf("%s is an archive, which civitar archive adds to: give another name", cfg.Shelf.Path(cfg.Out))
	}
	for _, name := range []string{cfg.volumeName(1), cfg.Out + manifestExt, cfg.Out + sumsExt} {
		if err := cfg.free(ctx, name); err != nil {
			return nil, err
		}
	}
	if w.unlock, err = cfg.Shelf.Lock(cfg.Out); err != nil {
		return nil, err
	}
	if w.list, err = newListing(ctx, cfg); err != nil {
		w.unlock()
		return nil, err
	}
	return w, nil
}

// Add takes in a file of the archive.
func (w *Writer) Add(ctx context.Context, f File, from Files) error {
	f, r, err := open(ctx, w.cfg.Format, from, f)
	if err != nil {
		return err
	}
	defer r.Close()
	if w.now != nil && w.cfg.Split > 0 && w.now.size+w.now.room(f) > w.cfg.Split {
		if err := w.endVolume(); err != nil {
			return err
		}
	}
	if w.now == nil {
		if w.now, err = w.cfg.begin(ctx, len(w.done)+1); err != nil {
			return err
		}
	}
	if err := w.now.add(f, r); err != nil {
		return err
	}
	w.now.files++
	w.result.Files++
	w.result.Bytes += f.Size
	return w.list.add(f)
}

func (w *Writer) endVolume() error {
	if err := w.now.end(); err != nil {
		return err
	}
	w.done = append(w.done, w.now)
	w.result.Volumes = append(w.result.Volumes, w.now.told())
	w.now = nil
	return nil
}

// Close makes the packages whole and gives them their names: first the packages, then their
// checksums, then the manifest, so that what finds the manifest finds all of it. After an
// error, what has its name already stays.
func (w *Writer) Close(ctx context.Context) (Result, error) {
	err := w.whole()
	if err == nil {
		err = w.name(context.WithoutCancel(ctx)) // all or nothing
	}
	if err != nil {
		return w.result, errors.Join(err, w.Discard())
	}
	w.unlock()
	return w.result, nil
}

func (w *Writer) whole() error {
	if w.now != nil {
		if err := w.endVolume(); err != nil {
			return err
		}
	}
	return w.list.close(w.result)
}

// name gives everything its name.
func (w *Writer) name(ctx context.Context) error {
	if w.cfg.Overwrite {
		if err := w.clear(ctx); err != nil {
			return err
		}
	}
	for _, v := range w.done {
		if err := w.cfg.free(ctx, v.name); err != nil { // where nothing locks it
			return err
		}
		if err := v.Name(ctx); err != nil {
			return err
		}
	}
	if err := w.sums(ctx); err != nil {
		return err
	}
	if err := w.cfg.Shelf.Sync(); err != nil {
		return err
	}
	if err := w.list.Name(ctx); err != nil {
		return err
	}
	return w.cfg.Shelf.Sync()
}

// clear takes away what is there of the package that this one comes in the place of, and
// would stay: first its manifest, which speaks of the rest, then volumes beyond the last of
// this one.
func (w *Writer) clear(ctx context.Context) error {
	if err := w.remove(ctx, w.cfg.Out+manifestExt); err != nil {
		return err
	}
	if err := w.cfg.Shelf.Sync(); err != nil {
		return err
	}
	for n := len(w.done) + 1; w.cfg.Split > 0; n++ {
		there, err := w.cfg.Shelf.Has(ctx, w.cfg.volumeName(n))
		if err != nil || !there {
			return err
		}
		if err := w.remove(ctx, w.cfg.volumeName(n)); err != nil {
			return err
		}
	}
	return nil
}

func (w *Writer) remove(ctx context.Context, name string) error {
	err := w.cfg.Shelf.Remove(ctx, name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// sumsExt ends the name of the file of checksums.
const sumsExt = ".sha256"

// sums writes the checksums as sha256sum reads them, one file for all volumes.
func (w *Writer) sums(ctx context.Context) error {
	var text bytes.Buffer
	for _, v := range w.result.Volumes {
		if v.SHA256 != "" {
			fmt.Fprintf(&text, "%s  %s\n", v.SHA256, v.Name)
		}
	}
	if text.Len() == 0 {
		return nil
	}
	draft, err := w.cfg.Shelf.Draft(ctx, w.cfg.Out+sumsExt)
	if err != nil {
		return err
	}
	if _, err = text.WriteTo(draft); err == nil {
		err = draft.Finish()
	}
	if err == nil {
		err = draft.Name(ctx)
	}
	if err != nil {
		err = errors.Join(err, draft.Discard())
	}
	return err
}

// Discard removes what is not whole.
func (w *Writer) Discard() error {
	var errs []error
	for _, v := range append(w.done, w.now) {
		if v != nil {
			errs = append(errs, v.Discard())
		}
	}
	errs = append(errs, w.list.Discard())
	w.unlock()
	return errors.Join(errs...)
}
