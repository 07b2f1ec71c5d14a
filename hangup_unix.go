//go:build unix

package main

import (
	"os"
	"os/signal"
	"syscall"
)

// hangups are the signals that ask the daemon to read its configuration again. Other
// commands end by them, as programs do.
func hangups(args []string) <-chan os.Signal {
	if len(args) == 0 || args[0] != "daemon" {
		return nil
	}
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGHUP)
	return c
}
