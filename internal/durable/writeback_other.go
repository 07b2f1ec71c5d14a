//go:build !linux

package durable

// Flush has the system begin to write a stretch of the file to the disk, without waiting:
// a Sync later has less to wait for. Here it leaves that to the system.
func (f *File) Flush(offset, size int64) {}
