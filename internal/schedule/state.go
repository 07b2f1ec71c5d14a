package schedule

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"sync"
	"time"

	"civitar/internal/durable"
)

// Folder keeps the state of jobs in a folder's file, which is made when it is needed.
type Folder struct {
	dir string
	mu  sync.Mutex
}

// InFolder is the state in the folder dir.
func InFolder(dir string) *Folder { return &Folder{dir: dir} }

const stateFile = "schedule.json"

// Last is when a job was last due and run.
func (f *Folder) Last(job string) (time.Time, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	all, err := f.read()
	return all[job], err
}

// Note writes down that a job was due and run.
func (f *Folder) Note(job string, due time.Time) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	all, err := f.read()
	if err != nil {
		return err
	}
	all[job] = due.UTC()
	data, err := json.MarshalIndent(all, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(f.dir, 0o777); err != nil {
		return err
	}
	dir, err := durable.Open(f.dir, nil)
	if err != nil {
		return err
	}
	return errors.Join(dir.Replace(stateFile, append(data, '\n'), 0o666), dir.Close())
}

func (f *Folder) read() (map[string]time.Time, error) {
	all := map[string]time.Time{}
	root, err := os.OpenRoot(f.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return all, nil
	}
	if err != nil {
		return all, err
	}
	defer root.Close()
	data, err := root.ReadFile(stateFile)
	if errors.Is(err, fs.ErrNotExist) {
		return all, nil
	}
	if err == nil && json.Unmarshal(data, &all) != nil {
		return map[string]time.Time{}, nil // damaged: nothing is caught up
	}
	return all, err
}
