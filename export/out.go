package export

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"civitar/internal/durable"
)

// Config says what is made, and where.
type Config struct {
	Format Format
	// Out is the package's file, or with [Bag] and no ending of a package its folder.
	Out string
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

// Writer makes packages on disk. Exactly one of Close and Discard ends it.
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

// NewWriter begins an export. Errors: [*ExistsError], [*BusyError], and those of package os.
func NewWriter(cfg Config) (_ *Writer, err error) {
	if err := os.MkdirAll(filepath.Dir(cfg.Out), 0o777); err != nil {
		return nil, err
	}
	w := &Writer{cfg: cfg}
	if _, err := os.Lstat(cfg.Out + recordExt); err == nil {
		return nil, fmt.Errorf("%s is an archive, which civitar archive adds to: give another name", cfg.Out)
	}
	for _, name := range []string{cfg.volumeName(1), cfg.Out + manifestExt, cfg.Out + sumsExt} {
		if err := cfg.free(name); err != nil {
			return nil, err
		}
	}
	if w.unlock, err = takeLock(cfg.Out); err != nil {
		return nil, err
	}
	if w.list, err = newListing(cfg); err != nil {
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
		if w.now, err = w.cfg.begin(len(w.done) + 1); err != nil {
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
func (w *Writer) Close() (Result, error) {
	err := w.whole()
	if err == nil {
		err = w.name()
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
func (w *Writer) name() (err error) {
	at, err := durable.Open(filepath.Dir(w.cfg.Out), nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, at.Close()) }()
	manifest := filepath.Base(w.cfg.Out) + manifestExt
	if w.cfg.Overwrite {
		if err := w.replace(at, manifest); err != nil {
			return err
		}
	}
	for _, v := range w.done {
		name := filepath.Base(v.name)
		if err := at.Rename(name+partialExt, name); err != nil {
			return err
		}
	}
	if err := w.sums(at); err != nil {
		return err
	}
	if err := at.SyncDir("."); err != nil {
		return err
	}
	if err := at.Rename(manifest+partialExt, manifest); err != nil {
		return err
	}
	return at.SyncDir(".")
}

// replace takes away what is there of the package that this one comes in the place of: first
// its manifest, which speaks of what follows, then folders, over which nothing can be
// renamed, and volumes beyond the last of this one.
func (w *Writer) replace(at *durable.Folder, manifest string) error {
	if err := at.Remove(manifest); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := at.SyncDir("."); err != nil {
		return err
	}
	for _, v := range w.done {
		if v.folder != nil {
			if err := at.RemoveAll(filepath.Base(v.name)); err != nil {
				return err
			}
		}
	}
	for n := len(w.done) + 1; w.cfg.Split > 0; n++ {
		err := at.Remove(filepath.Base(w.cfg.volumeName(n)))
		if errors.Is(err, fs.ErrNotExist) {
			break
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// sumsExt ends the name of the file of checksums.
const sumsExt = ".sha256"

// sums writes the checksums as sha256sum reads them, one file for all volumes.
func (w *Writer) sums(at *durable.Folder) error {
	var text strings.Builder
	for _, v := range w.result.Volumes {
		if v.SHA256 != "" {
			fmt.Fprintf(&text, "%s  %s\n", v.SHA256, v.Name)
		}
	}
	if text.Len() == 0 {
		return nil
	}
	return at.Replace(filepath.Base(w.cfg.Out)+sumsExt, []byte(text.String()), 0o666)
}

// Discard removes what is not whole.
func (w *Writer) Discard() error {
	var errs []error
	for _, v := range append(w.done, w.now) {
		if v != nil {
			errs = append(errs, v.discard())
		}
	}
	errs = append(errs, w.list.discard())
	w.unlock()
	return errors.Join(errs...)
}
