// Package export makes packages of what an archive holds: zip, tar, tar.zst, BagIt, and
// tables of it as CSV or JSON lines.
//
// Two exports of one archive are equal to the byte: files come in a fixed order, with the
// times of their workflows and no owner. Every byte is compared with its recorded SHA-256 on
// its way. A package has its name only when it is whole and durable; until then it is
// NAME.partial. Memory does not grow with the archive.
package export

import (
	"context"
	"fmt"
	"io"
	"time"
)

// File is one that goes into a package. Path is slash-separated and relative to archive and
// package; Size is in bytes; SHA256, of the bytes as they stand in the archive, is empty for
// the sidecars of early archives. Blob is empty for a workflow's sidecar.
type File struct {
	Path     string    `json:"path"`
	Size     int64     `json:"size"`
	SHA256   string    `json:"sha256,omitempty"`
	Workflow string    `json:"workflow"`
	Created  time.Time `json:"created,omitzero"`
	Step     string    `json:"step,omitempty"`
	Type     string    `json:"type,omitempty"`
	Blob     string    `json:"blob,omitempty"`
	Media    string    `json:"media,omitempty"`
	NSFW     string    `json:"nsfw,omitempty"`
	Role     string    `json:"role,omitempty"`
	// Made is what went into a result, where the workflow tells it.
	Made Made `json:"-"`
}

// Made is the prompt and the like.
type Made struct {
	Prompt   string `json:"prompt,omitempty"`
	Negative string `json:"negative,omitempty"`
	Model    string `json:"model,omitempty"`
	Seed     string `json:"seed,omitempty"`
}

// Files are those of an archive, wherever they rest.
type Files interface {
	Open(ctx context.Context, name string) (io.ReadCloser, error)
}

// Format is a kind of package.
type Format string

// The formats.
const (
	Zip    Format = "zip"
	Tar    Format = "tar"
	TarZst Format = "tar.zst"
	Bag    Format = "bagit"
	CSV    Format = "csv"
	JSONL  Format = "jsonl"
)

// Formats lists all formats.
func Formats() []Format { return []Format{Zip, Tar, TarZst, Bag, CSV, JSONL} }

// Table tells a format that lists files and does not hold them.
func (f Format) Table() bool { return f == CSV || f == JSONL }

// About is what a package tells of itself.
type About struct {
	Source string    // what the archive is of
	Date   time.Time // of the archive's last run; zero is unknown
	Name   string    // of a bag's folder
}

// pack takes in files, one after the other. Whatever it writes goes to the writer that it
// was made with.
type pack interface {
	// add takes in a file; it reads r to its end. Tables do not read.
	add(f File, r io.Reader) error
	// room is how many bytes at most are still to be written if f comes and is the last.
	room(f File) int64
	// close writes what ends the package.
	close() error
}

// newPack makes a package of a format.
func newPack(f Format, w io.Writer, about About) (pack, error) {
	switch f {
	case Zip:
		return newZip(w), nil
	case Tar:
		return newTar(w), nil
	case TarZst:
		return newTarZst(w)
	case CSV:
		return newCSV(w), nil
	case JSONL:
		return newJSONL(w), nil
	}
	return nil, fmt.Errorf("there is no format %q", f)
}
