// Command launch runs a command and writes what it took to a file.
//
//	launch FILE COMMAND [ARG...]
//
// It is a program of its own because on Linux a process begins with the peak memory of the
// one that started it (getrusage(2), ru_maxrss, is kept over execve): started from a
// measurement that serves an account from its memory, every command would seem that large.
// This program is as small as a Go program can be.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	if len(os.Args) < 3 {
		fmt.Fprintln(os.Stderr, "usage: launch FILE COMMAND [ARG...]")
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := launch(ctx, os.Args[1], os.Args[2:])
	if failed := new(exec.ExitError); errors.As(err, &failed) {
		os.Exit(max(failed.ExitCode(), 1)) // the command has told why
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "launch:", err)
		os.Exit(1)
	}
}

// launch measures a command to its end, also one that fails; ctx kills it.
func launch(ctx context.Context, report string, command []string) error {
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	start := time.Now()
	err := cmd.Run()
	wall := time.Since(start)
	if cmd.ProcessState == nil {
		return err
	}
	peak, memory := peakMemory(cmd.ProcessState)
	if memory != nil {
		return errors.Join(err, memory)
	}
	// The times are those of the process and of all its descendants that it waited for.
	usage, wrong := json.Marshal(map[string]any{
		"Start": start, "Wall": wall, "Peak": peak,
		"CPU": cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(),
	})
	if wrong == nil {
		wrong = os.WriteFile(report, usage, 0o600)
	}
	return errors.Join(err, wrong)
}
