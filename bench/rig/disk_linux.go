package rig

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// Sync makes durable what was written to the file system that holds dir, as sync -f does
// (syncfs(2)): other file systems of the machine have no part in what is measured.
func Sync(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(unix.Syncfs(int(f.Fd())), f.Close())
}

// Forget takes the files below dir, which should be durable, out of the page cache
// (posix_fadvise(2)), so that whoever writes next has the memory that they were in. Memory
// that a virtual machine has not used before can take ten times the CPU time to write to.
func Forget(dir string) error {
	return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		return errors.Join(unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED), f.Close())
	})
}
