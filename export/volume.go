package export

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"os"
	"path/filepath"
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
	name   string // final
	file   *os.File
	buf    *bufio.Writer
	folder *folderPack
	notes  *os.File // of a bag
	sum    hash.Hash
	size   int64
	files  int64
}

func (v *volume) Write(p []byte) (int, error) {
	n, err := v.buf.Write(p)
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
func (c *Config) free(name string) error {
	if c.Overwrite {
		return nil
	}
	if _, err := os.Lstat(name); err == nil {
		return &ExistsError{name}
	}
	return nil
}

// begin makes the n-th volume; what it has made of it must be discarded after an error, too.
func (c *Config) begin(n int) (v *volume, err error) {
	v = &volume{name: c.volumeName(n), sum: sha256.New()}
	if err := c.free(v.name); err != nil {
		return v, err
	}
	about, format := c.About, c.Format
	if format == Bag {
		if v.notes, err = os.Create(c.Out + ".payload" + partialExt); err != nil {
			return v, err
		}
		about.Name, format = strings.TrimSuffix(filepath.Base(v.name), endingOf(v.name)), FormatOf(v.name)
	}
	if format == "" {
		about.Name = ""
		if err := os.RemoveAll(v.name + partialExt); err != nil {
			return v, err
		}
		v.folder, err = newFolder(v.name + partialExt)
		v.pack = v.folder
	} else {
		if v.file, err = os.Create(v.name + partialExt); err != nil {
			return v, err
		}
		v.buf = bufio.NewWriterSize(v.file, 256<<10)
		v.pack, err = newPack(format, v, about)
	}
	if err == nil && v.notes != nil {
		v.pack = newBag(v.pack, about, v.notes)
	}
	return v, err
}

// end makes it whole and durable under its partial name.
func (v *volume) end() error {
	err := v.pack.close()
	if v.notes != nil {
		err = errors.Join(err, v.notes.Close(), os.Remove(v.notes.Name()))
		v.notes = nil
	}
	if v.file == nil {
		return err
	}
	if err == nil {
		err = v.buf.Flush()
	}
	if err == nil {
		err = v.file.Sync()
	}
	return errors.Join(err, v.file.Close())
}

func (v *volume) told() Volume {
	told := Volume{Name: filepath.Base(v.name), Files: v.files}
	if v.file != nil {
		told.Size, told.SHA256 = v.size, hex.EncodeToString(v.sum.Sum(nil))
	}
	return told
}

// discard removes what is not whole.
func (v *volume) discard() error {
	var errs []error
	if v.file != nil {
		_ = v.file.Close() // it may be closed
	}
	if v.folder != nil {
		_ = v.folder.root.Close()
	}
	if v.notes != nil {
		errs = append(errs, v.notes.Close(), os.Remove(v.notes.Name()))
		v.notes = nil
	}
	return errors.Join(append(errs, os.RemoveAll(v.name+partialExt))...)
}
