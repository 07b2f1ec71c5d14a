// Package sink is where bytes come to rest.
//
// A [Dir] is the local folder. Bytes go into a partial file through a [Writer], which
// hashes them as they pass. Nothing has its final name until [Dir.Commit] has made a
// whole group of files durable:
//
//	w, err := dir.Begin(key)          // opens or resumes the partial kept for key
//	io.Copy(w, body)                  // writes and hashes
//	w.Finish()                        // no more bytes; not yet durable
//	dir.Commit(ctx, []sink.File{{Writer: w, Path: "media/2026-08-10/a.jpg"}})
//
// When Commit returns nil, each file stands whole under its final name, and so do the
// folders that lead to it; a power cut afterwards takes nothing away. When it returns an
// error, some of the files may stand under their names, each of them whole.
//
// The Writer that Begin gives takes bytes out of their order, too: its At returns writers from
// anywhere in the file, its Gather lets the hash follow, its Missing tells what is not there
// yet (package pipeline's Ranger). Notes vouch for such bytes as they do for the first ones.
//
// [Dir.BeginSealed] is Begin for bytes that are to be encrypted: with it no plaintext ever
// comes to the disk, not in a partial either. How they are encrypted a [Sealer] knows.
//
// A file gets another name in three steps, so that the record is right at every moment:
// [Dir.Move] lets it stand under both names, the record is told the new one, [Dir.Remove]
// takes the old one away.
//
// The package knows nothing of the orchestrator and keeps no record of what it holds:
// package manifest does. It never touches a path outside its folder, not even through a
// symbolic link planted inside (all access goes through [os.Root]).
package sink

import (
	"errors"
	"fmt"
	"time"
)

// ErrNoSpace is wrapped by every error that means the disk cannot take the bytes: the
// free-space check before a transfer, and the system's own "no space left" during one.
var ErrNoSpace = errors.New("not enough free space")

// SpaceError says how much room a transfer needed and how much there was, in bytes: what is
// free, less what the transfers in flight and the record are yet to take.
type SpaceError struct {
	Path       string
	Need, Free uint64
}

func (e *SpaceError) Error() string {
	return fmt.Sprintf("%s: the next file needs %d bytes, there is room for %d", e.Path, e.Need, e.Free)
}

func (e *SpaceError) Unwrap() error { return ErrNoSpace }

// Writer is one file on its way into the sink. It belongs to one goroutine at a time and
// ends with exactly one of Finish (then Commit), Suspend or Discard.
type Writer interface {
	// Write appends p and hashes it. The error of a full disk wraps [ErrNoSpace].
	Write(p []byte) (int, error)
	// Offset is the number of bytes written so far, those of an earlier run included.
	Offset() int64
	// Resume returns what was noted by Expect when the bytes so far were written: the
	// entity's validator ("" if none) and its whole size (-1 if unknown).
	Resume() (validator string, size int64)
	// Expect notes the entity that is about to be written, and reserves room for it. It
	// returns a [*SpaceError] when the rest of it cannot fit.
	Expect(validator string, size int64) error
	// Reset forgets all bytes, so that the entity can be written from its start.
	Reset() error
	// Head returns the first bytes of the file, at most n, for a look at its type. They are
	// good until the next call.
	Head(n int) ([]byte, error)
	// Sum is the SHA-256 of the bytes so far, in lower-case hex.
	Sum() string
	// Stored is the size and the SHA-256 of the file as it stands on disk, once Finish has
	// been called. Where that is no ciphertext, they are Offset and Sum.
	Stored() (size int64, sha256 string)
	// Finish says that the file is whole and waits for Commit.
	Finish() error
	// Suspend closes the file and keeps what it holds for a later Begin with the same key.
	Suspend() error
	// Discard closes the file and removes it.
	Discard() error
}

// File is a finished Writer and the slash-separated path, relative to the sink, that it
// is to have. Time is when it is to be told as modified; zero leaves that to the system,
// and so do times that not every system can hold (before 1970, after 2261).
type File struct {
	Writer Writer
	Path   string
	Time   time.Time
}
