package fetch

import "strings"

// nextQuery finds the next query at or behind an offset: a question mark, which may be
// percent-encoded or a JSON escape, and what can belong to it. start is -1 where there is none.
func nextQuery(text string, from int) (start, end int) {
	for i := from; i < len(text); {
		next := strings.IndexAny(text[i:], `?%\`)
		if next < 0 {
			break
		}
		i += next
		if mark := questionMark(text[i:]); mark > 0 {
			return i, i + mark + queryLen(text[i+mark:])
		}
		i++
	}
	return -1, -1
}

// questionMark is the length of the question mark that a text begins with, 0 for none.
func questionMark(text string) int {
	switch text[0] {
	case '?':
		return 1
	case '%': // encoded any number of times
		i := 1
		for strings.HasPrefix(text[i:], "25") {
			i += 2
		}
		if strings.HasPrefix(text[i:], "3f") || strings.HasPrefix(text[i:], "3F") {
			return i + 2
		}
	case '\\':
		i := slashes(text)
		if strings.HasPrefix(text[i:], "u003f") || strings.HasPrefix(text[i:], "u003F") {
			return i + 5
		}
	}
	return 0
}

// queryLen is the length of what can belong to a query, JSON escapes and escaped slashes
// included.
func queryLen(text string) int {
	i := 0
	for i < len(text) {
		switch text[i] {
		case ' ', '\t', '\n', '\f', '\r', '"', '\'', '<', '>', '`', '(', ')', '{', '}', '[', ']', ',', '|':
			return i
		case '\\':
			n := slashes(text[i:])
			rest := text[i+n:]
			switch {
			case strings.HasPrefix(rest, "/"):
				i += n + 1
			case len(rest) >= 5 && strings.HasPrefix(rest, "u00") && isHex(rest[3]) && isHex(rest[4]):
				i += n + 5
			default:
				return i
			}
		default:
			i++
		}
	}
	return i
}

// slashes is how many backslashes a text begins with.
func slashes(text string) int { return len(text) - len(strings.TrimLeft(text, `\`)) }

func isHex(b byte) bool {
	return b >= '0' && b <= '9' || b >= 'a' && b <= 'f' || b >= 'A' && b <= 'F'
}
