package main

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// spots is how many files of a run are compared with the corpus by their hash.
const spots = 8

// check makes sure that a run has left every blob of its workload as one file, under a name
// that ends with the blob's, so that a quick failure is no victory. Other files are the
// tool's own affair.
func check(w *workload, dest string) error {
	found, bytes, err := results(w, dest)
	if err != nil {
		return err
	}
	if len(found) != w.count || bytes != w.bytes() {
		return fmt.Errorf("%d of %d files, %d of %d bytes", len(found), w.count, bytes, w.bytes())
	}
	for i := range min(spots, w.count) {
		id := w.blobs[i*w.count/spots%w.count]
		got, err := sum(found[id])
		if err != nil {
			return err
		}
		want, err := sum(filepath.Join(w.dir, id))
		if err != nil {
			return err
		}
		if got != want {
			return fmt.Errorf("the file of blob %s is another one", id)
		}
	}
	return nil
}

// results finds the files of a workload's blobs, and their size together.
func results(w *workload, dest string) (found map[string]string, bytes int64, err error) {
	wanted := make(map[string]bool, w.count)
	for _, id := range w.blobs {
		wanted[id] = true
	}
	length := len(w.blobs[0])
	found = make(map[string]string, w.count)
	err = filepath.WalkDir(dest, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() || len(d.Name()) < length {
			return err
		}
		id := d.Name()[len(d.Name())-length:]
		if !wanted[id] {
			return nil
		}
		if found[id] != "" {
			return fmt.Errorf("two files of blob %s", id)
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		found[id] = path
		bytes += info.Size()
		return nil
	})
	return found, bytes, err
}

// emptyFrom is the size from which files give back their room when they are no longer needed.
const emptyFrom = 64 << 10

// giveBack makes room for the next round by emptying large files, and leaves them and the
// small ones in place: for minutes after many files were deleted, ext4 without a journal is
// several times slower to create others.
func giveBack(dir string) error {
	return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		info, err := d.Info()
		if err != nil || info.Size() < emptyFrom {
			return err
		}
		return os.Truncate(path, 0)
	})
}
