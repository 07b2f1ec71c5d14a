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

	"github.com/alecthomas/kong"

	"civitar/internal/durable"
	"civitar/internal/metrics"
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
	w := World{Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr, LookupEnv: os.LookupEnv}
	w.Keyring = osKeyring(w.env)
	return w
}

// World is what a command touches outside of its flags.
type World struct {
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	LookupEnv      func(string) (string, bool)
	// Disk is called before every step that changes an archive: it is for tests, which
	// break the disk or the process there. System sets none.
	Disk durable.Hook
	// Segment is where runs begin a new segment of the journal, in bytes; it is for tests, too.
	Segment int64
	Keyring Keyring // nil where there is none
	// Hangups ask the daemon to read its configuration again; nil never does.
	Hangups <-chan os.Signal
}

func (w World) env(name string) string {
	v, _ := w.LookupEnv(name)
	return v
}

type commands struct {
	Archive archiveCmd `cmd:"" default:"withargs" group:"archive" help:"Archive workflows and their results (the default command)."`
	Run     runCmd     `cmd:"" group:"archive" help:"Archive as a profile of civitar.toml says, and export where it says so."`
	Daemon  daemonCmd  `cmd:"" group:"archive" help:"Run the profiles of civitar.toml at their times."`
	Status  statusCmd  `cmd:"" group:"archive" help:"Tell what an archive holds, what is missing, and what expires next."`
	Verify  verifyCmd  `cmd:"" group:"archive" help:"Compare an archive with its record: find what is missing, altered or foreign."`
	Repair  repairCmd  `cmd:"" group:"archive" help:"Fetch again what is missing or altered, and say what can no longer be restored."`

	Export   exportCmd   `cmd:"" group:"archive" help:"Make a package of an archive: zip, tar, tar.zst, BagIt, CSV or JSON lines."`
	Prune    pruneCmd    `cmd:"" group:"archive" help:"List what a stricter policy would not keep; move or remove it when told to."`
	Relayout relayoutCmd `cmd:"" group:"archive" help:"Give the files of an archive other names and places."`
	Decrypt  decryptCmd  `cmd:"" group:"archive" help:"Write the files of an encrypted archive in the clear, into another folder."`

	Workflows workflowsCmd `cmd:"" group:"look" help:"List your workflows."`
	Workflow  workflowCmd  `cmd:"" group:"look" help:"Show one workflow, or wait for it."`
	Step      stepCmd      `cmd:"" group:"look" help:"Show one step of a workflow."`
	Job       jobCmd       `cmd:"" group:"look" help:"Show one job, and what the scanners said."`
	Results   resultsCmd   `cmd:"" group:"look" help:"List a workflow's results, or download them."`
	Blob      blobCmd      `cmd:"" group:"look" help:"Tell the verdict on one blob, or download it."`
	User      userCmd      `cmd:"" group:"look" aliases:"user-workflows" help:"List another user's workflows (manager's token)."`

	Test   testCmd   `cmd:"" group:"setup" help:"Check the API's address and the token."`
	Login  loginCmd  `cmd:"" group:"setup" help:"Keep an API token for all commands."`
	Logout logoutCmd `cmd:"" group:"setup" help:"Forget the token that was kept."`

	Config     configCmd     `cmd:"" group:"other" help:"Check the profiles of civitar.toml, or write an example."`
	Schedule   scheduleCmd   `cmd:"" group:"other" help:"Write what has the system run a profile at its times."`
	Layout     layoutCmd     `cmd:"" group:"other" help:"Tell what the names of files can be made of, and try a template."`
	Sandbox    sandboxCmd    `cmd:"" group:"other" help:"Serve a simulated orchestrator on loopback, to try things on."`
	Completion completionCmd `cmd:"" group:"other" help:"Print a shell's completion script."`
	Version    versionCmd    `cmd:"" group:"other" help:"Tell the version."`
}

// groups are the commands by purpose, as --help shows them.
func groups() []kong.Group {
	return []kong.Group{
		{Key: "archive", Title: "Keep what was made:"},
		{Key: "look", Title: "Look things up:"},
		{Key: "setup", Title: "Get access:"},
		{Key: "other", Title: "Other:"},
		{Key: "keep", Title: "What to keep:"},
		{Key: "file", Title: "How to file it:"},
		{Key: "signs", Title: "Signs of life:"},
	}
}

const description = `Archives what the Civitai orchestrator made for you (images, videos, audio, models, texts and their prompts) before it is deleted, 30 days after each workflow ends.

   civitar archive --sandbox ./try     tries it on a simulated account
   civitar login                       asks for your API token and keeps it
   civitar archive ~/civitai           archives, and goes on where it stopped`

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
	metrics *metrics.Registry // the daemon's; nil for a command's own
	// ctx ends when all must stop at once; drain closes when a command may finish what it
	// is at.
	ctx   context.Context
	drain <-chan struct{}
}

// Main runs the command that args name and returns the exit code.
func Main(ctx context.Context, drain <-chan struct{}, args []string, w World) int {
	exited := -1
	parser, err := newParser(&commands{}, w, func(code int) { exited = code })
	if err != nil {
		return conclude(w, err)
	}
	if len(args) > 0 && args[0] == completeWord {
		return conclude(w, complete(parser.Model, args[1:], w))
	}
	if wantsOverview(args) {
		return conclude(w, printOverview(helpOptions(), parser))
	}
	parsed, err := parser.Parse(args)
	if exited >= 0 { // --help
		return exited
	}
	if err != nil {
		return conclude(w, usageError{err})
	}
	return conclude(w, parsed.Run(&session{World: w, ctx: ctx, drain: drain}))
}

func helpOptions() kong.HelpOptions {
	return kong.HelpOptions{Compact: true, WrapUpperBound: 100, ValueFormatter: kong.DefaultHelpValueFormatter}
}

// newParser reads flags into the commands, or one of them.
func newParser(into any, w World, exit func(int), more ...kong.Option) (*kong.Kong, error) {
	return kong.New(into, append([]kong.Option{kong.Name("civitar"), kong.Description(description),
		kong.Vars{"api": defaultAPI, "forms": "table, json, jsonl, yaml or csv (default table, piped jsonl)."}, kong.ExplicitGroups(groups()),
		kong.Writers(w.Stdout, w.Stderr), kong.Exit(exit), kong.ConfigureHelp(helpOptions()), kong.Help(printHelp)}, more...)...)
}

// conclude shows an error and chooses the exit code.
func conclude(w World, err error) int {
	var exit exitError
	var usage usageError
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &exit):
		return exit.code
	case errors.As(err, &usage):
		fmt.Fprintf(w.Stderr, "civitar: %s (see civitar --help)\n", oneLine(err.Error()))
		showPlace(w.Stderr, err)
		return exitUsage
	case errors.Is(err, context.Canceled):
		fmt.Fprintln(w.Stderr, "civitar: interrupted")
		return exitInterrupted
	}
	fmt.Fprintf(w.Stderr, "civitar: %s\n", explain(err))
	return exitFailed
}
