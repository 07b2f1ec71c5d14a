package sink

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"strings"
)

// retiredFile names the files that the record is letting go of.
const retiredFile = StateDir + "/retired.json"

// Retire notes, durably, files that the record is about to let go of, or may not come to
// speak of. Release removes those that it does not speak of then; after a crash in
// between, the next Release does.
func (d *Dir) Retire(paths []string) error {
	if len(paths) == 0 {
		return nil
	}
	noted, err := Retired(d.root.Root)
	if err != nil {
		return err
	}
	data, err := json.Marshal(append(noted, paths...))
	if err != nil {
		return err
	}
	return spaceOr(d.root.Replace(retiredFile, append(data, '\n'), 0o666))
}

// Retired are the files that were noted by Retire and not yet released, in the archive at
// root.
func Retired(root *os.Root) ([]string, error) {
	data, err := root.ReadFile(retiredFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var paths []string
	if json.Unmarshal(data, &paths) != nil {
		return nil, nil // damaged: what it was to remove is now a file that nothing speaks of
	}
	return paths, nil
}

// Release removes the files noted by Retire, but for those that recorded says the record
// speaks of, and folders that are empty then.
func (d *Dir) Release(ctx context.Context, recorded func(context.Context, []string) (map[string]bool, error)) error {
	paths, err := Retired(d.root.Root)
	if err != nil || paths == nil {
		return err
	}
	stay, err := recorded(ctx, paths)
	if err != nil {
		return err
	}
	folded := map[string]bool{} // where case does not count, these names are the others' too
	for p := range stay {
		folded[Fold(p)] = folded[Fold(p)] || stay[p]
	}
	var gone []string
	for _, p := range paths {
		if !folded[Fold(p)] && !strings.HasPrefix(p, StateDir+"/") {
			gone = append(gone, p)
		}
	}
	if err := d.Remove(gone...); err != nil {
		return err
	}
	return d.root.Remove(retiredFile)
}
