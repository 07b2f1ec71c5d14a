package sink

import (
	"path/filepath"
)

// Taken is a finished file that is to rest elsewhere: Name is its path on this machine. It is
// whole and closed, and not synced.
type Taken struct {
	Name string
	file *partial
}

// Take closes a finished file so that it can be copied to where it is to rest. Its bytes stay
// until Remove.
func (d *Dir) Take(f File) (Taken, error) {
	p := staged(f.Writer)
	if p == nil || p.dir != d {
		return Taken{}, notFinished(f)
	}
	if err := p.end(f.Time); err != nil {
		return Taken{}, err
	}
	return Taken{filepath.Join(d.path, filepath.FromSlash(partialDir), p.name), p}, nil
}

// Remove removes the file, when it rests elsewhere.
func (t Taken) Remove() error { return t.file.Discard() }
