package sink

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
)

// Remove removes files that were committed, and the folders that it leaves empty, those at
// the top excepted. What is not there is fine, so that a removal that was cut off can be
// done again; what is no regular file was not committed, and gives an error. When Remove
// returns nil, no power cut brings a file back; when it returns an error, some are gone.
func (d *Dir) Remove(names ...string) error {
	d.tree.Lock()
	defer d.tree.Unlock()
	folders := map[string]struct{}{}
	for _, name := range names {
		if err := d.removeFile(name); err != nil {
			return err
		}
		folders[path.Dir(name)] = struct{}{}
	}
	left := map[string]struct{}{}
	for _, folder := range slices.Sorted(maps.Keys(folders)) {
		left[d.prune(folder)] = struct{}{}
	}
	for folder := range left { // one may have gone after it was left for the sake of another
		if _, err := d.root.Lstat(folder); errors.Is(err, fs.ErrNotExist) {
			delete(left, folder)
		}
	}
	return d.syncEach(left)
}

func (d *Dir) removeFile(name string) error {
	_, err := d.regular(name)
	if err == nil {
		err = d.root.Remove(name)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// regular describes a file that Commit can have made: a regular one, and none of the
// sink's own.
func (d *Dir) regular(name string) (fs.FileInfo, error) {
	if err := checkName(name); err != nil {
		return nil, err
	}
	info, err := d.root.Lstat(name)
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is no regular file", path.Join(d.path, name))
	}
	return info, err
}

// checkName refuses what is no path of a result on each of the systems.
func checkName(name string) error {
	top, _, _ := strings.Cut(name, "/")
	if !fs.ValidPath(name) || name == "." || strings.Contains(name, `\`) || Fold(top) == StateDir {
		return fmt.Errorf("%q is no path of a result", name)
	}
	return nil
}

// prune removes a folder and its parents as long as they are empty, and tells which it
// has left. A folder that cannot be removed does no harm.
func (d *Dir) prune(folder string) string {
	for strings.Contains(folder, "/") && d.removeEmpty(folder) {
		folder = path.Dir(folder)
	}
	return folder
}

func (d *Dir) removeEmpty(folder string) bool {
	info, err := d.root.Lstat(folder)
	if errors.Is(err, fs.ErrNotExist) {
		return true
	}
	if err != nil || !info.IsDir() || d.root.Remove(folder) != nil {
		return false
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	clear(d.made) // where case is ignored, it may be known by other names, too
	return true
}
