// Package config reads civitar.toml: profiles of archives, and what they have in common.
//
//	[defaults]                 # flags of every profile
//	page-size = 200
//
//	[profile.nightly]
//	dest = "~/civitai"
//	max-nsfw = "pg13"
//	schedule = "0 3 * * *"
//	export = { out = "exports/{date}.tar.zst", since-last-export = true }
//
// Every flag of `civitar archive` may stand in a profile, under its long name. What a value
// means is not known here: whoever runs the profile reads it as it reads the flag.
package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"
)

// Name is the file's.
const Name = "civitar.toml"

// Setting is a key with its value: a string, bool, int64, float64, a date of TOML's, a []any of
// these, or for tables a []Setting. Line counts from 1.
type Setting struct {
	Key   string
	Value any
	Line  int
}

// Profile is an archive and how it is kept. Settings holds what stands in it, and of the
// defaults what it does not say itself.
type Profile struct {
	Name     string
	Line     int
	Settings []Setting
}

// File is a configuration that was read.
type File struct {
	Path     string
	profiles []Profile
}

// Mistake is something wrong with a file. Line is 0 for the file as a whole.
type Mistake struct {
	Line int
	Text string
}

// Mistakes are all that is wrong with a file.
type Mistakes struct {
	Path string
	All  []Mistake
}

func (m *Mistakes) Error() string {
	lines := make([]string, len(m.All))
	for i, one := range m.All {
		lines[i] = m.Line(one)
	}
	return strings.Join(lines, "; ")
}

// Line is one mistake with its place.
func (m *Mistakes) Line(one Mistake) string {
	if one.Line == 0 {
		return m.Path + ": " + one.Text
	}
	return fmt.Sprintf("%s:%d: %s", m.Path, one.Line, one.Text)
}

// ErrNone is wrapped by Find where there is no file.
var ErrNone = errors.New("there is no " + Name)

// Find tells which file is read: the one named, else the working folder's, else that of the
// user's folder of settings. A file that is named must be there.
func Find(named string) (string, error) {
	if named != "" {
		_, err := os.Stat(named)
		return named, err
	}
	places := []string{Name}
	if dir, err := os.UserConfigDir(); err == nil {
		places = append(places, filepath.Join(dir, "civitar", Name))
	}
	for _, place := range places {
		if _, err := os.Stat(place); err == nil {
			return place, nil
		} else if !errors.Is(err, fs.ErrNotExist) {
			return "", err
		}
	}
	return "", fmt.Errorf("%w: looked for %s", ErrNone, strings.Join(places, " and "))
}

// Load reads a file. Errors: [*Mistakes], and those of package os.
func Load(path string) (*File, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return Parse(path, data)
}

// Parse reads the text of a file.
func Parse(path string, data []byte) (*File, error) {
	var tree map[string]any
	if err := toml.Unmarshal(data, &tree); err != nil {
		line := 0
		var at *toml.DecodeError
		if errors.As(err, &at) {
			line, _ = at.Position()
		}
		return nil, &Mistakes{path, []Mistake{{line, strings.TrimPrefix(err.Error(), "toml: ")}}}
	}
	r := &reader{lines: linesOf(data), wrong: Mistakes{Path: path}}
	f := r.file(path, tree)
	if len(r.wrong.All) > 0 {
		slices.SortStableFunc(r.wrong.All, func(a, b Mistake) int { return a.Line - b.Line })
		return nil, &r.wrong
	}
	return f, nil
}

// Profiles are those of the file, by name.
func (f *File) Profiles() []Profile { return f.profiles }

// Profile finds one. The error says which there are.
func (f *File) Profile(name string) (Profile, error) {
	var names []string
	for _, p := range f.profiles {
		if p.Name == name {
			return p, nil
		}
		names = append(names, p.Name)
	}
	if len(names) == 0 {
		return Profile{}, fmt.Errorf("%s has no profiles: add [profile.%s]", f.Path, name)
	}
	return Profile{}, fmt.Errorf("%s has no profile %q: it has %s", f.Path, name, strings.Join(names, ", "))
}

