package export

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"os"
	"strings"
)

// partialExt ends the name of what is not whole yet.
const partialExt = ".partial"

// Volume is one finished package. Size is in bytes; a bag's folder has neither size nor hash.
type Volume struct {
	Name   string `json:"name"`
	Size   int64  `json:"size,omitempty"`
	SHA256 string `json:"sha256,omitempty"`
	Files  int64  `json:"files"`
}

// volume is a package being made: a file, or a bag's folder.
type volume struct {
	pack
	Draft
	name   string
	folder bool
	notes  *os.File // of a bag
	sum    hash.Hash
	size   int64
	files  int64
}

func (v *volume) Write(p []byte) (int, error) {
	n, err := v.Draft.Write(p)
	v.sum.Write(p[:n])
	v.size += int64(n)
	return n, err
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

// volumeName is the name of the n-th package, from 1 on.
func (c *Config) volumeName(n int) string {
	if c.Split <= 0 {
		return c.Out
	}
	ext := endingOf(c.Out)
	return fmt.Sprintf("%s-%03d%s", strings.TrimSuffix(c.Out, ext), n, ext)
}

// free tells whether a name can be given.
func (c *Config) free(ctx context.Context, name string) error {
	if c.Overwrite {
		return nil
	}
	taken, err := c.Shelf.Has(ctx, name)
	if err == nil && taken {
		err = &ExistsError{c.Shelf.Path(name)}
	}
	return err
}

// begin makes the n-th volume; what it has made of it must be discarded after an error, too.
func (c *Config) begin(ctx context.Context, n int) (v *volume, err error) {
	v = &volume{name: c.volumeName(n), sum: sha256.New()}
	if err := c.free(ctx, v.name); err != nil {
		return v, err
	}
	about, format := c.About, c.Format
	if format == Bag {
		if v.notes, err = c.Shelf.Scratch(c.Out + ".payload"); err != nil {
			return v, err
		}
		about.Name, format = strings.TrimSuffix(v.name, endingOf(v.name)), FormatOf(v.name)
	}
	if format == "" {
		about.Name = ""
		err = v.inFolder(c)
	} else if v.Draft, err = c.Shelf.Draft(ctx, v.name); err == nil {
		v.pack, err = newPack(format, v, about)
	}
	if err == nil && v.notes != nil {
		v.pack = newBag(v.pack, about, v.notes)
	}
	return v, err
}

func (v *volume) inFolder(c *Config) error {
	in, ok := c.Shelf.(*Folder)
	if !ok {
		return fmt.Errorf("%s would be a folder, and can only be a file there", c.Shelf.Path(v.name))
	}
	made, err := in.folder(v.name, c.Overwrite)
	if err == nil {
		v.pack, v.Draft, v.folder = made, made, true
	}
	return err
}

// end makes it whole and durable, still without its name.
func (v *volume) end() error {
	err := v.pack.close()
	if v.notes != nil {
		err = errors.Join(err, v.notes.Close(), os.Remove(v.notes.Name()))
		v.notes = nil
	}
	if err != nil {
		return err
	}
	return v.Finish()
}

func (v *volume) told() Volume {
	told := Volume{Name: v.name, Files: v.files}
	if !v.folder {
		told.Size, told.SHA256 = v.size, hex.EncodeToString(v.sum.Sum(nil))
	}
	return told
}

// Discard implements [Draft], of which there may be none yet.
func (v *volume) Discard() error {
	var errs []error
	if v.notes != nil {
		errs = append(errs, v.notes.Close(), os.Remove(v.notes.Name()))
		v.notes = nil
	}
	if v.Draft != nil {
		errs = append(errs, v.Draft.Discard())
	}
	return errors.Join(errs...)
}
