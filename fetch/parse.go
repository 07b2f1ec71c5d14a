package fetch

import (
	"bytes"
	"encoding/json"
	"unicode/utf8"
)

// parser reads a JSON text that is known to be valid: it looks at each byte once, and
// checks nothing. encoding/json, which has done that, bounds the depth at 10,000.
type parser struct {
	text []byte
	at   int
}

// parse reads a valid JSON text.
func parse(text []byte) node {
	p := &parser{text: text}
	p.space()
	return p.value()
}

func (p *parser) space() {
	for p.at < len(p.text) {
		switch p.text[p.at] {
		case ' ', '\t', '\n', '\r':
			p.at++
		default:
			return
		}
	}
}

// byte is the one at the place, 0 at the end.
func (p *parser) byte() byte {
	if p.at < len(p.text) {
		return p.text[p.at]
	}
	return 0
}

// value reads the value at the place.
func (p *parser) value() node {
	switch c := p.byte(); c {
	case '{', '[':
		return p.compound(c)
	case '"':
		return node{kind: '"', text: p.str()}
	case 't':
		p.at += len("true")
		return node{kind: 't', yes: true}
	case 'f':
		p.at += len("false")
		return node{kind: 't'}
	case 'n':
		p.at += len("null")
		return node{}
	case 0:
		return node{}
	default:
		return node{kind: '0', text: string(p.number())}
	}
}

func (p *parser) number() []byte {
	start := p.at
	for p.at < len(p.text) {
		switch p.text[p.at] {
		case ',', '}', ']', ' ', '\t', '\n', '\r':
			return p.text[start:p.at]
		}
		p.at++
	}
	return p.text[start:]
}

// compound reads an object or array.
func (p *parser) compound(kind byte) node {
	b := &body{list: make([]node, 0, 4)}
	if kind == '{' {
		b.list, b.keys = make([]node, 0, 8), make([]string, 0, 8)
	}
	start := p.at
	p.at++
	for p.space(); p.at < len(p.text) && p.byte() != '}' && p.byte() != ']'; p.space() {
		if kind == '{' {
			b.keys = append(b.keys, p.str())
			p.space()
			p.at++ // the colon
			p.space()
		}
		b.list = append(b.list, p.value())
		p.space()
		if p.byte() == ',' {
			p.at++
		}
	}
	p.at = min(p.at+1, len(p.text))
	b.raw = p.text[start:p.at]
	return node{kind: kind, body: b}
}

// str reads a string literal.
func (p *parser) str() string {
	end := stringEnd(p.text, p.at)
	literal := p.text[p.at:end]
	p.at = end
	if inner := literal[1:max(len(literal)-1, 1)]; plainText(inner) {
		return string(inner)
	}
	var s string
	_ = json.Unmarshal(literal, &s) // of a valid text it cannot fail
	return s
}

// plainText tells a literal that stands for itself.
func plainText(inner []byte) bool {
	for _, c := range inner {
		if c == '\\' {
			return false
		}
		if c >= utf8.RuneSelf {
			return utf8.Valid(inner) && bytes.IndexByte(inner, '\\') < 0
		}
	}
	return true
}

// skip passes over the value at the place and returns its text.
func (p *parser) skip() []byte {
	start := p.at
	switch p.byte() {
	case '"':
		p.at = stringEnd(p.text, p.at)
	case '{', '[':
		p.skipCompound()
	default:
		p.number()
	}
	return p.text[start:p.at]
}

func (p *parser) skipCompound() {
	depth := 0
	for p.at < len(p.text) {
		switch p.byte() {
		case '"':
			p.at = stringEnd(p.text, p.at)
			continue
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				p.at++
				return
			}
		}
		p.at++
	}
}
