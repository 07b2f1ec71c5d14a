package vault

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"filippo.io/age"
	"filippo.io/age/agessh"
	"golang.org/x/crypto/ssh"
)

// ErrIdentity means that a secret key was given where a public one is to be.
var ErrIdentity = errors.New("this is an identity, the secret half of a key: give the public half, as age-keygen -y or ssh-keygen -y -f prints it")

var (
	errNoRecipient = errors.New("this is no recipient: expected age1…, ssh-ed25519 … or ssh-rsa …")
	errMistyped    = errors.New("this recipient is mistyped or cut short")
	errPlugin      = errors.New("keys that need a plugin of age are not supported: use one that age-keygen made, or an ssh key")
	errKind        = errors.New("this kind of ssh key cannot encrypt: use ssh-ed25519, or ssh-rsa of 2048 bits and more")
)

// Recipient is a public key to encrypt for.
type Recipient struct {
	key  age.Recipient
	text string
}

// String is the key on one line, without comments: [ParseRecipient] reads it.
func (r Recipient) String() string { return r.text }

// ParseRecipient reads a recipient: age1… (age1pq1… is post-quantum), ssh-ed25519 … or
// ssh-rsa …, or the name of a file with one on each line. Empty lines, and those that begin
// with #, are passed over. A secret key gives an error that wraps [ErrIdentity], a file
// that is not there one that wraps [fs.ErrNotExist].
func ParseRecipient(s string) ([]Recipient, error) {
	s = strings.TrimSpace(s)
	if isSecret(s) {
		return nil, fmt.Errorf("recipient: %w", ErrIdentity)
	}
	if !isPublic(s) {
		return recipientFile(s)
	}
	r, err := parseRecipient(s)
	if err != nil {
		return nil, fmt.Errorf("recipient %s: %w", short(s), err)
	}
	return []Recipient{r}, nil
}

func recipientFile(name string) ([]Recipient, error) {
	data, err := readFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("recipient %q is neither a key (age1…, ssh-ed25519 …, ssh-rsa …) nor a file: %w", name, fs.ErrNotExist)
	}
	if err != nil {
		return nil, err
	}
	if isSecret(string(data)) || isEncrypted(data) {
		return nil, fmt.Errorf("%s: %w", name, ErrIdentity)
	}
	var all []Recipient
	for n, line := range lines(data) {
		r, err := parseRecipient(line)
		if err != nil {
			return nil, fmt.Errorf("%s, line %d: %w", name, n, err)
		}
		all = append(all, r)
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("%s holds no recipient: expected age1…, ssh-ed25519 … or ssh-rsa …, one on each line", name)
	}
	return all, nil
}

// isPublic tells what can only be a key, well-formed or not, from the name of a file.
func isPublic(s string) bool {
	if strings.HasPrefix(s, "age1") {
		return !strings.ContainsAny(s, `./\`)
	}
	kind, _, spaced := strings.Cut(s, " ")
	return spaced && (strings.HasPrefix(kind, "ssh-") || strings.HasPrefix(kind, "sk-") || strings.HasPrefix(kind, "ecdsa-"))
}

// isSecret tells secret keys, mistyped ones too, in whatever is around them.
func isSecret(s string) bool {
	upper := strings.ToUpper(s)
	return strings.Contains(upper, "AGE-SECRET-KEY") || strings.Contains(upper, "AGE-PLUGIN-") || strings.Contains(upper, "PRIVATE KEY-----")
}

// parseRecipient reads one line. The libraries' own errors are left out: they hold the line.
func parseRecipient(line string) (Recipient, error) {
	var r interface {
		age.Recipient
		fmt.Stringer
	}
	var err error
	switch {
	case !isPublic(line):
		return Recipient{}, errNoRecipient
	case !strings.HasPrefix(line, "age1"):
		return parseSSH(line)
	case strings.HasPrefix(line, "age1pq1"):
		r, err = age.ParseHybridRecipient(line)
	case strings.Count(line, "1") > 1: // the name of a plugin stands between them
		return Recipient{}, errPlugin
	default:
		r, err = age.ParseX25519Recipient(line)
	}
	if err != nil {
		return Recipient{}, errMistyped
	}
	return Recipient{r, r.String()}, nil
}

func parseSSH(line string) (Recipient, error) {
	public, _, _, _, err := ssh.ParseAuthorizedKey([]byte(line))
	if err != nil {
		return Recipient{}, errMistyped
	}
	var r age.Recipient
	switch public.Type() {
	case ssh.KeyAlgoED25519:
		r, err = agessh.NewEd25519Recipient(public)
	case ssh.KeyAlgoRSA:
		r, err = agessh.NewRSARecipient(public)
	default:
		err = errKind
	}
	if err != nil {
		return Recipient{}, errKind
	}
	return Recipient{r, strings.TrimSpace(string(ssh.MarshalAuthorizedKey(public)))}, nil
}

// short is enough of a key to know it by: post-quantum ones have 2000 characters.
func short(s string) string {
	if len(s) <= 32 {
		return s
	}
	return s[:32] + "…"
}
