package config

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const good = `# a comment
[defaults]
page-size = 200
tag = ["a", "b"]

[profile.nightly]
dest = "~/civitai"
max-nsfw = "pg13"
page-size = 50
export = { out = "x.tar", since-last-export = true }

[profile.b.export]
out = "y.zip"
`

func TestParse(t *testing.T) {
	f, err := Parse(Name, []byte(good))
	if err != nil {
		t.Fatal(err)
	}
	if len(f.Profiles()) != 2 {
		t.Fatal(f.Profiles())
	}
	p, err := f.Profile("nightly")
	if err != nil || p.Line != 6 || p.Text("max-nsfw") != "pg13" {
		t.Error(p, err)
	}
	for key, want := range map[string]struct {
		line  int
		value any
	}{"page-size": {9, int64(50)}, "dest": {7, "~/civitai"}} {
		if s, ok := p.Setting(key); !ok || s.Line != want.line || s.Value != want.value {
			t.Errorf("%s: %+v", key, s)
		}
	}
	if s, _ := p.Setting("tag"); s.Line != 4 || len(s.Value.([]any)) != 2 {
		t.Errorf("%+v", s)
	}
	if s, _ := p.Setting("export"); s.Line != 10 || s.Value.([]Setting)[0] != (Setting{"out", "x.tar", 10}) {
		t.Errorf("%+v", s)
	}
	if b, err := f.Profile("b"); err != nil || b.Line != 12 {
		t.Error(b, err)
	}
	if _, err := f.Profile("weekly"); err == nil || !strings.Contains(err.Error(), "it has b, nightly") {
		t.Error(err)
	}
}

func TestMistakesHaveTheirLines(t *testing.T) {
	for text, want := range map[string][]string{
		"[profile.x]\ndest = \n":                    {"civitar.toml:2: "},
		"[profile.x]\na = 1\na = 2\n":               {"civitar.toml:3: "},
		"dest = \"x\"\n[profil.x]\n":                {"civitar.toml:1: ", "civitar.toml:2: "},
		"[profile]\nx = 1\n[profile.\"a b\"]\n":     {"civitar.toml:2: ", "civitar.toml:3: "},
		"[profile.x]\n\ntoken = \"s3cr3t\"\n":       {"civitar.toml:3: a token does not belong"},
		"[profile.x]\nexport = { token = \"s\" }\n": {"civitar.toml:2: a token"},
	} {
		_, err := Parse(Name, []byte(text))
		var all *Mistakes
		if !errors.As(err, &all) || len(all.All) != len(want) {
			t.Errorf("%q: %v", text, err)
			continue
		}
		for i, one := range all.All {
			if !strings.HasPrefix(all.Line(one), want[i]) || strings.Contains(one.Text, "s3cr3t") {
				t.Errorf("%q: %s, want %s", text, all.Line(one), want[i])
			}
		}
	}
}

func TestFind(t *testing.T) {
	t.Chdir(t.TempDir())
	home := t.TempDir()
	t.Setenv("XDG_CONFIG_HOME", home)
	t.Setenv("HOME", home)
	t.Setenv("AppData", home)
	if _, err := Find(""); !errors.Is(err, ErrNone) {
		t.Error(err)
	}
	if _, err := Find("absent.toml"); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
	user, err := os.UserConfigDir()
	if err != nil {
		t.Fatal(err)
	}
	users := filepath.Join(user, "civitar", Name)
	for _, name := range []string{users, Name} {
		if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o777), os.WriteFile(name, nil, 0o666)); err != nil {
			t.Fatal(err)
		}
		if got, err := Find(""); err != nil || got != name {
			t.Errorf("%s, %v, want %s", got, err, name)
		}
	}
}

func FuzzParseFile(f *testing.F) {
	f.Add([]byte(good))
	f.Add([]byte("[[profile]]\n[profile.x]\na.b.c = {d = [1, {e = 2}]}\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := Parse(Name, data)
		var all *Mistakes
		if err != nil && (!errors.As(err, &all) || len(all.All) == 0) {
			t.Errorf("%T: %v", err, err)
		}
		if err == nil {
			for _, p := range file.Profiles() {
				if p.Line < 1 {
					t.Errorf("profile %s has no line", p.Name)
				}
			}
		}
	})
}
