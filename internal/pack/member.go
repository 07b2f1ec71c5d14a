package pack

import (
	"errors"
	"fmt"
	"io"
	"iter"
	"path"
	"strings"
	"time"

	"civitar/internal/durable"
	"civitar/sink"
)

// member is a file in a package.
type member struct {
	At, Length int64  // where all of it is, in bytes
	Path       string // "" is a blank
	Head       int64  // how far into it the content begins; a frame of zstd is content altogether
	Size       int64  // of the content, in bytes
	Packed     int64  // the same as it stands in the package
	CRC        uint32 // of the content; zip only
	Method     uint16 // how it is packed; zip only
	Modified   time.Time
	SHA256     string // of the content; "" where nobody has read it
}

func (m member) end() int64 { return m.At + m.Length }

// own tells what the package holds for its own sake: its copy of the record, which comes last.
func (m member) own() bool { return strings.HasPrefix(m.Path, sink.StateDir+"/") }

// blankPath is the name of members that are blank.
const blankPath = sink.StateDir + "/blank"

// content is a file that is to be added.
type content struct {
	path     string
	size     int64
	modified time.Time
}

// form is a way to make one file of many.
type form interface {
	// add appends a file of which r holds the content.
	add(w *out, c content, r io.Reader) (member, error)
	// next reads the head of the member at an offset of a package of some size. Its errors
	// are errEnd and a [*DamageError].
	next(r io.ReaderAt, at, size int64) (member, error)
	// open reads a member's content; what is wrong with it, as far as the form tells, is an
	// error at its end.
	open(r io.ReaderAt, m member) (io.ReadCloser, error)
	// blank writes what takes a member's place: m.Length bytes without content.
	blank(w io.Writer, m member) error
	// finish writes what follows the last member, at an offset.
	finish(w io.Writer, at int64, members iter.Seq2[member, error]) error
}

// errEnd says that the members end here.
var errEnd = errors.New("the members end here")

// DamageError says that a package cannot be read on from an offset, in bytes.
type DamageError struct {
	At    int64
	Why   string
	Short bool // the file ends within a member
}

func (e *DamageError) Error() string {
	return fmt.Sprintf("the package cannot be read on from byte %d: %s", e.At, e.Why)
}

func damaged(at int64, format string, args ...any) error {
	return &DamageError{At: at, Why: fmt.Sprintf(format, args...)}
}

func short(at int64) error {
	return &DamageError{At: at, Why: "it ends within a member", Short: true}
}

// walk hands on the members from an offset on, blanks left out, and tells where they end. After
// damage, which it returns when it is through, it goes on where known tells that the next
// member is, if anywhere; nil knows of none.
func walk(f form, r io.ReaderAt, at, size int64, known func(after int64) (int64, bool), use func(member) error) (end int64, err error) {
	var first error
	for {
		m, err := f.next(r, at, size)
		if err == nil {
			if m.Path != "" {
				if err := use(m); err != nil {
					return at, err
				}
			}
			at = m.end()
			continue
		}
		next, more := int64(0), false
		if known != nil {
			next, more = known(at)
		}
		if errors.Is(err, errEnd) {
			if !more {
				return at, first
			}
			err = damaged(at, "the members end here, and more are known")
		}
		if first == nil {
			first = err
		}
		if !more {
			return at, first
		}
		at = next
	}
}

// checkPath tells whether a member's path is one that can be extracted without harm.
func checkPath(at int64, name string) error {
	if name == "" || path.IsAbs(name) || path.Clean(name) != name || strings.HasPrefix(name, "../") || strings.ContainsAny(name, "\\\x00") {
		return damaged(at, "%q is no path of an archive", name)
	}
	return nil
}

// out is where a package is appended to.
type out struct {
	file *durable.File
	buf  []byte // not yet written
	at   int64  // where the next byte comes to
}

// bufferSize is how much is written, and copied, at a time.
const bufferSize = 256 << 10

func (o *out) Write(p []byte) (int, error) {
	if len(o.buf)+len(p) > bufferSize {
		if err := o.flush(); err != nil {
			return 0, err
		}
	}
	if len(p) >= bufferSize {
		n, err := o.file.WriteAt(p, o.at)
		o.at += int64(n)
		return n, err
	}
	o.buf = append(o.buf, p...)
	o.at += int64(len(p))
	return len(p), nil
}

func (o *out) flush() error {
	_, err := o.file.WriteAt(o.buf, o.at-int64(len(o.buf)))
	o.buf = o.buf[:0]
	return err
}

// patch writes over what was written before.
func (o *out) patch(p []byte, at int64) error {
	if first := o.at - int64(len(o.buf)); at >= first {
		copy(o.buf[at-first:], p)
		return nil
	}
	if err := o.flush(); err != nil {
		return err
	}
	_, err := o.file.WriteAt(p, at)
	return err
}

// copyTo copies a content of some size.
func copyTo(w io.Writer, r io.Reader, size int64) (int64, error) {
	return io.CopyBuffer(onlyWriter{w}, onlyReader{r}, make([]byte, min(size+1, bufferSize)))
}

// What has no other methods is copied by way of the buffer.
type (
	onlyReader struct{ io.Reader }
	onlyWriter struct{ io.Writer }
)

// zeros writes n bytes of nothing.
func zeros(w io.Writer, n int64) error {
	buf := make([]byte, min(n, bufferSize))
	for n > 0 {
		k, err := w.Write(buf[:min(n, bufferSize)])
		n -= int64(k)
		if err != nil {
			return err
		}
	}
	return nil
}
