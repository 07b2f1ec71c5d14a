//go:build unix

// Package rig is what the measurements share: the real binary, a server, and what a process
// took.
package rig

import (
	"errors"
	"os"
	"runtime"
	"syscall"
)

// PeakMemory is the most a finished process had resident, in MB.
func PeakMemory(p *os.ProcessState) (float64, error) {
	usage, ok := p.SysUsage().(*syscall.Rusage)
	if !ok {
		return 0, errors.New("the system does not tell the memory of a process")
	}
	unit := 1024.0
	if runtime.GOOS == "darwin" {
		unit = 1
	}
	return float64(usage.Maxrss) * unit / 1e6, nil
}