// Setting finds one of a profile by its key.
func (p Profile) Setting(key string) (Setting, bool) {
	i := slices.IndexFunc(p.Settings, func(s Setting) bool { return s.Key == key })
	if i < 0 {
		return Setting{}, false
	}
	return p.Settings[i], true
}

// Text is a setting's value where it is a string, "" otherwise.
func (p Profile) Text(key string) string {
	s, _ := p.Setting(key)
	text, _ := s.Value.(string)
	return text
}

type reader struct {
	lines map[string]int
	wrong Mistakes
}

func (r *reader) mistake(line int, format string, args ...any) {
	r.wrong.All = append(r.wrong.All, Mistake{line, fmt.Sprintf(format, args...)})
}

func (r *reader) file(path string, tree map[string]any) *File {
	f := &File{Path: path}
	var defaults []Setting
	for _, key := range sorted(tree) {
		table, ok := tree[key].(map[string]any)
		switch {
		case !ok || key != "defaults" && key != "profile":
			r.mistake(r.lines[key], "%q stands outside of a profile: write it below [profile.NAME] or [defaults]", key)
		case key == "defaults":
			defaults = r.settings(key, table)
		default:
			for _, name := range sorted(table) {
				line := r.lines[key+"."+name]
				of, ok := table[name].(map[string]any)
				if !ok || strings.Trim(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") != "" || name == "" {
					r.mistake(line, "%q is no profile: write [profile.NAME], with a name of letters, digits, - and _", name)
					continue
				}
				f.profiles = append(f.profiles, Profile{name, line, r.settings(key+"."+name, of)})
			}
		}
	}
	for i, p := range f.profiles {
		for _, d := range defaults {
			if _, ok := p.Setting(d.Key); !ok {
				f.profiles[i].Settings = append(f.profiles[i].Settings, d)
			}
		}
	}
	return f
}

func (r *reader) settings(prefix string, table map[string]any) []Setting {
	var all []Setting
	for _, key := range sorted(table) {
		s := Setting{key, table[key], r.lines[prefix+"."+key]}
		if below, ok := s.Value.(map[string]any); ok {
			s.Value = r.settings(prefix+"."+key, below)
			if s.Line == 0 { // written with dots
				for _, b := range s.Value.([]Setting) {
					s.Line = b.Line
				}
			}
		}
		if key == "token" {
			r.mistake(s.Line, "a token does not belong into a file that is easily shared: run civitar login, or set CIVITAI_API_TOKEN or token-file")
		}
		all = append(all, s)
	}
	return all
}

func sorted(table map[string]any) []string {
	keys := make([]string, 0, len(table))
	for key := range table {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

// linesOf tells where each key stands, by its path with dots.
func linesOf(data []byte) map[string]int {
	lines := map[string]int{}
	var p unstable.Parser
	p.Reset(data)
	var table []string
	for p.NextExpression() {
		e := p.Expression()
		switch e.Kind {
		case unstable.Table, unstable.ArrayTable:
			table = keyOf(e)
			note(lines, &p, e, table)
		case unstable.KeyValue:
			keyValue(lines, &p, e, table)
		}
	}
	return lines
}

func keyValue(lines map[string]int, p *unstable.Parser, e *unstable.Node, table []string) {
	path := slices.Concat(table, keyOf(e))
	note(lines, p, e, path)
	if v := e.Value(); v.Kind == unstable.InlineTable {
		for it := v.Children(); it.Next(); {
			keyValue(lines, p, it.Node(), path)
		}
	}
}

func keyOf(e *unstable.Node) []string {
	var path []string
	for it := e.Key(); it.Next(); {
		path = append(path, string(it.Node().Data))
	}
	return path
}

func note(lines map[string]int, p *unstable.Parser, e *unstable.Node, path []string) {
	it := e.Key()
	if !it.Next() {
		return
	}
	line := p.Shape(it.Node().Raw).Start.Line
	for n := range path {
		if at := strings.Join(path[:n+1], "."); lines[at] == 0 {
			lines[at] = line
		}
	}
}
