package pack

import (
	"context"
	"errors"
	"io/fs"
	"iter"
	"path"
	"time"

	"civitar/internal/durable"
	"civitar/sink"
)

// Finish makes the package whole, and gives it its name: it ends with a copy of the record,
// and what the form ends with. A package to which nothing was added since it was whole stays as
// it is, to the byte.
func (s *Sink) Finish(ctx context.Context) error {
	if s.whole {
		return nil
	}
	return s.step(func() error { return s.finish(ctx) })
}

func (s *Sink) finish(ctx context.Context) error {
	blanked, err := s.blank(s.stale)
	if err == nil && len(blanked) > 0 {
		err = s.settle(ctx, nil, blanked)
	}
	if err != nil {
		return err
	}
	s.stale = nil
	own, err := s.addRecord(ctx)
	if err == nil {
		err = s.form.finish(s.out, s.out.at, also(s.members.all(ctx), own))
	}
	if err == nil {
		err = s.out.flush()
	}
	if err == nil {
		err = s.out.file.Sync()
	}
	if err != nil {
		return err
	}
	return s.giveName(ctx)
}

// addRecord appends the record as it is now.
func (s *Sink) addRecord(ctx context.Context) (own []member, err error) {
	root, err := durable.Open(s.place.Dir(), nil)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	segments, err := fs.ReadDir(root.FS(), path.Join(sink.StateDir, "journal"))
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range segments {
		names = append(names, path.Join(sink.StateDir, "journal", e.Name()))
	}
	for _, name := range append(names, path.Join(sink.StateDir, "manifest.json")) {
		if !recordFile.MatchString(name) {
			continue
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		m, err := s.addFrom(root, name)
		if err != nil {
			return nil, err
		}
		own = append(own, m)
	}
	return own, nil
}

func (s *Sink) addFrom(root *durable.Folder, name string) (member, error) {
	f, err := root.Open(name)
	if err != nil {
		return member{}, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return member{}, err
	}
	return s.form.add(s.out, content{name, info.Size(), time.Now()}, f)
}

// also are members and then some more.
func also(all iter.Seq2[member, error], more []member) iter.Seq2[member, error] {
	return func(yield func(member, error) bool) {
		for m, err := range all {
			if !yield(m, err) {
				return
			}
		}
		for _, m := range more {
			if !yield(m, nil) {
				return
			}
		}
	}
}

func (s *Sink) giveName(ctx context.Context) error {
	f, err := s.folder.Open(s.name + partialExt)
	if err != nil {
		return err
	}
	is, err := markOf(f)
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if taken, err := s.there(s.name); err != nil || taken {
		return errors.Join(err, refuse(nil, "another file has the name %s by now: move it away, and run the same command again", s.place))
	}
	if s.hook != nil {
		if err := s.hook(placed, membersName); err != nil {
			return err
		}
	}
	if err := s.members.setWhole(ctx, is); err != nil {
		return err
	}
	if err := s.out.file.Close(); err != nil { // no system renames it while it is open to write
		return err
	}
	s.out = nil
	if err := s.folder.Rename(s.name+partialExt, s.name); err != nil {
		return err
	}
	s.whole = true
	return s.folder.SyncDir(".")
}
