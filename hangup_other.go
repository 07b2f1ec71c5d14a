//go:build !unix

package main

import "os"

// hangups are signals that this system does not have.
func hangups([]string) <-chan os.Signal { return nil }
