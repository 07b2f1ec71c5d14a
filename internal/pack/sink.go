package pack

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"time"

	"civitar/internal/durable"
	"civitar/manifest"
	"civitar/sink"
)

// Sink lets bytes come to rest in a package. They are staged in the folder of the record,
// where interrupted transfers go on as they do in an archive on disk; a group of finished
// files is then appended, and gone from the folder. Its methods but for those of the stage are
// for one goroutine at a time.
type Sink struct {
	place   Place
	stage   *sink.Dir
	record  Record
	form    form
	members *members
	hook    durable.Hook
	folder  *durable.Folder // in which the package stands
	name    string          // in there

	whole bool // a whole package has its name
	out   *out // nil while nothing is being added
	end   int64
	stale []member // superseded by others that the journal speaks of when the next group comes
	fault error    // what broke the last step: what would follow could not be trusted
}

// Record is what is asked of the archive's record, and told to it. [*manifest.Manifest] is one.
type Record interface {
	Contents(ctx context.Context, paths []string) (map[string]manifest.Content, error)
	Workflows(ctx context.Context, after string, n int) ([]string, error)
	Known(ctx context.Context, ids []string) (map[string]*manifest.Known, error)
	Append(context.Context, []manifest.Line) error
}

var _ Record = (*manifest.Manifest)(nil)

// batch is how many files a Commit takes best: it syncs one file, however many there are.
const batch = 256

// placed is the step by which members.db takes in where members are.
const placed durable.Op = "members"

// Begin, BeginSealed, Discard, Retire and Sweep are those of [sink.Dir].
func (s *Sink) Begin(key string) (sink.Writer, error) { return s.stage.Begin(key) }

// BeginSealed begins a file that is encrypted before it touches a disk.
func (s *Sink) BeginSealed(key string) (sink.Writer, error) { return s.stage.BeginSealed(key) }

// Discard removes what an earlier run left of key.
func (s *Sink) Discard(key string) error { return s.stage.Discard(key) }

// Retire notes files that the record is about to let go of.
func (s *Sink) Retire(paths []string) error { return s.stage.Retire(paths) }

// Sweep removes what is left of downloads that no run goes on with.
func (s *Sink) Sweep(now time.Time) error { return s.stage.Sweep(now) }

// Batch is how many files a Commit takes best.
func (s *Sink) Batch() int { return batch }

// Close releases package, stage and members. A package that is not whole stays
// NAME.partial.
func (s *Sink) Close() error {
	var errs []error
	if s.out != nil {
		errs = append(errs, s.out.file.Close())
	}
	if s.members != nil {
		errs = append(errs, s.members.close())
	}
	return errors.Join(append(errs, s.folder.Close(), s.stage.Close())...)
}

// Commit appends files to the package, durably. When it returns an error, none of them is in
// it for all that the next Open is concerned, and nothing can be added before that.
func (s *Sink) Commit(ctx context.Context, files []sink.File) error {
	if len(files) == 0 {
		return nil
	}
	var need int64
	for _, f := range files {
		size, _ := f.Writer.Stored()
		need += size
	}
	if err := s.stage.Room(need); err != nil { // before any file is taken from those that could go on
		return err
	}
	return s.step(func() error { return s.append(ctx, files) })
}

// step opens the package to be added to and does something to it, which after a fault nothing
// more can be.
func (s *Sink) step(do func() error) error {
	if s.fault != nil {
		return fmt.Errorf("an earlier write failed: %w", s.fault)
	}
	err := s.reopen()
	if err == nil {
		err = do()
	}
	if sink.Full(err) {
		err = fmt.Errorf("%w: %w", sink.ErrNoSpace, err)
	}
	if s.fault = err; err != nil && s.out != nil {
		_ = s.out.file.Truncate(s.end) // the record may need the room; the next Open does it in any case
	}
	return err
}

func (s *Sink) append(ctx context.Context, files []sink.File) error {
	blanked, err := s.blank(s.stale)
	if err != nil {
		return err
	}
	paths := make([]string, len(files))
	for i, f := range files {
		paths[i] = f.Path
	}
	stale, err := s.members.ofAll(ctx, paths)
	if err != nil {
		return err
	}
	var added []member
	var taken []sink.Taken
	for _, f := range files {
		if err := ctx.Err(); err != nil {
			return err
		}
		t, err := s.stage.Take(f)
		if err != nil {
			return err
		}
		m, err := s.add(f, t.Name)
		if err != nil {
			return err
		}
		added, taken = append(added, m), append(taken, t)
	}
	if err := s.settle(ctx, added, blanked); err != nil {
		return err
	}
	s.stale = stale
	var errs []error
	for _, t := range taken {
		errs = append(errs, t.Remove())
	}
	return errors.Join(errs...)
}

// settle makes what was written durable, and notes where it is.
func (s *Sink) settle(ctx context.Context, added, dropped []member) error {
	err := s.out.flush()
	if err == nil {
		err = s.out.file.Sync()
	}
	if err == nil && s.hook != nil {
		err = s.hook(placed, membersName)
	}
	if err == nil {
		err = s.members.put(ctx, added, dropped)
	}
	if err == nil {
		s.end = s.out.at
	}
	return err
}

// add appends the file of a name on this machine, which must be what its writer has seen.
func (s *Sink) add(f sink.File, name string) (member, error) {
	size, sum := f.Writer.Stored()
	from, err := os.Open(name)
	if err != nil {
		return member{}, err
	}
	defer from.Close()
	h := sha256.New()
	m, err := s.form.add(s.out, content{f.Path, size, timeOr(f.Time)}, io.TeeReader(from, h))
	if err == nil && sumOf(h) != sum {
		err = fmt.Errorf("%s: what was read back from %s is not what was written", f.Path, name)
	}
	m.SHA256 = sum
	return m, err
}

func sumOf(h hash.Hash) string { return hex.EncodeToString(h.Sum(nil)) }

// timeOr is a time, or now.
func timeOr(t time.Time) time.Time {
	if t.IsZero() {
		return time.Now()
	}
	return t
}

// blank makes blanks of members. They are to be dropped when that is durable.
func (s *Sink) blank(all []member) ([]member, error) {
	for _, m := range all {
		at := &out{file: s.out.file, at: m.At}
		if err := s.form.blank(at, m); err != nil {
			return nil, err
		}
		if err := at.flush(); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// Release makes blanks of the files noted by Retire, but for those that recorded says the
// record speaks of.
func (s *Sink) Release(ctx context.Context, recorded func(context.Context, []string) (map[string]bool, error)) error {
	return s.stage.Release(ctx, func(ctx context.Context, paths []string) (map[string]bool, error) {
		stay, err := recorded(ctx, paths)
		if err != nil {
			return nil, err
		}
		var gone []member
		for _, path := range paths {
			m, ok, err := s.members.of(ctx, path)
			if err != nil {
				return nil, err
			}
			if ok && !stay[path] {
				gone = append(gone, m)
			}
		}
		if len(gone) == 0 {
			return stay, nil
		}
		return stay, s.step(func() error {
			blanked, err := s.blank(gone)
			if err != nil {
				return err
			}
			return s.settle(ctx, nil, blanked)
		})
	})
}
