package bucket

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"

	"civitar/manifest"
)

const journalDir = ".civitar/journal/"

// pieceName is an object of the journal: a segment and the offset of its first byte in it.
// What it holds ends where the next begins.
var pieceName = regexp.MustCompile(`^\.civitar/journal/([0-9]{6,9})-([0-9]{12})\.jsonl$`)

// IsPiece tells whether the path, relative to the archive, is one of the journal's objects.
func IsPiece(name string) bool { return pieceName.MatchString(name) }

func pieceOf(segment string, offset int64) string {
	return fmt.Sprintf("%s%s-%012d.jsonl", journalDir, segment[:len(segment)-len(path.Ext(segment))], offset)
}

// Publish adds a group of lines to the journal in the bucket: the bytes of a segment from
// an offset on. When it returns nil they are there for good. It is what a record's
// Options.Publish wants.
func (s *Store) Publish(segment string, offset int64, data []byte) error {
	ctx := context.Background() // lines of what is already in the bucket: never cut off halfway
	if err := s.lease.holds(ctx); err != nil {
		return err
	}
	name := pieceOf(segment, offset)
	err := s.putPiece(ctx, name, data)
	if !errors.Is(err, errTaken) {
		return err
	}
	// An answer that was lost on its way made the library ask twice.
	there, _, gerr := s.get(ctx, name)
	if gerr == nil && bytes.Equal(there, data) {
		return nil
	}
	return fmt.Errorf("%s: another run has gone on with this archive: run the same command again: %w", s.Location, err)
}

// putPiece makes an object of the journal, if there is none of its name.
func (s *Store) putPiece(ctx context.Context, name string, data []byte) error {
	match := "*"
	if s.lease.beside { // then a look must do, and the lease, which no other takes for so long
		until, cancel := context.WithDeadline(ctx, s.lease.until())
		defer cancel()
		if _, err := s.Files().Stat(until, name); err == nil {
			return errTaken
		} else if !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		ctx, match = until, ""
	}
	_, err := s.put(ctx, name, data, "application/jsonl", match)
	return err
}

// piece is one object of the journal.
type piece struct {
	object
	segment string // its number, as it is written
	offset  int64
}

func (p piece) end() int64 { return p.offset + p.size }

// pieces are the objects of the journal, in order and without gaps.
func (s *Store) pieces(ctx context.Context) ([]piece, error) {
	var all []piece
	for o, err := range s.list(ctx, journalDir) {
		if err != nil {
			return nil, err
		}
		m := pieceName.FindStringSubmatch(o.name)
		if m == nil {
			continue
		}
		offset, err := strconv.ParseInt(m[2], 10, 64)
		if err != nil {
			return nil, err
		}
		p := piece{o, m[1], offset}
		var want int64
		if n := len(all); n > 0 && all[n-1].segment == p.segment {
			want = all[n-1].end()
		}
		if p.offset != want {
			return nil, &Error{Place: scheme + s.Bucket + "/" + s.key(o.name), Why: fmt.Sprintf("the journal lacks what comes before it (from byte %d on): bring the missing object back from the bucket's versions or a backup", want)}
		}
		all = append(all, p)
	}
	return all, nil
}

// Pull brings the local copy of the record in dir up to what the bucket says. The caller
// has the copy to itself. A copy of something else is made anew, with its index, and so is
// any with anew. Errors: [manifest.ErrNoArchive] where the bucket holds none.
func (s *Store) Pull(ctx context.Context, dir string, anew bool) error {
	pieces, err := s.pieces(ctx)
	if err != nil {
		return err
	}
	state := filepath.Join(dir, ".civitar")
	origin := filepath.Join(state, "origin")
	if len(pieces) == 0 {
		if err := dropRecord(state); err != nil {
			return err
		}
		return fmt.Errorf("%s: %w", s.Location, manifest.ErrNoArchive)
	}
	begun, err := os.ReadFile(origin)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	level, err := levels(state, pieces)
	if err != nil {
		return err
	}
	if anew || string(begun) != pieces[0].etag || !level {
		if err := dropRecord(state); err != nil {
			return err
		}
		if err := os.WriteFile(origin, []byte(pieces[0].etag), 0o666); err != nil {
			return err
		}
	}
	for len(pieces) > 0 {
		n := slices.IndexFunc(pieces, func(p piece) bool { return p.segment != pieces[0].segment })
		if n < 0 {
			n = len(pieces)
		}
		if err := s.pullSegment(ctx, state, pieces[:n]); err != nil {
			return err
		}
		pieces = pieces[n:]
	}
	return nil
}

// levels tells whether the local segments can be the beginning of what the pieces make up.
func levels(state string, pieces []piece) (bool, error) {
	ends := map[string]int64{}
	for _, p := range pieces {
		ends[p.segment+".jsonl"] = p.end()
	}
	entries, err := os.ReadDir(filepath.Join(state, "journal"))
	if errors.Is(err, fs.ErrNotExist) {
		return true, nil
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			return false, err
		}
		if end, ok := ends[e.Name()]; info.Size() > end || !ok && info.Size() > 0 {
			return false, nil
		}
	}
	return true, err
}

// dropRecord removes the local copy, but for unfinished downloads, and leaves its folder.
func dropRecord(state string) error {
	for _, name := range []string{"origin", "journal", "index.db", "index.db-wal", "index.db-shm", "manifest.json"} {
		if err := os.RemoveAll(filepath.Join(state, name)); err != nil {
			return err
		}
	}
	return os.MkdirAll(state, 0o777)
}

// pullSegment adds to a local segment what it lacks.
func (s *Store) pullSegment(ctx context.Context, state string, pieces []piece) (err error) {
	folder := filepath.Join(state, "journal")
	if err := os.MkdirAll(folder, 0o777); err != nil {
		return err
	}
	f, err := os.OpenFile(filepath.Join(folder, pieces[0].segment+".jsonl"), os.O_RDWR|os.O_CREATE, 0o666)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	i := slices.IndexFunc(pieces, func(p piece) bool { return p.end() > info.Size() })
	if i < 0 {
		return nil
	}
	if err := f.Truncate(pieces[i].offset); err != nil { // a part of a piece may be torn
		return err
	}
	if _, err := f.Seek(pieces[i].offset, io.SeekStart); err != nil {
		return err
	}
	for _, p := range pieces[i:] {
		if err := s.pullPiece(ctx, f, p); err != nil {
			return err
		}
	}
	return f.Sync()
}

func (s *Store) pullPiece(ctx context.Context, f *os.File, p piece) error {
	from, _, err := s.Read(ctx, p.name)
	if err != nil {
		return err
	}
	defer from.Close()
	n, err := io.Copy(f, from)
	if err == nil && n != p.size {
		err = s.told(p.name, fmt.Errorf("%d of %d bytes came: %w", n, p.size, io.ErrUnexpectedEOF))
	}
	return err
}
