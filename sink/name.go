package sink

import (
	"crypto/sha256"
	"encoding/hex"
	"path"
	"strings"
)

// MaxName is the most bytes that one element of a path has.
const MaxName = 200

// Element makes s, which came from the server, one safe path element on Linux, macOS and
// Windows alike: ASCII, no separators, control or reserved characters, no leading dash,
// dot or space, no trailing dot or space, no reserved device name, at most [MaxName]
// bytes. A name that had to change keeps a short hash of what it was, before its
// extension, so that different names stay different.
//
// Names that differ only in case stay so: see [Fold].
func Element(s string) string {
	safe := strings.Map(safeRune, s)
	safe = strings.TrimLeft(safe, "-. ")
	safe = strings.TrimRight(safe, ". ")
	if reserved(safe) {
		safe = "_" + safe
	}
	if safe == s && len(safe) <= MaxName && safe != "" {
		return safe
	}
	return Suffix(safe, s)
}

// Suffix puts a short hash of source into name, before the extension, and keeps the
// whole within [MaxName] bytes.
func Suffix(name, source string) string {
	sum := sha256.Sum256([]byte(source))
	tag := "~" + hex.EncodeToString(sum[:4])
	ext := path.Ext(name)
	if len(ext) > 16 {
		ext = ""
	}
	stem := strings.TrimSuffix(name, ext)
	if room := MaxName - len(tag) - len(ext); len(stem) > room {
		stem = stem[:room]
	}
	if stem == "" {
		stem = "_"
	}
	return stem + tag + ext
}

// Fold gives paths that one of the systems takes for the same file the same text.
func Fold(path string) string { return strings.ToLower(path) }

// safeRune keeps the characters that ids are made of. Everything else, all of Unicode
// beyond ASCII included, is where file systems disagree (normal forms, case, direction).
func safeRune(r rune) rune {
	switch {
	case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9':
		return r
	case strings.ContainsRune("-_.$+=@,()[]{}", r):
		return r
	}
	return '_'
}

// reserved tells the device names of Windows, which it sees also before an extension.
func reserved(name string) bool {
	base, _, _ := strings.Cut(strings.ToUpper(name), ".")
	base = strings.TrimRight(base, " ")
	switch base {
	case "CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$":
		return true
	}
	if len(base) == 4 && (strings.HasPrefix(base, "COM") || strings.HasPrefix(base, "LPT")) {
		return base[3] >= '0' && base[3] <= '9'
	}
	return false
}
