package cli

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf16"
)

// oneLine makes a text fit to be shown on a terminal: one line, nothing that moves the
// cursor, hides text or reorders it.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\r' || r == '\t':
			return ' '
		case unprintable(r):
			return -1
		}
		return r
	}, s)
}

// manyLines is oneLine for a text whose line breaks and tabs are meant.
func manyLines(s string) string {
	return strings.Map(func(r rune) rune {
		if unprintable(r) && r != '\n' && r != '\t' {
			return -1
		}
		return r
	}, s)
}

// unprintable is true for control characters and for those that format what is around
// them: bidirectional marks, invisible tags, separators of lines.
func unprintable(r rune) bool { return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp) }

// escapeJSON writes what is unprintable in a JSON text as escapes. The text means the same
// as before: such characters occur in strings only, line breaks between values apart.
func escapeJSON(text []byte) []byte {
	return escape(text, func(r rune) string {
		if r > 0xffff {
			hi, lo := utf16.EncodeRune(r)
			return fmt.Sprintf(`\u%04x\u%04x`, hi, lo)
		}
		return fmt.Sprintf(`\u%04x`, r)
	})
}

// escapeYAML is escapeJSON for YAML whose scalars with such characters are double-quoted.
func escapeYAML(text []byte) []byte {
	return escape(text, func(r rune) string { return fmt.Sprintf(`\U%08x`, r) })
}

func escape(text []byte, as func(rune) string) []byte {
	s := string(text)
	if !strings.ContainsFunc(s, escapable) {
		return text
	}
	var out strings.Builder
	for _, r := range s {
		if escapable(r) {
			out.WriteString(as(r))
		} else {
			out.WriteRune(r)
		}
	}
	return []byte(out.String())
}

func escapable(r rune) bool {
	return unprintable(r) && r != '\n' && r != '\r' && r != '\t'
}
