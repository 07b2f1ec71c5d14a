package vault

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"filippo.io/age"
	"filippo.io/age/armor"
	"golang.org/x/crypto/ssh"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// key is one pair: what is given as a recipient, and what a file of identities holds.
type key struct{ public, secret string }

func x25519(t testing.TB) key {
	id, err := age.GenerateX25519Identity()
	must(t, err)
	return key{id.Recipient().String(), id.String()}
}

func hybrid(t testing.TB) key {
	id, err := age.GenerateHybridIdentity()
	must(t, err)
	return key{id.Recipient().String(), id.String()}
}

// sshKey gives a pair a comment, and a passphrase where there is one.
func sshKey(t testing.TB, secret crypto.Signer, passphrase string) key {
	block, err := ssh.MarshalPrivateKey(secret, "me@home")
	if passphrase != "" {
		block, err = ssh.MarshalPrivateKeyWithPassphrase(secret, "me@home", []byte(passphrase))
	}
	must(t, err)
	return key{sshPublic(t, secret.Public()), string(pem.EncodeToMemory(block))}
}

func sshPublic(t testing.TB, public crypto.PublicKey) string {
	k, err := ssh.NewPublicKey(public)
	must(t, err)
	return strings.TrimSpace(string(ssh.MarshalAuthorizedKey(k)))
}

// rsaPublic is a key of a size that nobody has the secret half of: to make one takes long.
func rsaPublic(t testing.TB, bits int) string {
	n := new(big.Int).Lsh(big.NewInt(1), uint(bits-1))
	return sshPublic(t, &rsa.PublicKey{N: n.SetBit(n, 0, 1), E: 65537})
}

func ed25519Key(t testing.TB) crypto.Signer {
	_, secret, err := ed25519.GenerateKey(rand.Reader)
	must(t, err)
	return secret
}

func rsaKey(t testing.TB) crypto.Signer {
	secret, err := rsa.GenerateKey(rand.Reader, 2048)
	must(t, err)
	return secret
}

func ecdsaKey(t testing.TB) crypto.Signer {
	secret, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	return secret
}

// lockedFile is a file of identities, encrypted with a passphrase.
func lockedFile(t testing.TB, content, passphrase string, armored bool) string {
	t.Helper()
	r, err := age.NewScryptRecipient(passphrase)
	must(t, err)
	r.SetWorkFactor(6)
	var out bytes.Buffer
	dst := io.WriteCloser(nopCloser{&out})
	if armored {
		dst = armor.NewWriter(&out)
	}
	w, err := age.Encrypt(dst, r)
	must(t, err)
	_, err = io.WriteString(w, content)
	must(t, errors.Join(err, w.Close(), dst.Close()))
	return out.String()
}

type nopCloser struct{ io.Writer }

func (nopCloser) Close() error { return nil }

func file(t testing.TB, content string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "keys.txt")
	must(t, os.WriteFile(name, []byte(content), 0o600))
	return name
}

func sealer(t testing.TB, recipients ...string) *Sealer {
	t.Helper()
	var all []Recipient
	for _, r := range recipients {
		some, err := ParseRecipient(r)
		must(t, err)
		all = append(all, some...)
	}
	s, err := NewSealer(all)
	must(t, err)
	return s
}

func seal(t testing.TB, s *Sealer, plain []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := s.Seal(&out)
	must(t, err)
	_, err = w.Write(plain)
	must(t, errors.Join(err, w.Close()))
	return out.Bytes()
}

// asked answers with a passphrase, and counts.
func asked(n *int, passphrase string) func(string) (string, error) {
	return func(string) (string, error) { *n++; return passphrase, nil }
}

func TestWhatIsSealedForAKeyOpensWithIt(t *testing.T) {
	t.Parallel()
	plain := bytes.Repeat([]byte("a picture and its prompt\n"), 10_000)
	for name, tt := range map[string]struct {
		key
		passphrase string // what the user says, if asked
	}{
		"x25519":                 {x25519(t), ""},
		"post-quantum":           {hybrid(t), ""},
		"ssh-ed25519":            {sshKey(t, ed25519Key(t), ""), ""},
		"ssh-ed25519 and locked": {sshKey(t, ed25519Key(t), "open"), "open"},
		"ssh-rsa":                {sshKey(t, rsaKey(t), ""), ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			other := x25519(t).public
			if name == "post-quantum" {
				other = hybrid(t).public
			}
			sealed := seal(t, sealer(t, other, tt.public), plain)
			if bytes.Contains(sealed, plain[:24]) {
				t.Error("the plaintext is in the file")
			}
			n := 0
			ids, err := Identities([]string{file(t, x25519(t).secret), file(t, tt.secret)}, asked(&n, tt.passphrase))
			must(t, err)
			if want := len(tt.passphrase) / 4; n != want {
				t.Errorf("asked %d times for a passphrase, want %d", n, want)
			}
			var wg sync.WaitGroup
			for range 4 {
				wg.Go(func() {
					r, err := Open(bytes.NewReader(sealed), ids...)
					if err != nil {
						t.Error(err)
						return
					}
					if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, plain) {
						t.Errorf("opened %d bytes, %v; want %d", len(got), err, len(plain))
					}
				})
			}
			wg.Wait()
			if _, err := Open(bytes.NewReader(sealed), ids[0]); !errors.Is(err, ErrNoMatch) {
				t.Errorf("with another's key: %v, want %v", err, ErrNoMatch)
			}
		})
	}
}

func TestWhatIsCutOrChangedIsNotTakenForWhole(t *testing.T) {
	t.Parallel()
	k := x25519(t)
	ids, err := Identities([]string{file(t, k.secret)}, nil)
	must(t, err)
	sealed := seal(t, sealer(t, k.public), make([]byte, 100_000))
	changed := bytes.Clone(sealed)
	changed[len(changed)-5] ^= 1
	for name, data := range map[string][]byte{
		"empty": {}, "a picture": []byte("\xff\xd8\xff\xe0"), "half a header": sealed[:40],
		"cut between two pieces": sealed[:len(sealed)-(100_000-64<<10)-16], "cut": sealed[:len(sealed)-1], "changed": changed,
	} {
		r, err := Open(bytes.NewReader(data), ids...)
		if err == nil {
			_, err = io.ReadAll(r)
		}
		if err == nil || errors.Is(err, ErrNoMatch) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestRecipientsOfTwoKindsAreToldAtOnce(t *testing.T) {
	t.Parallel()
	a, b := x25519(t), hybrid(t)
	for name, keys := range map[string][]string{"none": nil, "mixed": {a.public, b.public}} {
		var all []Recipient
		for _, k := range keys {
			some, err := ParseRecipient(k)
			must(t, err)
			all = append(all, some...)
		}
		if s, err := NewSealer(all); err == nil {
			t.Errorf("%s: a sealer for %v", name, s.Recipients())
		}
	}
}
