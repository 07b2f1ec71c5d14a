package sink

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
)

var (
	elementShape = regexp.MustCompile(`^[A-Za-z0-9_$+=@,()\[\]{}][-A-Za-z0-9_.$+=@,()\[\]{}~]*$`)
	devices      = regexp.MustCompile(`(?i)^(con|prn|aux|nul|conin\$|conout\$|com[0-9]|lpt[0-9]) *(\.|$)`)
)

// unsafe says what is wrong with a name on one system or another.
func unsafe(name string) error {
	switch {
	case len(name) > MaxName:
		return fmt.Errorf("%d bytes", len(name))
	case !elementShape.MatchString(name):
		return fmt.Errorf("a character or a start that is not safe")
	case strings.HasSuffix(name, "."):
		return fmt.Errorf("a trailing dot")
	case devices.MatchString(name):
		return fmt.Errorf("a device of Windows")
	}
	return nil
}

func TestElementMakesNamesSafe(t *testing.T) {
	t.Parallel()
	const tag = `~[0-9a-f]{8}`
	x := func(n int) string { return strings.Repeat("x", n) }
	tests := []struct{ name, in, want string }{
		{"an id", "8484131-20260810223715659_72bb48c5-0.jpg", `8484131-20260810223715659_72bb48c5-0\.jpg`},
		{"a step's name", "w_$0.json", `w_\$0\.json`},
		{"brackets", "a(1)[2]{3}@b,c+d=e", `a\(1\)\[2\]\{3\}@b,c\+d=e`},
		{"as long as can be", x(MaxName), x(MaxName)},
		{"empty", "", `_` + tag},
		{"one dot", ".", `_` + tag},
		{"two dots", "..", `_` + tag},
		{"upwards", "../../etc/passwd", `_\.` + tag + `\._etc_passwd`},
		{"upwards on Windows", `..\..\a.jpg`, `_\.\._a` + tag + `\.jpg`},
		{"absolute", "/etc/passwd", `_etc_passwd` + tag},
		{"a drive", `C:\a.jpg`, `C__a` + tag + `\.jpg`},
		{"a stream", "a.jpg:evil", `a` + tag + `\.jpg_evil`},
		{"NUL", "a\x00b.jpg", `a_b` + tag + `\.jpg`},
		{"a newline", "a\nb\r.jpg", `a_b_` + tag + `\.jpg`},
		{"a terminal's escape", "\x1b[2Ja", `_\[2Ja` + tag},
		{"a device", "CON", `_CON` + tag},
		{"a device, lower case", "nul", `_nul` + tag},
		{"a device with an extension", "aux.jpg", `_aux` + tag + `\.jpg`},
		{"a device with two extensions", "Com1.tar.gz", `_Com1\.tar` + tag + `\.gz`},
		{"a device with a long extension", "lpt9." + x(30), `_lpt9\.x{30}` + tag},
		{"a device after trimming", "-.prn.", `_prn` + tag},
		{"the console", "conout$.txt", `_conout\$` + tag + `\.txt`},
		{"nearly a device", "console.jpg", `console\.jpg`},
		{"nearly a port", "com10", `com10`},
		{"trailing dots", "a...", `a` + tag},
		{"trailing spaces", "a  ", `a__` + tag},
		{"a leading dash", "-rf", `rf` + tag},
		{"a leading dot", ".bashrc", `bashrc` + tag},
		{"a leading space", " a", `_a` + tag},
		{"a home", "~root", `_root` + tag},
		{"a wildcard", "*?.jpg", `__` + tag + `\.jpg`},
		{"5000 characters", x(5000) + ".jpg", `x{187}` + tag + `\.jpg`},
		{"a byte too long", x(MaxName + 1), `x{191}` + tag},
		{"a bidi mark", "a\u202egpj.exe", `a_gpj` + tag + `\.exe`},
		{"an emoji", "🎨.jpg", `_` + tag + `\.jpg`},
		{"letters with accents", "é.jpg", `_` + tag + `\.jpg`},
		{"not UTF-8", "a\xff\xfe.jpg", `a__` + tag + `\.jpg`},
		{"a name made safe before", "a~01234567.jpg", `a_01234567` + tag + `\.jpg`},
	}
	seen := map[string]string{}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := Element(tt.in)
			if !regexp.MustCompile(`^` + tt.want + `$`).MatchString(got) {
				t.Errorf("Element(%.60q) = %q, want %s", tt.in, got, tt.want)
			}
			if err := unsafe(got); err != nil {
				t.Errorf("Element(%.60q) = %q: %v", tt.in, got, err)
			}
			if other, ok := seen[Fold(got)]; ok {
				t.Errorf("%.60q and %.60q share the name %q", tt.in, other, got)
			}
			seen[Fold(got)] = tt.in
		})
	}
}

