//go:build !unix

package hook

import "os/exec"

func shell(line string) (string, []string) { return "cmd", []string{"/C", line} }

func alone(*exec.Cmd) {}
