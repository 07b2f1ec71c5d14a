//go:build !linux

package cli

// monotonic is asked for by systemd only.
func monotonic() int64 { return 0 }
