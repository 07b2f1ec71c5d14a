package export

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"civitar/internal/durable"
)

// partialExt ends the name of what is not whole yet.
const partialExt = ".partial"

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
}

// Volume is one finished package. Size is in bytes; a bag's folder has neither size nor hash.
type Volume struct {
	Name   string `json:"name"`
	Size   int64  `json:"size,omitempty"`
	SHA256 string `json:"sha256,omitempty"`
	Files  int64  `json:"files"`
}

// Result is what an export has made. Bytes are those of the files.
type Result struct {
	Files   int64    `json:"files"`
	Bytes   int64    `json:"bytes"`
	Volumes []Volume `json:"volumes"`
}

// Writer makes packages on disk.
type Writer struct {
	cfg    Config
	dir    string
	now    pack     // nil between volumes
	volume *volume  // of now
	notes  *os.File // of a bag
	done   []*volume
	list   *listing
	result Result
}

type volume struct {
	name  string // final
	file  *os.File
	buf   *bufio.Writer
	sum   hash.Hash
	size  int64
	files int64
}

func (v *volume) Write(p []byte) (int, error) {
	n, err := v.buf.Write(p)
	v.sum.Write(p[:n])
	v.size += int64(n)
	return n, err
}

// ExistsError says that a file is there that would be replaced.
type ExistsError struct{ Name string }

func (e *ExistsError) Error() string { return e.Name + " is there already" }

// NewWriter begins an export. Errors: [*ExistsError], and those of package os.
func NewWriter(cfg Config) (*Writer, error) {
	w := &Writer{cfg: cfg, dir: filepath.Dir(cfg.Out)}
	if err := os.MkdirAll(w.dir, 0o777); err != nil {
		return nil, err
	}
	if !cfg.Overwrite {
		for _, name := range []string{w.volumeName(1), cfg.Out + manifestExt} {
			if _, err := os.Lstat(name); err == nil {
				return nil, &ExistsError{name}
			}
		}
	}
	list, err := newListing(cfg)
	if err != nil {
		return nil, err
	}
	w.list = list
	return w, nil
}

// volumeName is the name of the n-th package, from 1 on.
func (w *Writer) volumeName(n int) string {
	if w.cfg.Split <= 0 {
		return w.cfg.Out
	}
	base, ext := w.cfg.Out, endingOf(w.cfg.Out)
	return fmt.Sprintf("%s-%03d%s", strings.TrimSuffix(base, ext), n, ext)
}

// endingOf is the ending of a package's name, .tar.zst as a whole.
func endingOf(name string) string {
	for _, ext := range []string{".tar.zst", ".zip", ".tar", ".csv", ".jsonl"} {
		if strings.HasSuffix(strings.ToLower(name), ext) {
			return name[len(name)-len(ext):]
		}
	}
	return ""
}

// FormatOf guesses a format from the name of a package, "" for none.
func FormatOf(name string) Format {
	return Format(strings.TrimPrefix(strings.ToLower(endingOf(name)), "."))
}

// Add takes in a file of the archive.
func (w *Writer) Add(ctx context.Context, f File, from Files) error {
	if w.now != nil && w.cfg.Split > 0 && w.volume.files > 0 && w.volume.size+int64(w.volume.buf.Buffered())+f.Size+w.now.overhead(f) > w.cfg.Split {
		if err := w.endVolume(); err != nil {
			return err
		}
	}
	if w.now == nil {
		if err := w.beginVolume(); err != nil {
			return err
		}
	}
	if err := add(ctx, w.now, w.cfg.Format, f, from); err != nil {
		return err
	}
	w.volume.files++
	w.result.Files++
	w.result.Bytes += f.Size
	return w.list.add(f)
}

// add takes a file of the archive into a package.
func add(ctx context.Context, to pack, format Format, f File, from Files) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if format.Table() {
		return to.add(f, nil)
	}
	r, err := open(ctx, from, f)
	if err != nil {
		return err
	}
	defer r.Close()
	if f.SHA256 == "" { // a sidecar of an early archive, of which no size is recorded
		text, err := io.ReadAll(io.LimitReader(&obeying{ctx, r}, largestSidecar))
		if err != nil {
			return err
		}
		f.Size = int64(len(text))
		return to.add(f, bytes.NewReader(text))
	}
	return to.add(f, prove(f, &obeying{ctx, r}))
}

// obeying is a reader that ends with a context.
type obeying struct {
	ctx context.Context
	r   io.Reader
}

func (o *obeying) Read(p []byte) (int, error) {
	if err := o.ctx.Err(); err != nil {
		return 0, err
	}
	return o.r.Read(p)
}

