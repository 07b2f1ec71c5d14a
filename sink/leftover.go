package sink

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path"
	"strings"
	"time"

	"civitar/internal/durable"
)

// AsideDir is the folder inside an archive where repair puts what it takes out of the way.
const AsideDir = StateDir + "/aside"

// Leftover is an unfinished download. Key is that of Begin, empty where nothing vouches
// for the bytes, and of those that are encrypted: such ones are never gone on with. Size is
// in bytes.
type Leftover struct {
	Path string // relative to the archive
	Key  string
	Size int64
	Time time.Time // of its last change
}

// Stale tells that no run goes on with it.
func (l Leftover) Stale(now time.Time) bool { return l.Key == "" || now.Sub(l.Time) >= staleAfter }

// Leftovers looks at the unfinished downloads of the archive in root, and changes nothing.
// Files among them that this package did not make are left out.
func Leftovers(root *os.Root, use func(Leftover) error) error {
	folder, err := root.Open(partialDir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer folder.Close()
	for {
		names, err := folder.Readdirnames(256)
		for _, name := range names {
			if !partialFile.MatchString(name) {
				continue
			}
			if err := lookAt(root, name, use); err != nil {
				return err
			}
		}
		if len(names) == 0 || err != nil {
			return nil
		}
	}
}

func lookAt(root *os.Root, name string, use func(Leftover) error) error {
	l := Leftover{Path: path.Join(partialDir, name)}
	info, err := root.Lstat(l.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // a run has just ended it
	}
	if err != nil {
		return err
	}
	l.Size, l.Time = info.Size(), durable.Changed(root, l.Path, info)
	switch {
	case strings.HasSuffix(name, durable.NewExt):
	case strings.HasSuffix(name, noteExt):
		if _, err := root.Lstat(strings.TrimSuffix(l.Path, noteExt)); err == nil {
			return nil // told with its bytes
		}
	default:
		var n note
		data, err := root.ReadFile(l.Path + noteExt)
		if err == nil && json.Unmarshal(data, &n) == nil && n.Synced <= l.Size && partialName(n.Key) == name {
			l.Key = n.Key
		}
	}
	return use(l)
}

// IsPartial tells whether the path, relative to the archive, is one of Leftovers.
func IsPartial(name string) bool {
	dir, file := path.Split(name)
	return dir == partialDir+"/" && partialFile.MatchString(file)
}
