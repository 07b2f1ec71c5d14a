package durable

import "os"

// SyncDir does nothing: NTFS journals its folders and offers no way to sync one.
func SyncDir(*os.Root, string) error { return nil }