func (w *Writer) beginVolume() (err error) {
	v := &volume{name: w.volumeName(len(w.done) + 1), sum: sha256.New()}
	about := w.cfg.About
	w.volume = v
	if w.cfg.Format == Bag {
		if w.notes, err = os.Create(w.cfg.Out + ".payload" + partialExt); err != nil {
			return err
		}
		if endingOf(w.cfg.Out) == "" {
			if err := os.RemoveAll(v.name + partialExt); err != nil {
				return err
			}
			v.buf = bufio.NewWriter(io.Discard)
			folder, err := newFolder(v.name + partialExt)
			if err != nil {
				return err
			}
			w.now = newBag(folder, about, w.notes)
			return nil
		}
		about.Name = strings.TrimSuffix(filepath.Base(v.name), endingOf(v.name))
	}
	if v.file, err = os.Create(v.name + partialExt); err != nil {
		return err
	}
	v.buf = bufio.NewWriterSize(v.file, 256<<10)
	format := w.cfg.Format
	if format == Bag {
		format = FormatOf(w.cfg.Out)
	}
	inner, err := newPack(format, v, about)
	if err != nil {
		return err
	}
	w.now = inner
	if w.cfg.Format == Bag {
		w.now = newBag(inner, about, w.notes)
	}
	return nil
}

func (w *Writer) endVolume() error {
	v := w.volume
	err := w.now.close()
	w.now = nil
	if w.notes != nil {
		err = errors.Join(err, w.notes.Close(), os.Remove(w.notes.Name()))
		w.notes = nil
	}
	if v.file != nil {
		if err == nil {
			err = v.buf.Flush()
		}
		if err == nil {
			err = v.file.Sync()
		}
		err = errors.Join(err, v.file.Close())
	}
	if err != nil {
		return err
	}
	w.done = append(w.done, v)
	told := Volume{Name: filepath.Base(v.name), Files: v.files}
	if v.file != nil {
		told.Size, told.SHA256 = v.size, hex.EncodeToString(v.sum.Sum(nil))
	}
	w.result.Volumes = append(w.result.Volumes, told)
	return nil
}

// Close makes the packages whole and gives them their names: first the packages, then their
// checksums, then the manifest, so that what finds the manifest finds all of it.
func (w *Writer) Close() (_ Result, err error) {
	if w.now == nil && len(w.done) == 0 && w.cfg.Format.Table() { // a table without rows
		err = w.beginVolume()
	}
	if err == nil && w.now != nil {
		err = w.endVolume()
	}
	if err == nil {
		err = w.list.close(w.result)
	}
	for _, v := range w.done {
		if err == nil && w.cfg.Overwrite && v.file == nil {
			err = os.RemoveAll(v.name) // no folder can be renamed over one
		}
		if err == nil {
			err = os.Rename(v.name+partialExt, v.name)
		}
	}
	if err == nil {
		err = w.sums()
	}
	if err == nil {
		err = os.Rename(w.cfg.Out+manifestExt+partialExt, w.cfg.Out+manifestExt)
	}
	if err != nil {
		return w.result, errors.Join(err, w.Discard())
	}
	at, err := durable.Open(w.dir, nil)
	if err != nil {
		return w.result, err
	}
	return w.result, errors.Join(at.SyncDir("."), at.Close())
}

// sums writes the checksums as sha256sum reads them, one file for all volumes.
func (w *Writer) sums() error {
	var text strings.Builder
	for _, v := range w.result.Volumes {
		if v.SHA256 != "" {
			fmt.Fprintf(&text, "%s  %s\n", v.SHA256, v.Name)
		}
	}
	if text.Len() == 0 {
		return nil
	}
	at, err := durable.Open(w.dir, nil)
	if err != nil {
		return err
	}
	return errors.Join(at.Replace(filepath.Base(w.cfg.Out)+".sha256", []byte(text.String()), 0o666), at.Close())
}

// Discard removes what is not whole. What has its name already stays.
func (w *Writer) Discard() error {
	var errs []error
	if w.volume != nil && w.volume.file != nil {
		_ = w.volume.file.Close() // it may be closed
	}
	if w.notes != nil {
		errs = append(errs, w.notes.Close(), os.Remove(w.notes.Name()))
	}
	if w.volume != nil {
		errs = append(errs, os.RemoveAll(w.volume.name+partialExt))
	}
	for _, v := range w.done {
		errs = append(errs, os.RemoveAll(v.name+partialExt))
	}
	if w.list != nil {
		errs = append(errs, w.list.discard())
	}
	return errors.Join(errs...)
}
