package sink

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"testing"

	"filippo.io/age"
)

// vault encrypts for a key that it has made.
type vault struct{ key *age.X25519Identity }

func newVault(t *testing.T) vault {
	t.Helper()
	key, err := age.GenerateX25519Identity()
	must(t, err)
	return vault{key}
}

func (v vault) Seal(dst io.Writer) (io.WriteCloser, error) {
	return age.Encrypt(dst, v.key.Recipient())
}

// opened is what a sealed file holds.
func (v vault) opened(t *testing.T, name string) []byte {
	t.Helper()
	f, err := os.Open(name)
	must(t, err)
	defer f.Close()
	r, err := age.Decrypt(f, v.key)
	must(t, err)
	data, err := io.ReadAll(r)
	must(t, err)
	return data
}

func openSealing(t *testing.T, dir string, options ...Option) (*Dir, vault) {
	t.Helper()
	v := newVault(t)
	d, err := Open(dir, append(options, WithSealer(v))...)
	must(t, err)
	t.Cleanup(func() { _ = d.Close() })
	return d, v
}

func beginSealed(t *testing.T, d *Dir, key string) *sealed {
	t.Helper()
	w, err := d.BeginSealed(key)
	must(t, err)
	s := w.(*sealed)
	t.Cleanup(func() { _ = s.file.file.Close() }) // where the test itself has not ended it
	return s
}

// prose is n bytes that are told among others wherever 34 of them stand.
func prose(n int) []byte {
	return bytes.Repeat([]byte("A cat on a roof. "), n/17+1)[:n]
}

// wantNoPlaintext looks through every file below dir for prose.
func wantNoPlaintext(t *testing.T, dir string) {
	t.Helper()
	for _, name := range files(t, dir) {
		data, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(name)))
		if err != nil && !os.IsNotExist(err) {
			t.Error(err)
		}
		if bytes.Contains(data, []byte("A cat on a roof. ")) {
			t.Errorf("%s holds plaintext", name)
		}
	}
}

// brokenSealer fails where its stream begins, or where it ends.
type brokenSealer struct{ atStart bool }

func (b brokenSealer) Seal(dst io.Writer) (io.WriteCloser, error) {
	if b.atStart {
		return nil, errBroken
	}
	return brokenStream{dst}, nil
}

type brokenStream struct{ io.Writer }

func (brokenStream) Close() error { return errBroken }
