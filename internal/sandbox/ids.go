package sandbox

import (
	"encoding/base32"
	"encoding/binary"
	"encoding/hex"
	"strings"
)

// idClass tells apart what an opaque id stands for.
type idClass uint8

const (
	idJob idClass = iota + 1
	idBlob
	idPreview
	idInput
)

const (
	halfBits = 61
	halfMask = 1<<halfBits - 1
	// idMark is the constant half of every sealed id: an id that does not
	// open to it was not made by this account.
	idMark = 0x0c1a17a4_5eed
)

// base32 of blob ids such as JNFDW54JNTATNW42HACYCWSQP0 (Crockford's letters).
func crockford() *base32.Encoding {
	return base32.NewEncoding("0123456789ABCDEFGHJKMNPQRSTVWXYZ").WithPadding(base32.NoPadding)
}

// idKey turns (class, workflow, number) into opaque ids and back without
// remembering any of them: a Feistel network over two halves of 61 bits, the
// 122 free bits of a UUID. It hides the numbers; it protects nothing.
type idKey struct {
	rounds [4]uint64
	base32 *base32.Encoding
}

func newIDKey(seed int64) idKey {
	k := idKey{base32: crockford()}
	for i := range k.rounds {
		k.rounds[i] = mixWords(uint64(seed), 0x1d, uint64(i))
	}
	return k
}

func (k idKey) seal(class idClass, wf, n int) (left, right uint64) {
	left, right = idMark, uint64(wf)<<20|uint64(class)<<16|uint64(n&0xffff)
	for _, key := range k.rounds {
		left, right = right, left^mix(right^key)&halfMask
	}
	return left, right
}

func (k idKey) open(left, right uint64) (class idClass, wf, n int, ok bool) {
	for i := len(k.rounds) - 1; i >= 0; i-- {
		left, right = right^mix(left^k.rounds[i])&halfMask, left
	}
	if left != idMark {
		return 0, 0, 0, false
	}
	return idClass(right >> 16 & 0xf), int(right >> 20), int(right & 0xffff), true
}

// uuid writes a sealed id as a version 4 UUID.
func (k idKey) uuid(class idClass, wf, n int) string {
	l, r := k.seal(class, wf, n)
	hi := l>>1>>12<<16 | 4<<12 | l>>1&0xfff
	lo := 2<<62 | l&1<<61 | r
	return formatUUID(hi, lo)
}

func formatUUID(hi, lo uint64) string {
	var raw [16]byte
	binary.BigEndian.PutUint64(raw[:8], hi)
	binary.BigEndian.PutUint64(raw[8:], lo)
	text := make([]byte, 36)
	hex.Encode(text, raw[:4])
	for i, part := range [][2]int{{4, 6}, {6, 8}, {8, 10}, {10, 16}} {
		at := []int{8, 13, 18, 23}[i]
		text[at] = '-'
		hex.Encode(text[at+1:], raw[part[0]:part[1]])
	}
	return string(text)
}

// token writes a sealed id as 26 letters and digits.
func (k idKey) token(class idClass, wf, n int) string {
	l, r := k.seal(class, wf, n)
	var raw [16]byte
	binary.BigEndian.PutUint64(raw[:8], l<<3|mix(l)&7)
	binary.BigEndian.PutUint64(raw[8:], r<<3|mix(r)&7)
	return k.base32.EncodeToString(raw[:])
}

// parse finds what an id stands for by its first 36 or 26 characters; an
// extension or an index after them is not looked at.
func (k idKey) parse(id string) (class idClass, wf, n int, ok bool) {
	if len(id) >= 36 && id[8] == '-' {
		raw, err := hex.DecodeString(strings.ReplaceAll(id[:36], "-", ""))
		if err != nil || len(raw) != 16 {
			return 0, 0, 0, false
		}
		hi, lo := binary.BigEndian.Uint64(raw[:8]), binary.BigEndian.Uint64(raw[8:])
		top := hi>>16<<12 | hi&0xfff
		return k.open(top<<1|lo>>61&1, lo&halfMask)
	}
	if len(id) < 26 {
		return 0, 0, 0, false
	}
	raw, err := k.base32.DecodeString(id[:26])
	if err != nil || len(raw) != 16 {
		return 0, 0, 0, false
	}
	return k.open(binary.BigEndian.Uint64(raw[:8])>>3, binary.BigEndian.Uint64(raw[8:])>>3)
}
