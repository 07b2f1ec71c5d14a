package cli

import (
	"embed"
	"fmt"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// completions are the scripts, one a shell. All of them call civitar itself for the words
// that fit, so that they need no change when the commands do.
//
//go:embed completions
var completions embed.FS

type completionCmd struct {
	Shell string `arg:"" enum:"bash,zsh,fish,powershell" help:"One of bash, zsh, fish, powershell."`
}

func (completionCmd) Help() string {
	return `Example:  source <(civitar completion bash)`
}

// Run prints the shell's script.
func (c *completionCmd) Run(s *session) error {
	script, err := completions.ReadFile("completions/" + c.Shell)
	if err != nil {
		return err
	}
	_, err = s.Stdout.Write(script)
	return err
}

// completeWord is the first argument with which the scripts call: the words typed so far
// follow, the last one being what is to be completed.
const completeWord = "__complete"

// complete prints the words that may stand where the last of typed stands, a line each
// with what it does behind a tab. Nothing printed means a file.
func complete(app *kong.Application, typed []string, w World) error {
	if len(typed) == 0 {
		typed = []string{""}
	}
	last := typed[len(typed)-1]
	node, values, taken := app.Node, []string(nil), 0
	for _, word := range typed[:len(typed)-1] {
		switch {
		case values != nil: // a flag's value
			values = nil
		case strings.HasPrefix(word, "-"):
			values = awaited(flagOf(node, word), word)
		case childOf(node, word) != nil:
			node, taken = childOf(node, word), 0
		default:
			taken++
		}
	}
	for _, line := range candidates(node, values, taken, last) {
		if strings.HasPrefix(line, last) {
			if _, err := fmt.Fprintln(w.Stdout, line); err != nil {
				return err
			}
		}
	}
	return nil
}

// candidates are all words of a place, before what is typed of one picks among them.
func candidates(node *kong.Node, values []string, taken int, last string) []string {
	name, _, assigned := strings.Cut(last, "=")
	switch {
	case values != nil:
		return values
	case assigned && strings.HasPrefix(name, "-"):
		var all []string
		if f := flagOf(node, name); f != nil {
			for _, v := range valuesOf(f.Value) {
				all = append(all, name+"="+v)
			}
		}
		return all
	case strings.HasPrefix(last, "-"):
		return flagWords(node)
	}
	var all []string
	for _, child := range node.Children {
		if !child.Hidden {
			all = append(all, child.Name+"\t"+child.Help)
		}
	}
	if taken < len(node.Positional) {
		all = append(all, valuesOf(node.Positional[taken])...)
	}
	return all
}

func flagWords(node *kong.Node) []string {
	all := []string{"--help\tShow context-sensitive help."}
	for _, f := range node.Flags {
		if !f.Hidden && f.Name != "help" {
			all = append(all, "--"+f.Name+"\t"+f.Help)
		}
	}
	return all
}

// awaited are the values that the word behind a flag may have: nil where the flag takes
// none or has its own already, empty where it takes any.
func awaited(f *kong.Flag, word string) []string {
	if f == nil || f.IsBool() || strings.Contains(word, "=") {
		return nil
	}
	return append([]string{}, valuesOf(f.Value)...)
}

// valuesOf are the values of a flag or argument that are known beforehand.
func valuesOf(v *kong.Value) []string {
	var all []string
	for name := range strings.SplitSeq(firstOf(v.Enum, v.Tag.Get("values")), ",") {
		if name != "" {
			all = append(all, name)
		}
	}
	return all
}

func flagOf(node *kong.Node, word string) *kong.Flag {
	name, _, _ := strings.Cut(strings.TrimLeft(word, "-"), "=")
	for _, f := range node.Flags {
		if f.Name == name || slices.Contains(f.Aliases, name) || f.Short != 0 && string(f.Short) == name {
			return f
		}
	}
	return nil
}

func childOf(node *kong.Node, name string) *kong.Node {
	for _, child := range node.Children {
		if child.Name == name || slices.Contains(child.Aliases, name) {
			return child
		}
	}
	return nil
}
