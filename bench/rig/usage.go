package rig

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// Usage is what a command took, its descendants included.
type Usage struct {
	Start time.Time
	Wall  time.Duration
	CPU   time.Duration // user and system
	Peak  int64         // bytes resident at most, of the largest process
}

// PeakMB is the peak memory in MB (10^6 bytes).
func (u Usage) PeakMB() float64 { return float64(u.Peak) / 1e6 }

// Launcher measures commands, one at a time.
type Launcher struct{ exe, report string }

// NewLauncher builds the small program that commands are started from (see its package
// comment for the reason) into dir.
func NewLauncher(dir string) (*Launcher, error) {
	exe, err := build(dir, "launch", "civitar/bench/rig/launch")
	if err != nil {
		return nil, err
	}
	return &Launcher{exe: exe, report: filepath.Join(dir, "usage.json")}, nil
}

// Measure has a command that was not started yet run below the launcher. What it returns
// tells, once the command has ended, what it took.
func (l *Launcher) Measure(cmd *exec.Cmd) func() (Usage, error) {
	cmd.Args = append([]string{l.exe, l.report, cmd.Path}, cmd.Args[1:]...)
	cmd.Path = l.exe
	if cmd.Cancel != nil { // a kill would leave the command behind
		cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
		cmd.WaitDelay = 10 * time.Second
	}
	return func() (u Usage, err error) {
		text, err := os.ReadFile(l.report)
		if err == nil {
			err = errors.Join(json.Unmarshal(text, &u), os.Remove(l.report))
		}
		if err != nil {
			return u, fmt.Errorf("what the command took: %w", err)
		}
		return u, nil
	}
}

// Run runs a command and tells what it took, also of one that failed.
func (l *Launcher) Run(cmd *exec.Cmd) (Usage, error) {
	usage := l.Measure(cmd)
	err := cmd.Run()
	u, wrong := usage()
	if err != nil {
		return u, err
	}
	return u, wrong
}
