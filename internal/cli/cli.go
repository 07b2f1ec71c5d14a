// Package cli is the command line: flags, what is shown, exit codes. Each command has a
// file of its own.
//
// What a command answers goes to stdout; progress, logs and errors go to stderr. An error
// is one sentence that says what is wrong and what to do. Nothing that the server sent
// reaches a terminal raw.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/alecthomas/kong"

	"civitar/internal/durable"
)

// The exit codes, as the README tells them.
const (
	exitOK          = 0
	exitFailed      = 1   // could not run
	exitUsage       = 2   // the command line is wrong
	exitIncomplete  = 3   // ended, with failed blobs or findings
	exitInterrupted = 130 // stopped by a signal
)

// System is the outside world as the process has it.
func System() World {
	return World{Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr, LookupEnv: os.LookupEnv}
}

// World is what a command touches outside of its flags.
type World struct {
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	LookupEnv      func(string) (string, bool)
	// Disk is called before every step that changes an archive: it is for tests, which
	// break the disk or the process there. System sets none.
	Disk durable.Hook
}

func (w World) env(name string) string {
	v, _ := w.LookupEnv(name)
	return v
}

type commands struct {
	Archive archiveCmd `cmd:"" default:"withargs" help:"Archive workflows and their results (the default command)."`
	Status  statusCmd  `cmd:"" help:"Tell what an archive holds, what is missing, and what expires next."`
	Verify  verifyCmd  `cmd:"" help:"Compare an archive with its record: find what is missing, altered or foreign."`
	Repair  repairCmd  `cmd:"" help:"Fetch again what is missing or altered, and say what can no longer be restored."`
	Sandbox sandboxCmd `cmd:"" help:"Serve a simulated orchestrator on loopback, to try things on."`
	Version versionCmd `cmd:"" help:"Tell the version."`
}

const description = `Archives what the Civitai orchestrator made for you (images, videos, audio, models, texts and their prompts) before it is deleted, 30 days after each workflow ends.

Try it without an account:  civitar archive --sandbox ./try
For real:  export CIVITAI_API_TOKEN=...  and then  civitar archive ~/civitai`

// usageError is a mistake on the command line.
type usageError struct{ err error }

func (e usageError) Error() string { return e.err.Error() }
func (e usageError) Unwrap() error { return e.err }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// exitError ends a command with a code and nothing more to say.
type exitError struct{ code int }

func (e exitError) Error() string { return fmt.Sprintf("exit code %d", e.code) }

// session is what every command's Run gets.
type session struct {
	World
	// ctx ends when all must stop at once; drain closes when a command may finish what it
	// is at.
	ctx   context.Context
	drain <-chan struct{}
}

// Main runs the command that args name and returns the exit code.
func Main(ctx context.Context, drain <-chan struct{}, args []string, w World) int {
	exited := -1
	parser, err := kong.New(&commands{}, kong.Name("civitar"), kong.Description(description),
		kong.Vars{"api": defaultAPI}, kong.Writers(w.Stdout, w.Stderr), kong.Exit(func(code int) { exited = code }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 100}))
	if err != nil {
		return report(w, err)
	}
	parsed, err := parser.Parse(args)
	if exited >= 0 { // --help
		return exited
	}
	if err != nil {
		return report(w, usageError{err})
	}
	return report(w, parsed.Run(&session{World: w, ctx: ctx, drain: drain}))
}

// report shows an error and chooses the exit code.
func report(w World, err error) int {
	var exit exitError
	var usage usageError
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &exit):
		return exit.code
	case errors.As(err, &usage):
		fmt.Fprintf(w.Stderr, "civitar: %s (see civitar --help)\n", oneLine(err.Error()))
		return exitUsage
	case errors.Is(err, context.Canceled):
		fmt.Fprintln(w.Stderr, "civitar: interrupted")
		return exitInterrupted
	}
	fmt.Fprintf(w.Stderr, "civitar: %s\n", explain(err))
	return exitFailed
}

// oneLine makes a text fit to be shown on a terminal: one line, no control characters.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\r' || r == '\t':
			return ' '
		case r < ' ' || r >= 0x7f && r < 0xa0 || r >= 0x200e && r <= 0x200f || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069:
			return -1
		}
		return r
	}, s)
}
