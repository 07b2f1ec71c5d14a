//go:build !linux

package main

import (
	"fmt"
	"runtime"
)

// machine describes where the measurement was made, without names and paths.
func machine(string) [][]string {
	return [][]string{{"cores", fmt.Sprint(runtime.NumCPU())}, {"system", runtime.GOOS + ", " + runtime.GOARCH}}
}
