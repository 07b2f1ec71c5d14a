package sink

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"
	"time"
)

// Aside moves what stands at name out of the way, into a folder of [AsideDir] that the
// time names, and tells where to. Where a parent of name is no folder, that is what is
// moved. Nothing there is no error: to is then empty.
func (d *Dir) Aside(name string, at time.Time) (to string, err error) {
	name, err = d.standing(name)
	if err != nil || name == "" {
		return "", err
	}
	to = path.Join(AsideDir, at.UTC().Format("20060102T150405Z"), name)
	for n := 2; ; n++ {
		if _, err := d.root.Lstat(to); errors.Is(err, fs.ErrNotExist) {
			break
		} else if err != nil {
			return "", err
		}
		to = fmt.Sprintf("%s~%d", strings.TrimSuffix(to, fmt.Sprintf("~%d", n-1)), n)
	}
	d.tree.RLock()
	defer d.tree.RUnlock()
	changed := map[string]struct{}{path.Dir(name): {}, path.Dir(to): {}}
	if err := d.makeFolder(path.Dir(to), changed); err != nil {
		return "", err
	}
	if err := d.root.Rename(name, to); err != nil {
		return "", spaceOr(err)
	}
	return to, d.syncFolders(changed)
}

// standing is name, or the first of its parents that is no folder, or nothing.
func (d *Dir) standing(name string) (string, error) {
	parts := strings.Split(path.Clean(name), "/")
	for i := range parts {
		prefix := path.Join(parts[:i+1]...)
		info, err := d.root.Lstat(prefix)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return "", nil
		case err != nil:
			return "", err
		case i == len(parts)-1 || !info.IsDir():
			return prefix, nil
		}
	}
	return "", nil
}

// RemoveLeftover removes an unfinished download that Leftovers told, and its note.
func (d *Dir) RemoveLeftover(l Leftover) error {
	if !IsPartial(l.Path) {
		return fmt.Errorf("%s: not an unfinished download", l.Path)
	}
	name := path.Base(l.Path)
	d.mu.Lock()
	delete(d.stray, name)
	delete(d.stray, name+noteExt)
	d.mu.Unlock()
	return errors.Join(d.removePartial(name), d.removePartial(name+noteExt))
}
