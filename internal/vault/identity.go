package vault

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"strings"

	"filippo.io/age"
	"filippo.io/age/agessh"
	"filippo.io/age/armor"
	"golang.org/x/crypto/ssh"
)

// ErrPassphrase means that a passphrase is not that of the key.
var ErrPassphrase = errors.New("the passphrase is wrong")

var (
	errNoIdentity = errors.New("this is no identity: expected AGE-SECRET-KEY-…, or the file of an ssh private key")
	errPublic     = errors.New("this is a recipient, the public half of a key: the identity, its secret half, is needed")
	errNotLocked  = errors.New("the file is encrypted, but not with a passphrase: decrypt it first")
)

// Identities reads secret keys from files: those of age, one on each line, also in a file
// that is encrypted with a passphrase; and ssh private keys (ed25519, RSA). passphrase is
// asked once for each file that needs it, with a text that names the file. A wrong one
// gives an error that wraps [ErrPassphrase]. What is returned may be used from many
// goroutines.
func Identities(files []string, passphrase func(prompt string) (string, error)) ([]age.Identity, error) {
	var all []age.Identity
	for _, name := range files {
		data, err := readFile(name)
		if err != nil {
			return nil, err
		}
		some, err := identities(data, func() (string, error) { return passphrase("passphrase of " + name) })
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		all = append(all, some...)
	}
	return all, nil
}

func identities(data []byte, ask func() (string, error)) ([]age.Identity, error) {
	switch text := bytes.TrimSpace(data); {
	case isEncrypted(data):
		plain, err := unlock(data, ask)
		if err != nil {
			return nil, err
		}
		return parseIdentities(plain)
	case bytes.HasPrefix(text, []byte("-----BEGIN")):
		id, err := sshIdentity(data, ask)
		return []age.Identity{id}, err
	}
	return parseIdentities(data)
}

// parseIdentities reads keys of age. The library's own errors are left out: they can hold
// parts of a key.
func parseIdentities(data []byte) (all []age.Identity, err error) {
	for n, line := range lines(data) {
		var id age.Identity
		switch {
		case strings.HasPrefix(line, "AGE-SECRET-KEY-PQ-1"):
			id, err = age.ParseHybridIdentity(line)
		case strings.HasPrefix(line, "AGE-SECRET-KEY-1"):
			id, err = age.ParseX25519Identity(line)
		case strings.HasPrefix(line, "AGE-PLUGIN-"):
			return nil, fmt.Errorf("line %d: %w", n, errPlugin)
		case isPublic(line):
			return nil, fmt.Errorf("line %d: %w", n, errPublic)
		default:
			return nil, fmt.Errorf("line %d: %w", n, errNoIdentity)
		}
		if err != nil {
			return nil, fmt.Errorf("line %d: this identity is mistyped or cut short", n)
		}
		all = append(all, id)
	}
	if len(all) == 0 {
		return nil, errNoIdentity
	}
	return all, nil
}

// sshIdentity decrypts a key at once: the library's own way, which asks when a file needs
// it, serves one goroutine only.
func sshIdentity(data []byte, ask func() (string, error)) (age.Identity, error) {
	key, err := ssh.ParseRawPrivateKey(data)
	var missing *ssh.PassphraseMissingError
	if errors.As(err, &missing) {
		var text string
		if text, err = ask(); err != nil {
			return nil, err
		}
		key, err = ssh.ParseRawPrivateKeyWithPassphrase(data, []byte(text))
	}
	switch {
	case errors.Is(err, x509.IncorrectPasswordError):
		return nil, ErrPassphrase
	case err != nil:
		return nil, fmt.Errorf("no ssh private key that can be read: %w", err)
	}
	switch key := key.(type) {
	case *ed25519.PrivateKey:
		return agessh.NewEd25519Identity(*key)
	case ed25519.PrivateKey:
		return agessh.NewEd25519Identity(key)
	case *rsa.PrivateKey:
		return agessh.NewRSAIdentity(key)
	}
	return nil, errKind
}

// intro begins an age file.
const intro = "age-encryption.org/v1"

func isArmored(data []byte) bool { return bytes.HasPrefix(bytes.TrimSpace(data), []byte(armor.Header)) }

func isEncrypted(data []byte) bool { return bytes.HasPrefix(data, []byte(intro)) || isArmored(data) }

// unlock decrypts a file that is encrypted with a passphrase.
func unlock(data []byte, ask func() (string, error)) ([]byte, error) {
	var src io.Reader = bytes.NewReader(data)
	if isArmored(data) {
		src = armor.NewReader(src)
	}
	r, err := age.Decrypt(src, locked{ask})
	var others *age.NoIdentityMatchError
	switch {
	case errors.As(err, &others):
		return nil, errNotLocked
	case err != nil:
		return nil, err
	}
	return io.ReadAll(r)
}

// locked asks for a passphrase when it has seen that it would help.
type locked struct{ ask func() (string, error) }

func (l locked) Unwrap(stanzas []*age.Stanza) ([]byte, error) {
	if len(stanzas) != 1 || stanzas[0].Type != "scrypt" {
		return nil, age.ErrIncorrectIdentity
	}
	text, err := l.ask()
	if err != nil {
		return nil, err
	}
	id, err := age.NewScryptIdentity(text)
	if err != nil { // an empty one
		return nil, ErrPassphrase
	}
	key, err := id.Unwrap(stanzas)
	if errors.Is(err, age.ErrIncorrectIdentity) {
		return nil, ErrPassphrase
	}
	return key, err
}