func TestEveryByteIsSafeInEveryPlace(t *testing.T) {
	t.Parallel()
	for b := range 256 {
		c := string([]byte{byte(b)})
		for _, s := range []string{c, c + "a", "a" + c, "a" + c + "b", "con" + c, "con" + c + "jpg", "a." + c} {
			if err := unsafe(Element(s)); err != nil {
				t.Errorf("Element(%q) = %q: %v", s, Element(s), err)
			}
		}
	}
}

func TestSuffixKeepsExtensionAndLength(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, in, want string }{
		{"with extension", "a.jpg", "a~ba7816bf.jpg"},
		{"without", "a", "a~ba7816bf"},
		{"only an extension", ".jpg", "_~ba7816bf.jpg"},
		{"empty", "", "_~ba7816bf"},
		{"two extensions", "a.tar.gz", "a.tar~ba7816bf.gz"},
		{"an extension that is none", "a." + strings.Repeat("x", 16), "a." + strings.Repeat("x", 16) + "~ba7816bf"},
		{"long", strings.Repeat("x", 300) + ".webp", strings.Repeat("x", 186) + "~ba7816bf.webp"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := Suffix(tt.in, "abc"); got != tt.want { // the SHA-256 of "abc" is well known
				t.Errorf("Suffix(%q) = %q, want %q", tt.in, got, tt.want)
			}
			if Suffix(tt.in, "abc") == Suffix(tt.in, "abd") {
				t.Error("two sources share a name")
			}
		})
	}
}

func TestFoldJoinsNamesThatDifferInCase(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		a, b string
		same bool
	}{{"media/A.JPG", "media/a.jpg", true}, {"a", "b", false}, {"a/b", "a_b", false}} {
		if same := Fold(tt.a) == Fold(tt.b); same != tt.same {
			t.Errorf("%q and %q: the same file: %v, want %v", tt.a, tt.b, same, tt.same)
		}
	}
}

func FuzzElement(f *testing.F) {
	for _, s := range []string{"", ".", "..", "../a", "a.jpg", "CON", "con.jpg", "nul ", "a\x00b", "-rf", "\xff", "🎨", strings.Repeat("é", 300), "a~01234567"} {
		f.Add(s, s+" ")
		f.Add(s, "b")
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		safe := Element(a)
		if err := unsafe(safe); err != nil {
			t.Errorf("Element(%q) = %q: %v", a, safe, err)
		}
		if again := Element(a); again != safe {
			t.Errorf("Element(%q) is %q and then %q", a, safe, again)
		}
		if unsafe(a) == nil && !strings.Contains(a, "~") && safe != a {
			t.Errorf("Element(%q) = %q, though it was safe", a, safe)
		}
		if safe != a && Element(safe) == safe { // else a server could send it and take the place
			t.Errorf("Element(%q) = %q, which also stands for itself", a, safe)
		}
		if a != b && Element(b) == safe {
			t.Errorf("%q and %q share the name %q", a, b, safe)
		}
	})
}
