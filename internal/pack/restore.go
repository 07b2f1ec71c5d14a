package pack

import (
	"context"
	"errors"
	"io"
	"os"
	"path"
	"path/filepath"
	"regexp"

	"civitar/internal/database"
	"civitar/internal/durable"
	"civitar/manifest"
	"civitar/sink"
)

// Exists tells whether an archive is at a place: a record, or a package without one.
func (p Place) Exists() bool { return manifest.Exists(p.Dir()) || p.alone() }

// alone tells that there is a package and no record of it beside it.
func (p Place) alone() bool {
	if _, err := os.Lstat(string(p)); err != nil {
		return false
	}
	return !manifest.Exists(p.Dir())
}

// Ready makes sure of the record beside a package that is to be added to: where there is a
// package only, the record is made from what that holds. A package that is not whole holds none.
func (p Place) Ready(ctx context.Context, hook durable.Hook) error {
	if manifest.Exists(p.Dir()) {
		return nil
	}
	if _, err := os.Lstat(p.Partial()); err == nil {
		return refuse(nil, "%s is there, and its record %s is not, without which nothing tells what it holds: bring the record back, or move the file away to begin anew", p.Partial(), p.Dir())
	}
	if !p.alone() {
		return nil
	}
	temp, err := os.MkdirTemp(filepath.Dir(p.Dir()), filepath.Base(p.Dir())+durable.NewExt+"-") // another run may be at it, too
	if err != nil {
		return err
	}
	err = p.restoreFrom(ctx, temp, hook)
	return errors.Join(err, os.RemoveAll(temp))
}

// restoreFrom makes the record in a folder, and then moves it to where it belongs.
func (p Place) restoreFrom(ctx context.Context, temp string, hook durable.Hook) error {
	const made = "record" // its folder has the rights that others have, the temporary one has not
	if err := p.Restore(ctx, filepath.Join(temp, made)); err != nil {
		return err
	}
	folder, err := durable.Open(filepath.Dir(p.Dir()), hook)
	if err != nil {
		return err
	}
	if err = folder.Rename(path.Join(filepath.Base(temp), made), filepath.Base(p.Dir())); err == nil {
		err = folder.SyncDir(".")
	} else if manifest.Exists(p.Dir()) {
		err = nil // another run has made it
	}
	return errors.Join(err, folder.Close())
}

// recordFile matches what a package holds of its record.
var recordFile = regexp.MustCompile(`^\.civitar/(manifest\.json|journal/[0-9]{6,9}\.jsonl)$`)

// Restore makes the record of a whole package in a folder, from what the package holds of it.
// Errors: [*Error] where it holds none, [*DamageError], and those of package os.
func (p Place) Restore(ctx context.Context, dir string) (err error) {
	if err := os.MkdirAll(filepath.Join(dir, sink.StateDir, "journal"), 0o777); err != nil {
		return err
	}
	into, err := durable.Open(dir, nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, into.Close()) }()
	f, err := os.Open(string(p))
	if err != nil {
		return err
	}
	defer f.Close()
	is, err := markOf(f)
	if err != nil {
		return err
	}
	x, _, err := openMembers(ctx, filepath.Join(dir, sink.StateDir, membersName), database.Durable)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, x.close()) }()
	form, found := formOf(string(p)), false
	_, err = x.read(ctx, form, f, is.size, nil, results(func(m member) error {
		if !recordFile.MatchString(m.Path) {
			return nil
		}
		found = found || path.Ext(m.Path) == ".jsonl"
		return extract(into, form, f, m)
	}))
	switch {
	case err != nil:
		return refuse(err, "%s cannot be read as an archive (%v): give another name, or bring it and its record %s back from a backup", p, err, p.Dir())
	case !found:
		return refuse(nil, "%s holds no record of an archive, so civitar archive has not made it, or not to its end: give another name", p)
	}
	if err := x.setWhole(ctx, is); err != nil {
		return err
	}
	return errors.Join(into.SyncDir(path.Join(sink.StateDir, "journal")), into.SyncDir(sink.StateDir), into.SyncDir("."))
}

// results picks the members that are the archive's files, and tells own of the others, which
// must come last.
func results(own func(member) error) func(member) (bool, error) {
	last := false
	return func(m member) (bool, error) {
		if m.own() {
			last = true
			if own == nil {
				return false, nil
			}
			return false, own(m)
		}
		if last {
			return false, damaged(m.At, "%s was added by another program", m.Path)
		}
		return true, nil
	}
}

func extract(into *durable.Folder, form form, from io.ReaderAt, m member) error {
	r, err := form.open(from, m)
	if err != nil {
		return err
	}
	defer r.Close()
	to, err := into.OpenFile(m.Path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return err
	}
	_, err = io.Copy(to, r)
	if err == nil {
		err = to.Sync()
	}
	return errors.Join(err, to.Close())
}

// readGroup is how many members come into a transaction.
const readGroup = 1000

// read takes in the members of a package that keep picks, and tells where they end. known is
// walk's.
func (x *members) read(ctx context.Context, f form, r io.ReaderAt, size int64, known func(int64) (int64, bool), keep func(member) (bool, error)) (end int64, err error) {
	var group []member
	end, damage := walk(f, r, 0, size, known, func(m member) error {
		kept, err := keep(m)
		if err != nil || !kept {
			return err
		}
		if group = append(group, m); len(group) < readGroup {
			return ctx.Err()
		}
		defer func() { group = group[:0] }()
		return x.put(ctx, group, nil)
	})
	if damage != nil && !errors.As(damage, new(*DamageError)) {
		return end, damage
	}
	return end, errors.Join(x.put(ctx, group, nil), damage)
}
