package sink

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"

	"civitar/internal/durable"
)

// copyBuffer is how much is copied or compared at a time, in bytes.
const copyBuffer = 256 << 10

// Move is a committed file and the name that it is to have. Both are slash-separated and
// relative to the sink.
type Move struct{ From, To string }

// Move makes files stand durably under new names while they still stand under their old
// ones: when the record knows the new names, Remove takes the old ones away. Where the file
// system has no links, a file is copied. What stands under a new name already is left if
// it is that file or has the same bytes, so that moves that were cut off can be done again;
// anything else there gives an error that wraps [fs.ErrExist]. When Move returns an error,
// some of the files may stand under their new names, each of them whole.
//
// Two names that are the same to a system that ignores case ([Fold]) are refused: there, to
// remove the one would be to remove the other.
func (d *Dir) Move(ctx context.Context, moves []Move) error {
	d.tree.RLock()
	defer d.tree.RUnlock()
	changed := map[string]struct{}{}
	for _, m := range moves {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := d.move(ctx, m, changed); err != nil {
			return err
		}
	}
	return d.syncFolders(changed)
}

func (d *Dir) move(ctx context.Context, m Move, changed map[string]struct{}) error {
	if Fold(m.From) == Fold(m.To) {
		return fmt.Errorf("%s and %s are one name where case is ignored", m.From, m.To)
	}
	info, err := d.regular(m.From)
	if err == nil {
		err = checkName(m.To)
	}
	if err == nil {
		err = d.makeFolder(path.Dir(m.To), changed)
	}
	if err != nil {
		return err
	}
	changed[path.Dir(m.To)] = struct{}{}
	if d.root.Link(m.From, m.To) == nil {
		return nil
	}
	switch there, err := d.root.Lstat(m.To); {
	case err == nil:
		return d.compare(ctx, m, info, there)
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	return spaceOr(d.copyFile(ctx, m, info)) // if it was more than links that the disk lacks, this tells
}

// compare tells whether what stands under the new name will do, and makes it durable: the
// process that has put it there may have been killed before it could.
func (d *Dir) compare(ctx context.Context, m Move, from, to fs.FileInfo) error {
	if os.SameFile(from, to) {
		return nil
	}
	if to.Mode().IsRegular() && from.Size() == to.Size() {
		same, err := d.equal(ctx, m)
		if err != nil {
			return err
		}
		if same {
			return d.syncFile(m.To)
		}
	}
	return fmt.Errorf("%s is in the way of %s: %w", path.Join(d.path, m.To), m.From, fs.ErrExist)
}

func (d *Dir) equal(ctx context.Context, m Move) (bool, error) {
	a, err := d.root.Open(m.From)
	if err != nil {
		return false, err
	}
	defer a.Close()
	b, err := d.root.Open(m.To)
	if err != nil {
		return false, err
	}
	defer b.Close()
	one, two := make([]byte, copyBuffer), make([]byte, copyBuffer)
	for {
		if err := ctx.Err(); err != nil {
			return false, err
		}
		n, aerr := io.ReadFull(a, one)
		k, berr := io.ReadFull(b, two)
		switch {
		case !bytes.Equal(one[:n], two[:k]):
			return false, nil
		case ended(aerr) && ended(berr):
			return true, nil
		case aerr != nil || berr != nil:
			return false, errors.Join(aerr, berr)
		}
	}
}

func ended(err error) bool { return err == io.EOF || err == io.ErrUnexpectedEOF }

func (d *Dir) syncFile(name string) error {
	f, err := d.root.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// copyFile copies a file by way of the partials, where what a crash leaves is removed when
// the folder is next opened.
func (d *Dir) copyFile(ctx context.Context, m Move, info fs.FileInfo) error {
	from, err := d.root.Open(m.From)
	if err != nil {
		return err
	}
	defer from.Close()
	name := partialName(m.To) + durable.NewExt
	to, err := d.partials.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o666)
	if err != nil {
		return err
	}
	_, err = io.CopyBuffer(to, &ctxReader{ctx, from}, make([]byte, copyBuffer))
	if err == nil {
		err = to.SetTime(info.ModTime())
	}
	if err == nil {
		err = to.Sync()
	}
	if cerr := to.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = d.root.Rename(path.Join(partialDir, name), m.To)
	}
	if err != nil {
		err = errors.Join(err, d.removePartial(name))
	}
	return err
}

type ctxReader struct {
	ctx context.Context
	r   io.Reader
}

func (r *ctxReader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.r.Read(p)
}
