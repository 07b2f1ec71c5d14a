package cli

import (
	_ "embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"text/tabwriter"

	"civitar/internal/config"
	"civitar/internal/hook"
)

type configCmd struct {
	Check configCheckCmd `cmd:"" help:"Tell what is wrong with the profiles, or what they come to and where from."`
	Init  configInitCmd  `cmd:"" help:"Write an example to start from."`
	Path  configPathCmd  `cmd:"" help:"Tell which file is read."`
}

func (configCmd) Help() string { return "Example:  civitar config init" }

type configPathCmd struct{ configFlag }

func (configPathCmd) Help() string { return "Example:  civitar config path" }

// Run tells which file is read.
func (c *configPathCmd) Run(s *session) error {
	path, err := config.Find(c.Config)
	if err != nil {
		return err
	}
	fmt.Fprintln(s.Stdout, path)
	return nil
}

type configInitCmd struct {
	File string `arg:"" optional:"" default:"civitar.toml" help:"The file to write, - for stdout (default ${default}); one that is there stays as it is."`
}

func (configInitCmd) Help() string { return "Example:  civitar config init" }

//go:embed civitar.toml
var exampleConfig string

// Run writes a commented example.
func (c *configInitCmd) Run(s *session) error {
	if c.File == "-" {
		_, err := io.WriteString(s.Stdout, exampleConfig)
		return err
	}
	f, err := os.OpenFile(c.File, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s is there already: edit it, or give another name", c.File)
	}
	if err != nil {
		return err
	}
	_, err = f.WriteString(exampleConfig)
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	fmt.Fprintf(s.Stdout, "%s: edit it, then civitar config check, then civitar run nightly\n", c.File)
	return nil
}

type configCheckCmd struct {
	Profile string `arg:"" optional:"" help:"Only this profile (default all)."`
	JSON    bool   `name:"json" help:"Write one JSON object a line to stdout."`
	configFlag
}

func (configCheckCmd) Help() string { return "Example:  civitar config check nightly" }

// effective is one setting as a run would have it.
type effective struct {
	Profile string `json:"profile"`
	Setting string `json:"setting"`
	Value   string `json:"value"`
	From    string `json:"from"` // file:line, the variable's name, or default
}

// Run tells all mistakes, or all settings.
func (c *configCheckCmd) Run(s *session) error {
	file, err := c.load()
	if err != nil {
		return err
	}
	profiles := file.Profiles()
	if c.Profile != "" {
		one, err := file.Profile(c.Profile)
		if err != nil {
			return usageError{err}
		}
		profiles = []config.Profile{one}
	}
	wrong := &config.Mistakes{Path: file.Path}
	var all []effective
	for _, found := range profiles {
		p := newProfile(file.Path, found)
		wrong.All = append(wrong.All, p.check(s)...)
		if len(wrong.All) == 0 {
			some, err := p.effective(s)
			if err != nil {
				return err
			}
			all = append(all, some...)
		}
	}
	slices.SortStableFunc(wrong.All, func(a, b config.Mistake) int { return a.Line - b.Line })
	told := map[string]bool{}
	for _, m := range wrong.All {
		line := wrong.Line(m)
		if !told[line] { // a default is wrong in every profile
			fmt.Fprintf(s.Stderr, "civitar: %s\n", line)
		}
		told[line] = true
	}
	if len(wrong.All) > 0 {
		return exitError{exitUsage}
	}
	return c.show(s, all)
}

func (c *configCheckCmd) show(s *session, all []effective) error {
	if c.JSON {
		told := newEvents(s.Stdout)
		for _, e := range all {
			told.write(e)
		}
		return told.err
	}
	w := tabwriter.NewWriter(s.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "PROFILE\tSETTING\tVALUE\tFROM")
	for _, e := range all {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", e.Profile, e.Setting, oneLine(e.Value), oneLine(e.From))
	}
	return w.Flush()
}

// effective is what the profile comes to: what it says, and what the defaults add.
func (p profile) effective(s *session) ([]effective, error) {
	var all []effective
	say := func(setting, value, from string) { all = append(all, effective{p.Name, setting, value, from}) }
	for _, one := range p.Settings {
		where := fmt.Sprintf("%s:%d", p.path, one.Line)
		switch {
		case one.Key == "dest":
			say(one.Key, p.place(p.Text("dest")), where)
		case one.Key == "export":
			flags, _ := one.Value.([]config.Setting)
			for _, f := range flags {
				say("export."+f.Key, valueText(f.Value), fmt.Sprintf("%s:%d", p.path, f.Line))
			}
		default:
			if env := p.overridden(s, one.Key); env == "" {
				say(one.Key, masked(one.Key, valueText(one.Value)), where)
			}
		}
	}
	parser, err := s.parserOf(&archiveCmd{}, nil)
	if err != nil {
		return nil, err
	}
	for _, f := range parser.Model.Flags {
		env := p.overridden(s, f.Name)
		_, said := p.Setting(f.Name)
		switch {
		case env != "":
			say(f.Name, s.env(env), env)
		case !said && f.Default != "" && !strings.HasPrefix(f.Name, "help"):
			say(f.Name, f.Default, "default")
		}
	}
	return all, nil
}

// overridden is the variable of the environment that goes before the profile, "" for none.
func (p profile) overridden(s *session, name string) string {
	parser, err := s.parserOf(&archiveCmd{}, nil)
	if err != nil {
		return ""
	}
	for _, f := range parser.Model.Flags {
		if f.Name != name {
			continue
		}
		for _, env := range f.Envs {
			if s.env(env) != "" {
				return env
			}
		}
	}
	return ""
}

// masked hides what can be a secret: of a hook's URL all but the host.
func masked(key, value string) string {
	if key != "ping" && !strings.HasPrefix(key, "on-") {
		return value
	}
	all := strings.Split(value, ", ")
	for i, one := range all {
		if hook.IsURL(one) {
			all[i] = hook.Name(one) + "/…"
		}
	}
	return strings.Join(all, ", ")
}

func valueText(v any) string {
	list, ok := flagValue(v).([]any)
	if !ok {
		return fmt.Sprint(flagValue(v))
	}
	texts := make([]string, len(list))
	for i, one := range list {
		texts[i] = fmt.Sprint(one)
	}
	return strings.Join(texts, ", ")
}
