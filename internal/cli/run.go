package cli

import (
	"errors"
)

type runCmd struct {
	Profile string   `arg:"" help:"A profile of civitar.toml."`
	Flags   []string `arg:"" optional:"" passthrough:"" help:"Flags of archive, which go before the profile's."`
	configFlag
}

func (runCmd) Help() string { return "Example:  civitar run nightly --full" }

// Run archives as a profile says, and then exports where it says so.
func (c *runCmd) Run(s *session) error {
	file, err := c.load()
	if err != nil {
		return err
	}
	found, err := file.Profile(c.Profile)
	if err != nil {
		return usageError{err}
	}
	return newProfile(file.Path, found).run(s, c.Flags)
}

// run runs the profile now. What is wrong with it is found before anything is done.
func (p profile) run(s *session, args []string) error {
	archive, err := p.archive(s, args)
	if err != nil {
		return err
	}
	export, err := p.exportAfter(s, archive)
	if err != nil {
		return err
	}
	if archive.Dest != "" && export != nil {
		export.Dest = archive.Dest
	}
	err = archive.Run(s)
	var exit exitError
	incomplete := errors.As(err, &exit) && exit.code == exitIncomplete // what there is can be exported
	if export == nil || archive.DryRun || err != nil && !incomplete {
		return err
	}
	export.Quiet = export.Quiet || archive.Output.Quiet
	export.JSON = export.JSON || archive.Output.JSON
	return errors.Join(export.Run(s), err)
}
