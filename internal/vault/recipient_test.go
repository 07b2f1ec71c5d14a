package vault

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestRecipientsAreReadAndGivenBackWithoutComments(t *testing.T) {
	t.Parallel()
	a, b, c, r := x25519(t).public, x25519(t).public, sshKey(t, ed25519Key(t), "").public, rsaPublic(t, 2048)
	q := hybrid(t).public
	for name, tt := range map[string]struct {
		given string
		want  []string
	}{
		"a key":                        {a, []string{a}},
		"a key with space around it":   {" " + a + "\n", []string{a}},
		"a post-quantum key":           {q, []string{q}},
		"an ssh key":                   {c, []string{c}},
		"an ssh key with a comment":    {c + " me@home and more", []string{c}},
		"an RSA key with a comment":    {r + " me@home", []string{r}},
		"a file":                       {file(t, a+"\n"), []string{a}},
		"a file without a last end":    {file(t, "# mine\n\n"+a+"\n\t\n#"+b+"\n"+c+" me@home\n"+r), []string{a, c, r}},
		"a file of Windows":            {file(t, "# mine\r\n"+a+"\r\n"+b+"\r\n"), []string{a, b}},
		"a file with one of them only": {file(t, strings.Repeat(b+"\n", 3)), []string{b}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := sealer(t, tt.given)
			if got := s.Recipients(); !slices.Equal(got, tt.want) {
				t.Errorf("recipients\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(tt.want, "\n"))
			}
			if again := sealer(t, s.Recipients()...); !slices.Equal(again.Recipients(), tt.want) {
				t.Errorf("read again, they are %v", again.Recipients())
			}
		})
	}
}

func TestRecipientsThatAreNoneAreToldWithoutASecret(t *testing.T) {
	t.Parallel()
	k, q, s := x25519(t), hybrid(t), sshKey(t, ed25519Key(t), "")
	other := sshKey(t, ecdsaKey(t), "")
	folder := t.TempDir()
	for name, tt := range map[string]struct {
		given string
		want  error // nil: any
		says  string
	}{
		"nothing":                   {"", fs.ErrNotExist, "neither a key"},
		"a name":                    {filepath.Join(folder, "none"), fs.ErrNotExist, "nor a file"},
		"a name like a key":         {filepath.Join(folder, "age1.pub"), fs.ErrNotExist, "nor a file"},
		"a folder":                  {folder, nil, folder},
		"a key that is cut":         {k.public[:40], errMistyped, "age1"},
		"a post-quantum key, cut":   {q.public[:400], errMistyped, "age1pq1"},
		"an ssh key that is cut":    {s.public[:40], errMistyped, "ssh-ed25519"},
		"a key of a plugin":         {"age1yubikey1qwertyuiopasdf", errPlugin, "plugin"},
		"a small RSA key":           {rsaPublic(t, 2047), errKind, "2048"},
		"an ECDSA key":              {other.public, errKind, "ssh-ed25519"},
		"a secret key":              {k.secret, ErrIdentity, "age-keygen -y"},
		"a secret key, mistyped":    {strings.Replace(k.secret, "KEY-1", "KEY1", 1), ErrIdentity, "age-keygen -y"},
		"a secret key in lower":     {strings.ToLower(k.secret), ErrIdentity, "identity"},
		"a post-quantum secret key": {q.secret, ErrIdentity, "identity"},
		"an ssh private key":        {s.secret, ErrIdentity, "ssh-keygen -y"},
		"a file of a secret key":    {file(t, "# public key: "+k.public+"\n"+k.secret+"\n"), ErrIdentity, "keys.txt"},
		"a file of an ssh key":      {file(t, s.secret), ErrIdentity, "keys.txt"},
		"a file with a passphrase":  {file(t, lockedFile(t, k.secret, "open", false)), ErrIdentity, "keys.txt"},
		"the same in text":          {file(t, lockedFile(t, k.secret, "open", true)), ErrIdentity, "keys.txt"},
		"an empty file":             {file(t, "# none\n"), nil, "no recipient"},
		"a file with a bad line":    {file(t, k.public+"\n\nhunter2\n"), errNoRecipient, "line 3"},
		"a file with half a key":    {file(t, k.public[:50]+"\n"), errMistyped, "line 1"},
		"a file too large":          {file(t, strings.Repeat("# none\n", maxFile/7+1)), nil, "too large"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := ParseRecipient(tt.given)
			if err == nil || tt.want != nil && !errors.Is(err, tt.want) || !strings.Contains(err.Error(), tt.says) {
				t.Fatalf("error %v, want %v that says %q", err, tt.want, tt.says)
			}
			oneSentence(t, err, k.secret, q.secret, s.secret, "hunter2")
		})
	}
}

// oneSentence checks that an error is one line and holds nothing of the secrets.
func oneSentence(t *testing.T, err error, secrets ...string) {
	t.Helper()
	text := strings.ToUpper(err.Error())
	if strings.Contains(text, "\n") || len(text) > 300 {
		t.Errorf("more than a sentence: %v", err)
	}
	for _, s := range secrets {
		for i := 0; i+12 <= len(s); i += 6 {
			part := strings.ToUpper(s[i : i+12])
			if strings.Contains(text, part) && !strings.HasPrefix("AGE-SECRET-KEY-", part) && !strings.Contains(part, " ") {
				t.Errorf("a part of a secret, %q, is in: %v", part, err)
			}
		}
	}
	if strings.Contains(text, "HUNTER2") {
		t.Errorf("the line is in: %v", err)
	}
}

func TestAFileThatMayNotBeReadIsTold(t *testing.T) {
	t.Parallel()
	name := file(t, x25519(t).public)
	must(t, os.Chmod(name, 0))
	if f, err := os.Open(name); err == nil { // root, or Windows
		must(t, f.Close())
		t.Skip("this user may read everything")
	}
	if _, err := ParseRecipient(name); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("error %v, want %v", err, fs.ErrPermission)
	}
}

// What is taken for a recipient is given back as a text that means the same.
func FuzzRecipient(f *testing.F) {
	f.Add(x25519(f).public)
	f.Add(hybrid(f).public)
	f.Add(sshKey(f, ed25519Key(f), "").public + " me@home")
	f.Add(`no-pty,command="ssh-ed25519 x" ` + sshKey(f, ed25519Key(f), "").public)
	f.Fuzz(func(t *testing.T, line string) {
		r, err := parseRecipient(line)
		if err != nil {
			oneSentence(t, err)
			return
		}
		if again, err := parseRecipient(r.String()); err != nil || again.String() != r.String() || strings.ContainsAny(r.String(), "\r\n") {
			t.Errorf("%q was read as %q, and that as %q, %v", line, r, again, err)
		}
	})
}
