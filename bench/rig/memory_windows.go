package rig

import (
	"errors"
	"os"
)

// PeakMemory is not told by Windows after a process has ended.
func PeakMemory(*os.ProcessState) (float64, error) {
	return 0, errors.New("peak memory is measured on Linux and macOS only")
}
