//go:build !linux

package rig

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// Sync makes durable what is below dir. Only Linux has a call for a whole file system that
// returns when the bytes are on the disk.
func Sync(dir string) error {
	return filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		return errors.Join(f.Sync(), f.Close())
	})
}

// Forget does nothing: only Linux is told what not to keep in its page cache.
func Forget(string) error { return nil }
