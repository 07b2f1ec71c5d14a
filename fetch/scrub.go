package fetch

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
)

const redacted = "[redacted]"

// Secrets turn up encoded: percent-encoded any number of times, as JSON escapes
// inside texts that are JSON themselves, with escaped slashes.
var (
	// A parameter that makes its URL work without a token, in a decoded query.
	signature = regexp.MustCompile(`(?i)(?:^|[?&;#/=]|amp;)(?:sig|signature|x-amz-[a-z-]+|x-goog-[a-z-]+|` +
		`token|[a-z]+[_-]token|api[_-]?key|key|auth|policy|hdnea|hdnts|key-pair-id|awsaccesskeyid)=`)

	// The same without its URL, as error words quote it.
	loneSignature = regexp.MustCompile(`(?i)\b(sig|signature|x-amz-signature|x-amz-security-token|access[_-]token)` +
		`(=|%(?:25)*3d|\\+u003d)[A-Za-z0-9_\-.~%+/=]{6,}`)

	// A token in a path: the bytes behind it need no other proof.
	pathToken = regexp.MustCompile(`(?i)(/|%(?:25)*2f|\\+u002f)(blobs)(/|%(?:25)*2f|\\+/|\\+u002f)(content|blocked|archive)` +
		`(/|%(?:25)*2f|\\+/|\\+u002f)([A-Za-z0-9_\-.~%+=:]{6})[A-Za-z0-9_\-.~%+=:]{3,}`)

	bearer = regexp.MustCompile(`(?i)\b(bearer)(\s+|%20|\+)[A-Za-z0-9._~+/\-]{20,}=*`)
)

// scrubber takes secrets out of texts. The zero token scrubs signed queries only.
type scrubber struct {
	token *regexp.Regexp // nil without a token
	core  string         // a part of the token that no encoding changes, to look for first
}

func newScrubber(token string) *scrubber {
	if token == "" {
		return &scrubber{}
	}
	var pattern strings.Builder
	core, run := "", ""
	for _, r := range token {
		if r < 0x80 && (r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z') {
			pattern.WriteRune(r)
			run += string(r)
			if len(run) > len(core) {
				core = run
			}
			continue
		}
		run = ""
		fmt.Fprintf(&pattern, `(?:\\*%s|(?i:%%(?:25)*%02x)|(?i:\\+u00%02x))`, regexp.QuoteMeta(string(r)), r, r)
	}
	expr := pattern.String()
	if len(token) < 16 {
		// So short a token can be a common word or a part of one.
		expr = `(^|[^A-Za-z0-9])` + expr + `($|[^A-Za-z0-9])`
	} else {
		expr = `()` + expr + `()`
	}
	return &scrubber{token: regexp.MustCompile(expr), core: core}
}

// scrub is idempotent.
func (s *scrubber) scrub(text string) string {
	text = s.scrubToken(text)
	if innocent(text) {
		return text
	}
	if strings.Contains(text, "earer") || strings.Contains(text, "EARER") {
		text = bearer.ReplaceAllStringFunc(text, func(m string) string {
			if !strings.ContainsAny(m, "0123456789") {
				return m // a long word behind "bearer", as prompts have it
			}
			return m[:len("bearer")] + " " + redacted
		})
	}
	text = scrubQueries(text)
	if strings.ContainsAny(text, "=%\\") {
		text = loneSignature.ReplaceAllString(text, redacted)
	}
	return shortenTokens(text)
}

func (s *scrubber) scrubToken(text string) string {
	if s.token == nil || !strings.Contains(text, s.core) {
		return text
	}
	// Twice: two short tokens can share the one character between them.
	for range 2 {
		text = s.token.ReplaceAllString(text, "${1}"+redacted+"${2}")
	}
	return text
}

