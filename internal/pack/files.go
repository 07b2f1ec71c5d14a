package pack

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"sync"
	"time"

	"civitar/internal/database"
	"civitar/internal/verify"
	"civitar/sink"
)

// Files are the members of a package as a verification or an export looks at them, beside a
// run or without one. They are found by a walk through the package itself, when they are
// first asked for.
func (p Place) Files(dir string) (verify.Files, error) {
	root, err := os.OpenRoot(dir)
	return &files{place: p, root: root, form: formOf(string(p))}, err
}

type files struct {
	place Place
	root  *os.Root // of the folder of the record
	form  form

	mu      sync.Mutex // of what follows
	found   bool
	file    *os.File // nil: there is none
	info    os.FileInfo
	partial bool
	temp    string
	members *members
	end     int64 // of the members
	limit   int64 // up to where the record's members.db spoke of them, -1 for nowhere
	damage  error
}

func (f *files) Close() error {
	errs := []error{f.root.Close()}
	if f.file != nil {
		errs = append(errs, f.file.Close())
	}
	if f.members != nil {
		errs = append(errs, f.members.close())
	}
	if f.temp != "" {
		errs = append(errs, os.RemoveAll(f.temp))
	}
	return errors.Join(errs...)
}

// find walks through the package, once.
func (f *files) find(ctx context.Context) (err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.found {
		return nil
	}
	known, limit, done := f.known(ctx)
	defer done()
	if err := f.open(); err != nil {
		return err
	}
	if f.temp, err = os.MkdirTemp("", "civitar-members-"); err != nil {
		return err
	}
	if f.members, _, err = openMembers(ctx, filepath.Join(f.temp, membersName), database.Write); err != nil {
		return err
	}
	f.found, f.limit = true, limit
	if f.file != nil {
		f.end, err = f.members.read(ctx, f.form, f.file, f.info.Size(), known, func(member) (bool, error) { return true, nil })
		if err != nil && !errors.As(err, new(*DamageError)) {
			return err
		}
		f.damage = err
	}
	return nil
}

