//go:build unix

package hook

import (
	"os/exec"
	"syscall"
)

func shell(line string) (string, []string) { return "/bin/sh", []string{"-c", line} }

// alone has a command be ended with all that it has started.
func alone(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
}
