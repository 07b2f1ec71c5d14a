package cli

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"civitar/internal/bucket"
	"civitar/internal/config"
	"civitar/internal/schedule"
)

// configFlag names the file of profiles.
type configFlag struct {
	Config string `type:"path" env:"CIVITAR_CONFIG" placeholder:"FILE" help:"The file of profiles (default ./civitar.toml, then civitar/civitar.toml in the folder of settings)."`
}

func (f configFlag) load() (*config.File, error) {
	path, err := config.Find(f.Config)
	if errors.Is(err, config.ErrNone) {
		return nil, hintError{err, "civitar config init writes one"}
	}
	if err != nil {
		return nil, err
	}
	file, err := config.Load(path)
	var wrong *config.Mistakes
	if errors.As(err, &wrong) {
		return nil, usageError{err}
	}
	return file, err
}

// settings feed flags from a profile. What the command line says, and the environment, goes
// before.
type settings []config.Setting

func (settings) Validate(*kong.Application) error { return nil }

// Resolve is what the profile says for a flag, nil for nothing.
func (s settings) Resolve(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
	for _, env := range flag.Envs {
		if os.Getenv(env) != "" { // as the library does
			return nil, nil
		}
	}
	for _, one := range s {
		if flag.Name == one.Key || slices.Contains(flag.Aliases, one.Key) {
			return flagValue(one.Value), nil
		}
	}
	return nil, nil
}

// flagValue is a value of TOML's as the flags read it.
func flagValue(v any) any {
	switch v := v.(type) {
	case bool:
		return v
	case []any:
		all := make([]any, len(v))
		for i, one := range v {
			all[i] = fmt.Sprint(one)
		}
		return all
	case time.Time:
		return v.Format(time.RFC3339Nano)
	}
	return fmt.Sprint(v)
}

// own are the keys of a profile that are no flags of archive.
func own() []string {
	return []string{"dest", "export", "schedule", "timezone", "jitter", "retry"}
}

// profile is one as the command line reads it.
type profile struct {
	config.Profile
	path  string // of the file
	flags settings
}

func newProfile(path string, p config.Profile) profile {
	all := profile{Profile: p, path: path}
	for _, s := range p.Settings {
		if !slices.Contains(own(), s.Key) {
			all.flags = append(all.flags, s)
		}
	}
	return all
}

// plan says when a profile runs by itself.
type plan struct {
	Spec   string // "" is never
	Jitter time.Duration
	Retry  int // how often a run that failed is tried again

	times schedule.Schedule
}

// plan is when the profile runs by itself.
func (p profile) plan() (plan, error) {
	at := plan{Spec: p.Text("schedule"), Retry: 3}
	var zone *time.Location
	var err error
	if s, ok := p.Setting("timezone"); ok {
		if zone, err = time.LoadLocation(p.Text("timezone")); err != nil || p.Text("timezone") == "" {
			return at, usagef("timezone %q is not known: write it like Europe/Berlin or UTC", fmt.Sprint(s.Value))
		}
	}
	if s, ok := p.Setting("jitter"); ok {
		if at.Jitter, err = time.ParseDuration(fmt.Sprint(s.Value)); err != nil || at.Jitter < 0 {
			return at, usagef("jitter %q is no time: write it like 10m", fmt.Sprint(s.Value))
		}
	}
	if s, ok := p.Setting("retry"); ok {
		n, isNumber := s.Value.(int64)
		if !isNumber || n < 0 || n > 100 {
			return at, usagef("retry must be a number from 0 to 100")
		}
		at.Retry = int(n)
	}
	if _, ok := p.Setting("schedule"); ok {
		if at.times, err = schedule.Parse(at.Spec, zone); err != nil {
			return at, usageError{fmt.Errorf("schedule %w", err)}
		}
	}
	return at, nil
}

// parserOf reads a command's flags, and takes from a profile those that are not given.
func (s *session) parserOf(cmd any, from settings) (*kong.Kong, error) {
	return newParser(cmd, s.World, func(int) {}, kong.Resolvers(from))
}

// archive is the profile's command, with what the command line adds.
func (p profile) archive(s *session, args []string) (*archiveCmd, error) {
	cmd := &archiveCmd{}
	parser, err := s.parserOf(cmd, p.flags)
	if err != nil {
		return nil, err
	}
	if dest := p.place(p.Text("dest")); dest != "" {
		args = append(slices.Clone(args), "--", dest)
	}
	if _, err := parser.Parse(args); err != nil {
		return nil, usageError{err}
	}
	return cmd, nil
}

// exportAfter is the export after a run, checked; nil for none.
func (p profile) exportAfter(s *session, cmd *archiveCmd) (*exportCmd, error) {
	export, err := p.export(s)
	if err != nil || export == nil {
		return nil, err
	}
	if cmd.Follow {
		return nil, usagef("follow has no end for an export to come after: leave export out, and call civitar export from on-change or by itself")
	}
	_, err = export.check()
	return export, err
}

// follows tells a profile whose runs go on until they are interrupted.
func (p profile) follows(s *session) bool {
	cmd, err := p.archive(s, nil)
	return err == nil && cmd.Follow
}

