package export

import (
	"context"
	"errors"
	"io"
	"os"
	"path"

	"civitar/internal/durable"
)

// folderPack writes files below a folder: a bag that is not serialized. It is its own draft.
type folderPack struct {
	in      *Folder
	name    string
	replace bool // what has the name
	root    *durable.Folder
	made    map[string]struct{} // folders
}

// folder begins a folder, in the place of another if that is to be replaced.
func (f *Folder) folder(name string, replace bool) (*folderPack, error) {
	partial := name + partialExt
	if err := f.root.RemoveAll(partial); err != nil {
		return nil, err
	}
	if err := f.root.Mkdir(partial, 0o777); err != nil {
		return nil, err
	}
	root, err := f.root.Folder(partial)
	if err != nil {
		return nil, err
	}
	return &folderPack{f, name, replace, root, map[string]struct{}{".": {}}}, nil
}

// Write is not what a folder is for.
func (p *folderPack) Write([]byte) (int, error) { return 0, errors.ErrUnsupported }

// Finish has been done by close.
func (p *folderPack) Finish() error { return nil }

// Name implements [Draft]. Nothing can be renamed over a folder.
func (p *folderPack) Name(context.Context) error {
	if p.replace {
		if err := p.in.root.RemoveAll(p.name); err != nil {
			return err
		}
	}
	return p.in.root.Rename(p.name+partialExt, p.name)
}

// Discard implements [Draft].
func (p *folderPack) Discard() error {
	_ = p.root.Close() // it may be closed
	return p.in.root.RemoveAll(p.name + partialExt)
}

func (p *folderPack) add(f File, r io.Reader) error {
	if err := p.root.MkdirAll(path.Dir(f.Path), 0o777); err != nil {
		return err
	}
	for dir := path.Dir(f.Path); dir != "."; dir = path.Dir(dir) {
		p.made[dir] = struct{}{}
	}
	w, err := p.root.OpenFile(f.Path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return err
	}
	_, err = io.Copy(w, r)
	if err == nil && !f.Created.IsZero() {
		err = w.SetTime(TimeOf(f.Created))
	}
	if err == nil {
		err = w.Sync()
	}
	return errors.Join(err, w.Close())
}

func (p *folderPack) room(f File) int64 { return f.Size }

func (p *folderPack) close() error {
	var err error
	for dir := range p.made {
		err = errors.Join(err, p.root.SyncDir(dir))
	}
	return errors.Join(err, p.root.Close())
}
