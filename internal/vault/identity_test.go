package vault

import (
	"errors"
	"io/fs"
	"strings"
	"testing"
)

func TestFilesOfIdentitiesAreRead(t *testing.T) {
	t.Parallel()
	a, b, q := x25519(t), x25519(t), hybrid(t)
	native := "# created: today\n# public key: " + a.public + "\n" + a.secret + "\r\n\n  " + q.secret + "\n"
	s := sshKey(t, ed25519Key(t), "open")
	for name, tt := range map[string]struct {
		files []string
		want  int // identities
		asked int
	}{
		"none":                         {nil, 0, 0},
		"two keys in a file":           {[]string{file(t, native)}, 2, 0},
		"two files":                    {[]string{file(t, native), file(t, b.secret)}, 3, 0},
		"with a passphrase":            {[]string{file(t, lockedFile(t, native, "open", false))}, 2, 1},
		"with a passphrase, in text":   {[]string{file(t, "\n"+lockedFile(t, native, "open", true)+"\n")}, 2, 1},
		"ssh with a passphrase":        {[]string{file(t, s.secret)}, 1, 1},
		"two that ask, one that can't": {[]string{file(t, s.secret), file(t, b.secret), file(t, lockedFile(t, native, "open", true))}, 4, 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := 0
			ids, err := Identities(tt.files, func(prompt string) (string, error) {
				n++
				if !strings.Contains(prompt, "keys.txt") {
					t.Errorf("the prompt %q names no file", prompt)
				}
				return "open", nil
			})
			if err != nil || len(ids) != tt.want || n != tt.asked {
				t.Errorf("%d identities after %d questions, %v; want %d after %d", len(ids), n, err, tt.want, tt.asked)
			}
		})
	}
}

func TestIdentitiesThatAreNoneAreToldWithoutASecret(t *testing.T) {
	t.Parallel()
	k, q := x25519(t), hybrid(t)
	s, e := sshKey(t, ed25519Key(t), "open"), sshKey(t, ecdsaKey(t), "")
	noTerminal := errors.New("no terminal")
	for name, tt := range map[string]struct {
		content string // of the file
		answer  string
		fault   error // of the question
		want    error // nil: any
		says    string
	}{
		"empty":                        {"# none\n", "", nil, errNoIdentity, "AGE-SECRET-KEY-"},
		"something else":               {"hunter2\n", "", nil, errNoIdentity, "line 1"},
		"half a key":                   {"\n" + k.secret[:50] + "\n", "", nil, nil, "line 2"},
		"half a post-quantum key":      {q.secret[:60] + "\n", "", nil, nil, "cut short"},
		"a recipient":                  {k.public, "", nil, errPublic, "recipient"},
		"an ssh public key":            {s.public + " me@home", "", nil, errPublic, "secret half"},
		"a plugin's":                   {"AGE-PLUGIN-YUBIKEY-1QWERTY", "", nil, errPlugin, "plugin"},
		"an ECDSA key":                 {e.secret, "", nil, errKind, "ssh-ed25519"},
		"half an ssh key":              {s.secret[:200], "", nil, nil, "ssh private key"},
		"an ssh key, damaged":          {strings.Replace(s.secret, "\n", "\nAAAA", 1), "open", nil, nil, "ssh private key"},
		"a wrong passphrase":           {lockedFile(t, k.secret, "open", false), "close", nil, ErrPassphrase, "wrong"},
		"an empty passphrase":          {lockedFile(t, k.secret, "open", true), "", nil, ErrPassphrase, "wrong"},
		"a wrong passphrase for ssh":   {s.secret, "close", nil, ErrPassphrase, "wrong"},
		"nobody to ask":                {lockedFile(t, k.secret, "open", true), "", noTerminal, noTerminal, "terminal"},
		"nobody to ask for ssh":        {s.secret, "", noTerminal, noTerminal, "terminal"},
		"encrypted for another":        {string(seal(t, sealer(t, k.public), []byte(k.secret))), "open", nil, errNotLocked, "not with a passphrase"},
		"a recipient, with passphrase": {lockedFile(t, k.public, "open", false), "open", nil, errPublic, "secret half"},
		"a locked file, cut":           {lockedFile(t, k.secret, "open", false)[:150], "open", nil, nil, "keys.txt"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ids, err := Identities([]string{file(t, tt.content)}, func(string) (string, error) { return tt.answer, tt.fault })
			if err == nil || tt.want != nil && !errors.Is(err, tt.want) || !strings.Contains(err.Error(), tt.says) || !strings.Contains(err.Error(), "keys.txt") {
				t.Fatalf("%d identities, error %v; want %v that says %q and names the file", len(ids), err, tt.want, tt.says)
			}
			oneSentence(t, err, k.secret, q.secret, s.secret, tt.answer)
		})
	}
	if _, err := Identities([]string{"none.txt"}, nil); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: %v, want %v", err, fs.ErrNotExist)
	}
}