// export is the export that follows a run, nil for none.
func (p profile) export(s *session) (*exportCmd, error) {
	table, ok := p.Setting("export")
	if !ok {
		return nil, nil
	}
	flags, ok := table.Value.([]config.Setting)
	if !ok {
		return nil, usagef("export is no table: write export = { out = \"exports/{date}.tar.zst\" }")
	}
	dest := p.place(p.Text("dest"))
	if dest == "" {
		dest = "./civitai-archive"
	}
	cmd := &exportCmd{}
	parser, err := s.parserOf(cmd, flags)
	if err == nil {
		_, err = parser.Parse([]string{"--", dest})
	}
	if err != nil {
		return nil, usageError{err}
	}
	cmd.Out = p.place(cmd.Out)
	return cmd, nil
}

// place is a path of the profile's: relative to its file's folder, with ~/ for the user's own.
func (p profile) place(path string) string {
	if path == "" || path == "-" || bucket.Is(path) || filepath.IsAbs(path) {
		return path
	}
	if below, ok := strings.CutPrefix(filepath.ToSlash(path), "~/"); ok {
		if home, err := os.UserHomeDir(); err == nil {
			return filepath.Join(home, filepath.FromSlash(below))
		}
	}
	return filepath.Join(filepath.Dir(p.path), path)
}

// check finds what is wrong with a profile, each mistake with its line.
func (p profile) check(s *session) []config.Mistake {
	var wrong []config.Mistake
	mistake := func(line int, err error) {
		wrong = append(wrong, config.Mistake{Line: line, Text: oneLine(strings.TrimPrefix(err.Error(), "civitar: "))})
	}
	p.checkFlags(s, &archiveCmd{}, p.flags, nil, own(), mistake)
	if export, ok := p.Setting("export"); ok {
		if flags, ok := export.Value.([]config.Setting); ok {
			p.checkFlags(s, &exportCmd{}, flags, []string{"--", "x"}, nil, mistake)
		}
	}
	if dest, ok := p.Setting("dest"); ok && strings.TrimSpace(p.Text("dest")) == "" {
		mistake(dest.Line, errors.New("dest must be a text: the archive's folder, a package or s3://bucket/prefix"))
	}
	if len(wrong) == 0 {
		if err := p.checkWhole(s); err != nil {
			mistake(p.lineOf(err), err)
		}
	}
	return wrong
}

// checkFlags reads each setting by itself, so that each mistake is told at its line.
func (p profile) checkFlags(s *session, cmd any, flags settings, args, others []string, mistake func(int, error)) {
	for _, one := range flags {
		parser, err := s.parserOf(cmd, settings{one})
		if err != nil {
			mistake(one.Line, err)
			return
		}
		known := slices.Clone(others)
		for _, f := range parser.Model.Flags {
			known = append(known, append(f.Aliases, f.Name)...)
		}
		if !slices.Contains(known, one.Key) || one.Key == "help" {
			mistake(one.Line, fmt.Errorf("%q is no setting of a profile%s", one.Key, nearest(one.Key, known)))
			continue
		}
		if _, isTable := one.Value.([]config.Setting); isTable {
			mistake(one.Line, fmt.Errorf("%s is a table, and needs a value", one.Key))
			continue
		}
		if _, err := parser.Parse(args); err != nil && !strings.HasPrefix(err.Error(), "missing flags") {
			mistake(one.Line, err)
		}
	}
}

func (p profile) checkWhole(s *session) error {
	cmd, err := p.archive(s, nil)
	if err == nil {
		err = cmd.check()
	}
	if err == nil {
		_, err = p.exportAfter(s, cmd)
	}
	if err != nil {
		return err
	}
	at, err := p.plan()
	if err == nil && cmd.Follow && at.Spec != "" {
		err = usagef("follow goes on for ever, and schedule begins anew: leave out one of them; civitar run %s follows", p.Name)
	}
	return err
}

var flagInText = regexp.MustCompile(`--?([a-z][a-z-]+)|^(\w+) `)

// lineOf is the line of the setting that an error speaks of, or the profile's.
func (p profile) lineOf(err error) int {
	for _, m := range flagInText.FindAllStringSubmatch(err.Error(), -1) {
		if s, ok := p.Setting(m[1] + m[2]); ok {
			return s.Line
		}
		if export, ok := p.Setting("export"); ok && m[1] == "out" {
			return export.Line
		}
	}
	return p.Line
}

// nearest proposes the word that one may have meant.
func nearest(word string, known []string) string {
	best, least := "", 3
	for _, k := range known {
		if d := distance(word, k); d < least {
			best, least = k, d
		}
	}
	if best == "" {
		return ": any flag of civitar archive is, under its long name"
	}
	return fmt.Sprintf(": is it %q?", best)
}

// distance is how many letters differ, are missing or too many (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		corner := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := corner
			if a[i] != b[j] {
				cost++
			}
			corner = row[j+1]
			row[j+1] = min(cost, corner+1, row[j]+1)
		}
	}
	return row[len(b)]
}
