package durable

import "golang.org/x/sys/unix"

// Flush has the system begin to write a stretch of the file to the disk, without waiting:
// a Sync later has less to wait for. It promises nothing.
func (f *File) Flush(offset, size int64) {
	_ = unix.SyncFileRange(int(f.file.Fd()), offset, size, unix.SYNC_FILE_RANGE_WRITE)
}
