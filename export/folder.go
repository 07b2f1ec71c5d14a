package export

import (
	"errors"
	"io"
	"os"
	"path"

	"civitar/internal/durable"
)

// folderPack writes files below a folder: a bag that is not serialized.
type folderPack struct {
	root *durable.Folder
	made map[string]struct{} // folders
}

func newFolder(dir string) (*folderPack, error) {
	if err := os.Mkdir(dir, 0o777); err != nil {
		return nil, err
	}
	root, err := durable.Open(dir, nil)
	if err != nil {
		return nil, err
	}
	return &folderPack{root, map[string]struct{}{".": {}}}, nil
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
