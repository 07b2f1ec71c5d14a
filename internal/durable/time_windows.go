package durable

import (
	"io/fs"
	"os"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"
)

// setTime goes by the open file: Windows gives the time of its last write to a file whose
// writer closes it, unless that same handle has set another.
func setTime(f *File, t time.Time) error {
	mtime := windows.NsecToFiletime(t.UnixNano())
	return windows.SetFileTime(windows.Handle(f.file.Fd()), nil, nil, &mtime)
}

// basicInfo is FILE_BASIC_INFO of winbase.h. Times count 100 ns since 1601.
type basicInfo struct {
	Created, Read, Written, Changed windows.Filetime
	Attributes                      uint32
	_                               uint32
}

// changeTime asks the open file: what a folder tells of it does not hold the time. Where
// the file system keeps none (FAT), it is that of the file's creation.
func changeTime(root *os.Root, name string, info fs.FileInfo) time.Time {
	if f, err := root.Open(name); err == nil {
		defer f.Close()
		var b basicInfo
		err = windows.GetFileInformationByHandleEx(windows.Handle(f.Fd()), windows.FileBasicInfo, (*byte)(unsafe.Pointer(&b)), uint32(unsafe.Sizeof(b)))
		if err == nil && b.Changed != (windows.Filetime{}) {
			return time.Unix(0, b.Changed.Nanoseconds())
		}
	}
	if sys, ok := info.Sys().(*syscall.Win32FileAttributeData); ok {
		return time.Unix(0, sys.CreationTime.Nanoseconds())
	}
	return time.Time{}
}