// open opens the package, which a run may just be giving its other name.
func (f *files) open() error {
	for _, name := range []string{string(f.place), f.place.Partial(), string(f.place)} {
		file, err := os.Open(name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		f.file, f.partial = file, name != string(f.place)
		f.info, err = file.Stat()
		return err
	}
	return nil
}

// known tells, by what the record's members.db says now, where members begin behind an offset,
// and up to where all that it speaks of ends; -1 where it cannot be read. It must be asked before
// the package is looked at, which grows.
func (f *files) known(ctx context.Context) (known func(int64) (int64, bool), limit int64, done func()) {
	name := filepath.Join(f.root.Name(), sink.StateDir, membersName)
	nothing := func() {}
	if _, err := os.Stat(name); err != nil {
		return nil, -1, nothing
	}
	db, err := database.Open(ctx, name, database.Read)
	if err != nil {
		return nil, -1, nothing
	}
	x := &members{db}
	done = func() { _ = x.close() } // it was only read
	if limit, err = x.end(ctx); err != nil {
		return nil, -1, done
	}
	return func(at int64) (int64, bool) {
		m, ok, err := x.after(ctx, at)
		return m.At, ok && err == nil && m.end() <= limit
	}, limit, done
}

func (f *files) of(ctx context.Context, name string) (member, error) {
	if err := f.find(ctx); err != nil {
		return member{}, err
	}
	m, ok, err := f.members.of(ctx, name)
	if err == nil && !ok {
		err = &fs.PathError{Op: "find", Path: name, Err: fs.ErrNotExist}
	}
	return m, err
}

func (f *files) Stat(ctx context.Context, name string) (verify.Info, error) {
	m, err := f.of(ctx, name)
	if err != nil {
		return verify.Info{}, err
	}
	changed := f.info.ModTime()
	if !f.partial && f.changing() {
		changed = time.Now()
	}
	return verify.Info{Size: m.Size, Regular: true, Modified: m.Modified, Changed: changed}, nil
}

func (f *files) Open(ctx context.Context, name string) (io.ReadCloser, error) {
	m, err := f.of(ctx, name)
	if err != nil {
		return nil, err
	}
	if m.own() {
		return f.openOwn(m)
	}
	return f.form.open(f.file, m)
}

// openOwn opens what a run writes over as soon as it adds something.
func (f *files) openOwn(m member) (io.ReadCloser, error) {
	r, err := f.form.open(f.file, m)
	var data []byte
	if err == nil {
		data, err = io.ReadAll(r)
		err = errors.Join(err, r.Close())
	}
	if f.changing() {
		return nil, &fs.PathError{Op: "read", Path: m.Path, Err: fs.ErrNotExist}
	}
	return io.NopCloser(bytes.NewReader(data)), err
}

func (f *files) Retired(context.Context) ([]string, error) { return sink.Retired(f.root) }

// Each hands on every member, and tells of what is wrong with the package as a whole. What
// stands behind the members of one that is not whole is left to the next run.
func (f *files) Each(ctx context.Context, use func(name string) error, unreadable func(folder string, err error)) error {
	if err := f.find(ctx); err != nil || f.file == nil {
		return err
	}
	for m, err := range f.members.all(ctx) {
		if err == nil {
			err = use(m.Path)
		}
		if err == nil && m.own() {
			f.checkRecord(m, unreadable)
		}
		if err != nil {
			return err
		}
	}
	if f.damage != nil && !f.behind(f.damage) {
		unreadable(path.Base(filepath.ToSlash(string(f.place))), f.damage)
	}
	if f.damage == nil && !f.changing() {
		if err := f.checkEnd(ctx); err != nil {
			unreadable(path.Base(filepath.ToSlash(string(f.place))), err)
		}
	}
	return nil
}

// changing tells that the package is not whole, or a run has begun to add to it.
func (f *files) changing() bool {
	now, err := os.Stat(string(f.place))
	return f.partial || err != nil || !os.SameFile(now, f.info) || now.Size() != f.info.Size()
}

// behind tells damage that lies behind all that the record vouches for, as a run leaves it that
// is at work or was cut off.
func (f *files) behind(damage error) bool {
	var at *DamageError
	return f.changing() && (f.limit < 0 || errors.As(damage, &at) && at.At >= f.limit)
}

// checkRecord compares the package's copy of the record with the record, which may have grown.
func (f *files) checkRecord(m member, unreadable func(string, error)) {
	if path.Ext(m.Path) != ".jsonl" {
		return
	}
	err := func() error {
		here, err := f.form.open(f.file, m)
		if err != nil {
			return err
		}
		defer here.Close()
		there, err := f.root.Open(m.Path)
		if err != nil {
			return err
		}
		defer there.Close()
		if same, err := begins(there, here); err != nil || !same {
			return errors.Join(err, errors.New("the copy in the package is not what the record says"))
		}
		return nil
	}()
	if err != nil && !f.changing() {
		unreadable(m.Path, err)
	}
}

// begins tells whether what there holds begins with what here holds.
func begins(there, here io.Reader) (bool, error) {
	a, b := bufio.NewReaderSize(there, bufferSize), bufio.NewReaderSize(here, bufferSize)
	one, two := make([]byte, 4<<10), make([]byte, 4<<10)
	for {
		n, err := io.ReadFull(b, two)
		if _, aerr := io.ReadFull(a, one[:n]); aerr != nil && n > 0 {
			return false, nil
		}
		if !bytes.Equal(one[:n], two[:n]) {
			return false, nil
		}
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return true, nil
		}
		if err != nil {
			return false, err
		}
	}
}

// checkEnd compares what follows the members with what belongs there.
func (f *files) checkEnd(ctx context.Context) error {
	c := &comparer{r: bufio.NewReaderSize(io.NewSectionReader(f.file, f.end, f.info.Size()-f.end), bufferSize)}
	if err := f.form.finish(c, f.end, f.members.all(ctx)); err != nil {
		return err
	}
	if _, err := c.r.ReadByte(); err == nil {
		return fmt.Errorf("%w: there is more", errEnding)
	}
	return nil
}

// errEnding says that a package does not end as it should.
var errEnding = errors.New("what ends the package is not what belongs there")

// comparer takes in what is to be there.
type comparer struct{ r *bufio.Reader }

func (c *comparer) Write(p []byte) (int, error) {
	have := make([]byte, len(p))
	if _, err := io.ReadFull(c.r, have); err != nil || !bytes.Equal(have, p) {
		return 0, errEnding
	}
	return len(p), nil
}
