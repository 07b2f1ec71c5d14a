package durable

import (
	"errors"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// wholeSync makes all that a file system holds durable in one call, nil where that is not
// to be trusted: the file system must be one that stores on its own account, and the
// kernel one that tells of faults (5.8).
func wholeSync(dir *os.File) func() error {
	var st unix.Statfs_t
	if unix.Fstatfs(int(dir.Fd()), &st) != nil || !tellsFaults() {
		return nil
	}
	switch uint32(st.Type) {
	case unix.EXT4_SUPER_MAGIC, unix.XFS_SUPER_MAGIC, unix.BTRFS_SUPER_MAGIC, unix.F2FS_SUPER_MAGIC, unix.TMPFS_MAGIC:
		return func() error {
			if err := unix.Syncfs(int(dir.Fd())); err != nil {
				return os.NewSyscallError("syncfs", err)
			}
			return nil
		}
	}
	return nil
}

func tellsFaults() bool {
	var name unix.Utsname
	if unix.Uname(&name) != nil {
		return false
	}
	major, rest, _ := strings.Cut(unix.ByteSliceToString(name.Release[:]), ".")
	minor, _, _ := strings.Cut(rest, ".")
	a, err := strconv.Atoi(major)
	b, err2 := strconv.Atoi(minor)
	return errors.Join(err, err2) == nil && (a > 5 || a == 5 && b >= 8)
}
