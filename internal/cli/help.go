package cli

import (
	"bytes"
	"io"
	"strings"

	"github.com/alecthomas/kong"
)

// printHelp is kong's, without the blank lines that keep it from fitting a screen.
func printHelp(options kong.HelpOptions, ctx *kong.Context) error {
	var text bytes.Buffer
	out := ctx.Stdout
	ctx.Stdout = &text
	err := kong.DefaultHelpPrinter(options, ctx)
	ctx.Stdout = out
	if err != nil {
		return err
	}
	var kept []string
	blank := false
	for line := range strings.Lines(text.String()) {
		if strings.TrimSpace(line) == "" {
			blank = len(kept) > 0 && !strings.HasPrefix(kept[len(kept)-1], "Usage:")
			continue
		}
		if blank && !strings.HasPrefix(line, "Example:") && !strings.HasPrefix(strings.TrimSpace(line), "-") {
			kept = append(kept, "\n")
		}
		blank = false
		kept = append(kept, line)
	}
	_, err = io.WriteString(out, strings.Join(kept, ""))
	return err
}

// printOverview shows all commands. Parsing --help alone would show the default command.
func printOverview(options kong.HelpOptions, parser *kong.Kong) error {
	ctx, err := kong.Trace(parser, nil)
	if err != nil {
		return err
	}
	ctx.Path = ctx.Path[:1]
	return printHelp(options, ctx)
}

// wantsOverview tells --help without a command.
func wantsOverview(args []string) bool {
	return len(args) == 1 && (args[0] == "--help" || args[0] == "-h" || args[0] == "help")
}
