package pack

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"

	"civitar/internal/database"
	"civitar/internal/durable"
	"civitar/sink"
)

// Options are those of [Open].
type Options struct {
	// Logger is told what was cut off.
	Logger *slog.Logger
	// Hook is called before every step that changes the disk: it is for tests.
	Hook durable.Hook
}

// Error says why a package is not gone on with, in one sentence with what to do.
type Error struct {
	Why string
	Err error
}

func (e *Error) Error() string { return e.Why }
func (e *Error) Unwrap() error { return e.Err }

func refuse(err error, format string, args ...any) error {
	return &Error{Why: fmt.Sprintf(format, args...), Err: err}
}

// Open opens the package at a place to be added to. stage and record are of its folder, and
// held; the sink owns the stage. What no line of the journal vouches for is cut off. What the
// journal vouches for and a cut has taken is told to the record as failed, so that the next run
// fetches it again.
//
// Errors: [*Error] where the package is not what the record says, [*DamageError], and those
// of package os.
func Open(ctx context.Context, place Place, stage *sink.Dir, record Record, o Options) (_ *Sink, err error) {
	s := &Sink{place: place, stage: stage, record: record, form: formOf(string(place)), hook: o.Hook, name: filepath.Base(string(place))}
	if s.folder, err = durable.Open(filepath.Dir(string(place)), o.Hook); err != nil {
		return nil, errors.Join(err, stage.Close())
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Close())
		}
	}()
	var fresh bool
	if s.members, fresh, err = openMembers(ctx, place.membersFile(), database.Durable); err != nil {
		return nil, err
	}
	s.members.db.SetMaxOpenConns(1) // none of the sink's questions waits for another, and each connection has a cache
	whole, err := s.there(s.name)
	if err != nil {
		return nil, err
	}
	partial, err := s.there(s.name + partialExt)
	switch {
	case err != nil:
	case whole && partial:
		err = refuse(nil, "%s and %s are both there, and civitar makes one of the other: move the one away that is not the archive's", place, place.Partial())
	case whole:
		err = s.checkWhole(ctx, fresh)
	case partial:
		err = s.takeUp(ctx, fresh, o)
	default:
		err = s.checkNothing(ctx)
	}
	if err != nil {
		return nil, err
	}
	s.end, err = s.members.end(ctx)
	return s, err
}

func (s *Sink) there(name string) (bool, error) {
	info, err := s.folder.Lstat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return false, nil
	case err == nil && !info.Mode().IsRegular():
		return false, refuse(nil, "%s is no regular file: give another name", filepath.Join(filepath.Dir(string(s.place)), name))
	}
	return err == nil, err
}

// checkWhole makes sure that the package which has the name is the one that the record is of.
func (s *Sink) checkWhole(ctx context.Context, fresh bool) error {
	f, err := s.folder.Open(s.name)
	if err != nil {
		return err
	}
	defer f.Close()
	is, err := markOf(f)
	if err != nil {
		return err
	}
	if fresh {
		if _, err := s.members.read(ctx, s.form, f, is.size, nil, results(nil)); err != nil {
			return err
		}
		if err := s.members.setWhole(ctx, is); err != nil {
			return err
		}
	}
	was, err := s.members.whole(ctx)
	if err == nil && is != was {
		err = refuse(nil, "%s is not as civitar left it (%d bytes, it had %d): bring it back; or, where it is another package, move %s away, and its record is read from itself; or, where it was cut, rename it to %s, and what is lost is fetched again",
			s.place, is.size, was.size, s.place.Dir(), s.place.Partial())
	}
	s.whole = true
	return err
}

// markOf is what tells a whole package from another.
func markOf(f *os.File) (m mark, err error) {
	info, err := f.Stat()
	if err != nil {
		return m, err
	}
	m.size = info.Size()
	h := sha256.New()
	if _, err := io.Copy(h, io.NewSectionReader(f, max(m.size-bufferSize, 0), bufferSize)); err != nil {
		return m, err
	}
	m.tail = sumOf(h)
	return m, nil
}

// checkNothing refuses to begin anew what the record says is there.
func (s *Sink) checkNothing(ctx context.Context) error {
	_, held, err := s.members.last(ctx)
	if err == nil && !held { // members.db may have been lost with the package
		var n int64
		n, err = s.lost(ctx, nil)
		held = n > 0
	}
	if err == nil && held {
		err = refuse(nil, "%s is not there, and its record %s says that it holds something: bring it back, or move the record away to begin anew", s.place, s.place.Dir())
	}
	return err
}

// takeUp goes on with a package that is not whole: it is cut behind the last member that the
// record vouches for.
func (s *Sink) takeUp(ctx context.Context, fresh bool, o Options) error {
	f, err := s.folder.OpenFile(s.name+partialExt, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	s.out = &out{file: f}
	info, err := f.Stat()
	if err != nil {
		return err
	}
	size := info.Size()
	var gone int64
	var damage error
	if fresh {
		_, damage = s.members.read(ctx, s.form, f, size, nil, results(nil))
		if !errors.As(damage, new(*DamageError)) && damage != nil {
			return damage
		}
	} else if gone, err = s.members.cut(ctx, size); err != nil {
		return err
	}
	if err := s.trim(ctx); err != nil {
		return err
	}
	if fresh || gone > 0 {
		if err := s.makeUp(ctx, damage, o); err != nil {
			return err
		}
	}
	end, err := s.members.end(ctx)
	if err != nil {
		return err
	}
	if end < size {
		o.Logger.Info("package: cut behind the last whole member that is recorded", "package", s.place.Partial(), "bytes", size-end)
		if err := f.Truncate(end); err != nil {
			return err
		}
	}
	s.out.at = end
	for m, err := range s.members.superseded(ctx) {
		if err != nil {
			return err
		}
		s.stale = append(s.stale, m)
	}
	return nil
}

// trim lets go of the last members that the record does not vouch for: a run was cut off
// before it did.
func (s *Sink) trim(ctx context.Context) error {
	for {
		m, ok, err := s.members.last(ctx)
		if err != nil || !ok {
			return err
		}
		if m.SHA256 == "" {
			m.SHA256 = s.sum(m)
		}
		known, err := s.record.Contents(ctx, []string{m.Path})
		if err != nil {
			return err
		}
		if c, ok := known[m.Path]; ok && c.Size == m.Size && c.SHA256 == m.SHA256 {
			return nil
		}
		if err := s.members.put(ctx, nil, []member{m}); err != nil {
			return err
		}
	}
}

// sum is the SHA-256 of a member's content; one that cannot be read has none.
func (s *Sink) sum(m member) string {
	r, err := s.form.open(s.out.file, m)
	if err != nil {
		return ""
	}
	h := sha256.New()
	if _, err = copyTo(h, r, m.Size); errors.Join(err, r.Close()) != nil {
		return ""
	}
	return sumOf(h)
}

// reopen lets the package be added to: it gives up its name, and what it ends with.
func (s *Sink) reopen() error {
	if s.out != nil {
		return nil
	}
	partial := s.name + partialExt
	if s.whole {
		if err := s.folder.Rename(s.name, partial); err != nil {
			return err
		}
		s.whole = false
	}
	f, err := s.folder.OpenFile(partial, os.O_RDWR|os.O_CREATE, 0o666)
	if err != nil {
		return err
	}
	s.out = &out{file: f, at: s.end}
	if err := s.folder.SyncDir("."); err != nil {
		return err
	}
	return f.Truncate(s.end)
}
