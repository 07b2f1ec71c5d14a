//go:build darwin || freebsd

package durable

import (
	"io/fs"
	"os"
	"syscall"
	"time"
)

func setTime(f *File, t time.Time) error {
	return f.folder.Chtimes(f.name, time.Time{}, t)
}

func changeTime(_ *os.Root, _ string, info fs.FileInfo) time.Time {
	if sys, ok := info.Sys().(*syscall.Stat_t); ok {
		return time.Unix(sys.Ctimespec.Unix())
	}
	return time.Time{}
}
