package cli_test

import (
	"bytes"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// TestHelpFitsAScreen holds each command's help to 24 lines of 100 columns, with an example.
// Archiving has more to choose from than a screen holds.
func TestHelpFitsAScreen(t *testing.T) {
	commands := strings.Fields("archive status verify repair prune relayout decrypt layout workflows workflow step job results blob user test login logout sandbox completion version")
	for _, command := range commands {
		var out bytes.Buffer
		cmd := exec.Command("civitar", command, "--help") // testscript.Main has put it on the path
		cmd.Env = append(os.Environ(), "COLUMNS=100")
		cmd.Stdout = &out
		if err := cmd.Run(); err != nil {
			t.Fatalf("%s: %v", command, err)
		}
		lines := strings.Split(strings.TrimRight(out.String(), "\n"), "\n")
		if len(lines) > 24 && command != "archive" {
			t.Errorf("%s: %d lines", command, len(lines))
		}
		if !strings.Contains(out.String(), "Example: ") {
			t.Errorf("%s: no example", command)
		}
		for _, line := range lines {
			if len([]rune(line)) > 100 {
				t.Errorf("%s: a line of %d columns: %s", command, len([]rune(line)), line)
			}
		}
	}
}
