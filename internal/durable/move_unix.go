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
