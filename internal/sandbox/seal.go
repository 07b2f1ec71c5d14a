package sandbox

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
)

// sealer makes and checks the opaque texts the server hands out: encrypted
// tokens of content, blocked and archive URLs, cursors, and URL signatures.
// Its keys come from the seed, so texts stay good after a restart.
type sealer struct {
	mac  []byte
	aead cipher.AEAD
}

func newSealer(seed int64) (sealer, error) {
	var word [8]byte
	binary.BigEndian.PutUint64(word[:], uint64(seed))
	key := sha256.Sum256(append([]byte("sandbox sealing key "), word[:]...))
	mac := sha256.Sum256(append([]byte("sandbox signing key "), word[:]...))
	block, err := aes.NewCipher(key[:])
	if err != nil {
		return sealer{}, fmt.Errorf("make sealing key: %w", err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return sealer{}, fmt.Errorf("make sealing key: %w", err)
	}
	return sealer{mac: mac[:], aead: aead}, nil
}

func (s sealer) sum(purpose, text string) []byte {
	h := hmac.New(sha256.New, s.mac)
	h.Write([]byte(purpose))
	h.Write([]byte{0})
	h.Write([]byte(text))
	return h.Sum(nil)
}

// seal encrypts text for one purpose. The nonce is a hash of the text, so
// equal texts give equal tokens: content URLs must be cacheable.
func (s sealer) seal(purpose, text string) string {
	nonce := s.sum(purpose, text)[:s.aead.NonceSize()]
	out := s.aead.Seal(append([]byte(nil), nonce...), nonce, []byte(text), []byte(purpose))
	return base64.RawURLEncoding.EncodeToString(out)
}

// open reverses seal; it is false for anything not sealed for this purpose.
func (s sealer) open(purpose, token string) (string, bool) {
	raw, err := base64.RawURLEncoding.DecodeString(token)
	n := s.aead.NonceSize()
	if err != nil || len(raw) < n {
		return "", false
	}
	text, err := s.aead.Open(nil, raw[:n], raw[n:], []byte(purpose))
	return string(text), err == nil
}

// signature is the sig of a signed blob URL. The API page shows them
// beginning with CfDJ8.
func (s sealer) signature(id, exp string) string {
	return "CfDJ8" + base64.RawURLEncoding.EncodeToString(s.sum("url", id+"\n"+exp)[:24])
}

func (s sealer) verify(id, exp, sig string) bool {
	return hmac.Equal([]byte(s.signature(id, exp)), []byte(sig))
}
