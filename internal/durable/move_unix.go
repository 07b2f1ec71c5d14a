//go:build unix

package durable

import (
	"os"

	"golang.org/x/sys/unix"
)

// renameAt renames between folders that are open: no path is looked up.
func renameAt(from *os.File, name string, to *os.File, as string) error {
	for {
		err := unix.Renameat(int(from.Fd()), name, int(to.Fd()), as)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return &os.LinkError{Op: "rename", Old: name, New: as, Err: err}
		}
		return nil
	}
}

// createAt opens a file in a folder that is open: no path is looked up, and no link followed.
func createAt(dir *os.File, name string, perm os.FileMode) (*os.File, error) {
	for {
		fd, err := unix.Openat(int(dir.Fd()), name, unix.O_RDWR|unix.O_CREAT|unix.O_TRUNC|unix.O_NOFOLLOW|unix.O_CLOEXEC, uint32(perm.Perm()))
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return nil, &os.PathError{Op: "open", Path: name, Err: err}
		}
		return os.NewFile(uintptr(fd), name), nil
	}
}
