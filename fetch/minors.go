package fetch

import (
	"errors"
	"strings"
	"unicode"
)

// NamesMinors reports whether a server's reason for blocking something is that it shows, or
// may show, minors. What is blocked for that is never asked for: neither again nor another
// way, and its preview neither. Letters may be large or small, and words joined as in
// "csam_detected" or "MinorDetected". A word in another sense counts as well.
func NamesMinors(reason string) bool {
	words := splitWords(reason)
	for i, word := range words {
		switch word {
		case "minor", "minors", "child", "children", "childlike", "kid", "kids", "infant", "infants", "toddler", "toddlers",
			"teen", "teens", "teenage", "teenager", "teenagers", "preteen", "preteens", "juvenile", "juveniles",
			"young", "younger", "youth", "underage", "underaged", "csam", "csem", "csea", "loli", "shota":
			return true
		case "under":
			if next := append(words[i+1:], ""); next[0] == "age" || next[0] == "aged" || next[0] == "18" {
				return true
			}
		}
	}
	return false
}

// splitWords makes lower-case words of a text: runs of letters and digits, parted where a
// small letter is followed by a large one, or a large one by a large and a small one.
func splitWords(text string) []string {
	var spaced strings.Builder
	runes := []rune(text)
	for i, r := range runes {
		if i > 0 && unicode.IsUpper(r) {
			before, last := runes[i-1], i+1 == len(runes)
			if unicode.IsLower(before) || unicode.IsUpper(before) && !last && unicode.IsLower(runes[i+1]) {
				spaced.WriteByte(' ')
			}
		}
		spaced.WriteRune(unicode.ToLower(r))
	}
	return strings.FieldsFunc(spaced.String(), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
}

// minors reports whether the API refused something, in its own words, for showing minors.
// A proxy's page and a refusal of the token are not about what was asked for.
func minors(err error) bool {
	var e *Error
	if !errors.As(err, &e) || e.Page || !errors.Is(err, ErrForbidden) && !errors.Is(err, ErrGone) && !errors.Is(err, ErrInvalid) {
		return false
	}
	said := []string{e.Title, e.Detail}
	for _, messages := range e.Fields {
		said = append(said, messages...)
	}
	return NamesMinors(strings.Join(said, " "))
}
