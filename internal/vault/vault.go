// Package vault encrypts files for those who may read them, in the format of age
// (age-encryption.org/v1), and decrypts them.
//
// Whoever encrypts needs public keys only, the recipients:
//
//	all, err := vault.ParseRecipient("age1…")  // or an ssh key, or a file of both
//	sealer, err := vault.NewSealer(all)
//	w, err := sealer.Seal(file)
//	io.Copy(w, plaintext)
//	w.Close()                                  // without it the file is cut short
//
// Whoever decrypts needs one of the secret keys that belong to them, the identities:
//
//	ids, err := vault.Identities([]string{"key.txt"}, askForPassphrase)
//	r, err := vault.Open(file, ids...)
//
// Files are read by every other program that knows the format, too. No error holds
// anything of a secret key or of a passphrase.
package vault

import (
	"errors"
	"fmt"
	"io"
	"slices"

	"filippo.io/age"
)

// ErrNoMatch means that none of the identities belongs to a recipient of the file.
var ErrNoMatch = errors.New("none of the identities opens this file: it is encrypted for others")

// Sealer encrypts for its recipients, each of whom can decrypt alone. It may be used from
// many goroutines.
type Sealer struct {
	keys  []age.Recipient
	texts []string
}

// NewSealer takes one recipient or more; those named twice count once. Post-quantum
// recipients go with their like only, since the others would undo what they are for.
func NewSealer(recipients []Recipient) (*Sealer, error) {
	s := &Sealer{}
	for _, r := range recipients {
		if !slices.Contains(s.texts, r.text) {
			s.keys, s.texts = append(s.keys, r.key), append(s.texts, r.text)
		}
	}
	if _, err := s.Seal(io.Discard); err != nil { // told now, not at the first file
		return nil, err
	}
	return s, nil
}

// Recipients are the public keys that [ParseRecipient] reads, each of one line.
func (s *Sealer) Recipients() []string { return slices.Clone(s.texts) }

// Seal returns a stream that writes to dst, as one age file, what is written to it. Close
// writes the end and leaves dst open; a stream that is not wanted any more may be dropped.
func (s *Sealer) Seal(dst io.Writer) (io.WriteCloser, error) {
	w, err := age.Encrypt(dst, s.keys...)
	if err != nil {
		return nil, fmt.Errorf("encrypt: %w", err)
	}
	return w, nil
}

// Open returns what an age file holds. The error wraps [ErrNoMatch] when the identities do
// not open it. What is read is proved piece by piece, and only io.EOF says that it is whole.
func Open(src io.Reader, identities ...age.Identity) (io.Reader, error) {
	r, err := age.Decrypt(src, identities...)
	var others *age.NoIdentityMatchError
	switch {
	case errors.As(err, &others):
		return nil, ErrNoMatch
	case err != nil:
		return nil, fmt.Errorf("decrypt: %w", err)
	}
	return r, nil
}
