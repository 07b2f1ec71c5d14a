package cli

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"civitar/internal/schedule/units"
)

type scheduleCmd struct {
	Print schedulePrintCmd `cmd:"" help:"Write units that run a profile at its times: systemd, cron, launchd, windows."`
}

type schedulePrintCmd struct {
	System  string `arg:"" enum:"systemd,cron,launchd,windows" help:"One of systemd, cron, launchd, windows."`
	Profile string `arg:"" optional:"" help:"The profile; without one, systemd's service for civitar daemon."`
	Write   bool   `help:"Write the files where systemd or launchd looks for them, and tell how to go on."`
	configFlag
}

func (schedulePrintCmd) Help() string {
	return "Example:  civitar schedule print systemd nightly --write"
}

// Run writes units that work as they are.
func (c *schedulePrintCmd) Run(s *session) error {
	if c.Write && c.System != "systemd" && c.System != "launchd" {
		return usagef("--write goes with systemd and launchd: redirect the output")
	}
	files, err := c.files(s)
	if err != nil {
		return err
	}
	if c.Write {
		return c.write(s, files)
	}
	for i, f := range files {
		if len(files) > 1 {
			fmt.Fprintf(s.Stdout, "# %s\n", filepath.Join("~", filepath.FromSlash(f.Place), f.Name))
		}
		fmt.Fprint(s.Stdout, f.Text)
		if i < len(files)-1 {
			fmt.Fprintln(s.Stdout)
		}
	}
	return nil
}

func (c *schedulePrintCmd) files(s *session) ([]units.File, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	file, err := c.load()
	if err != nil {
		return nil, err
	}
	config, err := filepath.Abs(file.Path)
	if err != nil {
		return nil, err
	}
	if c.Profile == "" {
		if c.System != "systemd" {
			return nil, usagef("say which profile: civitar schedule print %s PROFILE", c.System)
		}
		return []units.File{units.SystemdDaemon(program, config)}, nil
	}
	found, err := file.Profile(c.Profile)
	if err != nil {
		return nil, usageError{err}
	}
	p := newProfile(file.Path, found)
	if p.follows(s) {
		if c.System != "systemd" {
			return nil, usagef("profile %s follows, which only systemd's units are written for: start civitar run %s when you log in", p.Name, p.Name)
		}
		return []units.File{units.SystemdFollow(p.Name, program, config)}, nil
	}
	at, err := p.plan()
	if err == nil && at.Spec == "" {
		err = usagef("profile %s has no schedule: add schedule = \"0 3 * * *\"", p.Name)
	}
	if err != nil {
		return nil, err
	}
	unit := units.Profile{Name: p.Name, Program: program, Config: config, Schedule: at.times, Zone: p.Text("timezone"), Jitter: at.Jitter}
	if c.System == "systemd" {
		return units.Systemd(unit)
	}
	write := map[string]func(units.Profile) (units.File, error){"cron": units.Cron, "launchd": units.Launchd, "windows": units.Windows}[c.System]
	one, err := write(unit)
	return []units.File{one}, err
}

func (c *schedulePrintCmd) write(s *session, files []units.File) error {
	home, err := os.UserHomeDir()
	if err != nil {
		return err
	}
	for _, f := range files {
		dir := filepath.Join(home, filepath.FromSlash(f.Place))
		name := filepath.Join(dir, f.Name)
		if err := errors.Join(os.MkdirAll(dir, 0o777), os.WriteFile(name, []byte(f.Text), 0o666)); err != nil {
			return err
		}
		fmt.Fprintln(s.Stdout, name)
	}
	last := files[len(files)-1]
	if c.System == "systemd" {
		fmt.Fprintf(s.Stdout, "now: systemctl --user daemon-reload && systemctl --user enable --now %s && loginctl enable-linger\n", last.Name)
	} else {
		fmt.Fprintf(s.Stdout, "now: launchctl bootstrap gui/$(id -u) %s\n", filepath.Join(home, filepath.FromSlash(last.Place), last.Name))
	}
	return nil
}
