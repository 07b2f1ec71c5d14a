package rig

import (
	"errors"
	"os"

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
