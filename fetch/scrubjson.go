package fetch

import (
	"bytes"
	"encoding/json"
	"strings"
	"unicode"
	"unicode/utf8"
)

// scrubJSON returns a copy of a valid JSON text in which every string, keys too, is
// scrubbed. All else stays as it is, byte for byte: a number read and written again
// could change, and keys would change their order.
func (s *scrubber) scrubJSON(raw []byte) []byte {
	out := make([]byte, 0, len(raw))
	for i := 0; i < len(raw); {
		if raw[i] != '"' {
			next := bytes.IndexByte(raw[i:], '"')
			if next < 0 {
				next = len(raw) - i
			}
			out = append(out, raw[i:i+next]...)
			i += next
			continue
		}
		end := stringEnd(raw, i)
		out = append(out, s.scrubLiteral(raw[i:end])...)
		i = end
	}
	return out
}

// stringEnd is the offset behind the string literal that begins at start.
func stringEnd(raw []byte, start int) int {
	for i := start + 1; i < len(raw); i++ {
		switch raw[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(raw)
}

func (s *scrubber) scrubLiteral(literal []byte) []byte {
	if s.clean(literal) {
		return literal
	}
	var text string
	if json.Unmarshal(literal, &text) != nil {
		return literal
	}
	scrubbed := s.scrub(text)
	if scrubbed == text {
		return literal
	}
	return quoteJSON(scrubbed)
}

// quoteJSON writes a string literal without the escapes that only HTML needs.
func quoteJSON(text string) []byte {
	if !strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r > '~' || r == '"' || r == '\\' }) {
		return append(append(append(make([]byte, 0, len(text)+2), '"'), text...), '"')
	}
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if enc.Encode(text) != nil {
		return []byte(`""`)
	}
	return bytes.TrimRight(buf.Bytes(), "\n")
}

// words makes a text of the server's fit for an error or a record: secrets out, one
// line, bounded.
func (s *scrubber) words(text string, limit int) string {
	return clip(s.scrub(oneLine(s.scrub(text))), limit)
}

// oneLine replaces runs of white space and characters that do not print by a space.
func oneLine(text string) string {
	if !strings.ContainsFunc(text, notPlain) && !strings.Contains(text, "  ") {
		return strings.TrimSpace(text)
	}
	return strings.Join(strings.FieldsFunc(strings.ToValidUTF8(text, "?"), func(r rune) bool {
		return r == ' ' || notPlain(r)
	}), " ")
}

// notPlain is true for what could move the cursor, hide text or reorder it.
func notPlain(r rune) bool {
	return r == utf8.RuneError || r != ' ' && (unicode.IsSpace(r) || !unicode.IsPrint(r))
}

// clip bounds a text to limit bytes, at a rune's boundary.
func clip(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	for limit > 0 && !utf8.RuneStart(text[limit]) {
		limit--
	}
	return text[:limit] + "…"
}