// clean reports that scrub would surely change nothing, by a look that costs little.
// A listing is mostly strings that this is true for.
func (s *scrubber) clean(text []byte) bool {
	return innocent(text) && (s.token == nil || !bytes.Contains(text, []byte(s.core)))
}

// innocent tells a text in which no secret but the token can be.
func innocent[T string | []byte](text T) bool {
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '?', '%', '=', '\\':
			return false
		case 'b', 'B':
			if rest := string(text[i:min(i+6, len(text))]); strings.EqualFold(rest, "blobs/") || strings.EqualFold(rest, "bearer") {
				return false
			}
		}
	}
	return true
}

// scrubQueries drops the query of every URL that is signed or belongs to a blob.
func scrubQueries(text string) string {
	var out strings.Builder
	last := 0
	for at := 0; ; {
		start, end := nextQuery(text, at)
		if start < 0 {
			break
		}
		if blobPath(text[last:start]) || signedQuery(text[start:end]) {
			out.WriteString(text[last:start])
			last = end
		}
		at = end
	}
	if last == 0 {
		return text
	}
	out.WriteString(text[last:])
	return out.String()
}

func signedQuery(query string) bool {
	if !strings.ContainsAny(query, "=%\\") {
		return false
	}
	return signature.MatchString(decodeAll(query))
}

// blobPath reports whether a text ends in the address of a blob. Its query is dropped
// whatever it holds: the server may sign it another way tomorrow.
func blobPath(before string) bool {
	before = before[max(0, len(before)-512):]
	if i := strings.LastIndexAny(before, " \t\r\n\"'<>"); i >= 0 {
		before = before[i:]
	}
	if !strings.Contains(before, "blobs") {
		return false
	}
	before = decodeAll(before)
	return strings.Contains(before, "/consumer/blobs/") || strings.Contains(before, "/consumer/streaming-blobs/")
}

// shortenTokens keeps the first characters of a token in a path, to tell two apart.
func shortenTokens(text string) string {
	if !strings.Contains(text, "lobs") && !strings.Contains(text, "LOBS") {
		return text
	}
	if !strings.ContainsAny(text, "%\\") && !plainTokens(text) { // nothing is encoded
		return text
	}
	return pathToken.ReplaceAllString(text, "${1}${2}${3}${4}${5}${6}…")
}

// plainTokens tells whether a token may stand in a path that is not encoded.
func plainTokens(text string) bool {
	const before = "blobs/"
	for i := 0; i+len(before) < len(text); i++ {
		if text[i]|0x20 != 'b' || !strings.EqualFold(text[i:i+len(before)], before) {
			continue
		}
		rest := text[i+len(before):]
		for _, word := range []string{"content/", "blocked/", "archive/"} {
			if len(rest) >= len(word) && strings.EqualFold(rest[:len(word)], word) {
				return true
			}
		}
	}
	return false
}

// decodeAll undoes escapes for a look at what they hide. Malformed ones stay.
func decodeAll(text string) string {
	if !strings.ContainsAny(text, "%\\") {
		return text
	}
	for range 6 {
		next := jsonEscape.ReplaceAllStringFunc(text, func(m string) string { return hexByte(m[len(m)-2:]) })
		next = percentEscape.ReplaceAllStringFunc(next, func(m string) string { return hexByte(m[1:]) })
		next = escapedSlash.ReplaceAllString(next, "/")
		if next == text {
			break
		}
		text = next
	}
	return text
}

var (
	jsonEscape    = regexp.MustCompile(`\\+u00[0-7][0-9a-fA-F]`)
	percentEscape = regexp.MustCompile(`%[0-7][0-9a-fA-F]`)
	escapedSlash  = regexp.MustCompile(`\\+/`)
)

func hexByte(digits string) string {
	var b byte
	for _, d := range []byte(digits) {
		b <<= 4
		switch {
		case d <= '9':
			b |= d - '0'
		default:
			b |= d&^0x20 - 'A' + 10
		}
	}
	return string(rune(b))
}
