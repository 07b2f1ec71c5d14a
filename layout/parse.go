package layout

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// maxElements is the most folders deep a template goes.
const maxElements = 8

// Error is a template that makes no sense, and the place in it where that shows.
type Error struct {
	Template string
	Offset   int // bytes
	Reason   string
}

func (e *Error) Error() string { return e.Reason }

// Place is the template and the column, in characters, at which it is wrong.
func (e *Error) Place() (string, int) {
	return e.Template, utf8.RuneCountInString(e.Template[:e.Offset])
}

// parser is at a place in a template.
type parser struct {
	text     string
	at       int
	elements [][]part
	current  []part
}

// Parse reads a template. Its error is an [*Error].
func Parse(template string) (*Layout, error) {
	p := &parser{text: template}
	for p.at < len(p.text) {
		if err := p.next(); err != nil {
			return nil, err
		}
	}
	if err := p.endElement(); err != nil {
		return nil, err
	}
	l := &Layout{text: template, elements: p.elements}
	if !l.Uses("blob") && !(l.Uses("workflow") && l.Uses("index")) {
		p.at = 0
		return nil, p.wrong("it cannot tell results apart: put {blob}, or {workflow} and {index}, into it")
	}
	return l, nil
}

func (p *parser) wrong(format string, args ...any) error {
	return &Error{Template: p.text, Offset: p.at, Reason: fmt.Sprintf(format, args...)}
}

func (p *parser) next() error {
	rest := p.text[p.at:]
	switch {
	case strings.HasPrefix(rest, "{{"), strings.HasPrefix(rest, "}}"):
		p.add(part{text: rest[:1]})
		p.at += 2
	case rest[0] == '{':
		return p.field()
	case rest[0] == '}':
		return p.wrong("this brace closes none: write }} for a brace in names")
	case rest[0] == '/':
		if err := p.endElement(); err != nil {
			return err
		}
		p.at++
	default:
		return p.literal()
	}
	return nil
}

func (p *parser) add(it part) { p.current = append(p.current, it) }

// literal takes in one character of the names. Those that some system refuses are.
func (p *parser) literal() error {
	r, size := utf8.DecodeRuneInString(p.text[p.at:])
	switch {
	case r == '\\':
		return p.wrong(`a backslash is no part of a name: separate folders with /`)
	case r < ' ' || r == 0x7f || r == utf8.RuneError || strings.ContainsRune(`<>:"|?*`, r):
		return p.wrong("%q cannot be part of a name on every system", r)
	}
	p.add(part{text: string(r)})
	p.at += size
	return nil
}

// endElement ends a folder, or the name.
func (p *parser) endElement() error {
	literal := ""
	for _, it := range p.current {
		if it.field != nil {
			literal = "named"
			break
		}
		literal += it.text
	}
	switch strings.Trim(literal, ". ") {
	case "":
		return p.wrong("a folder or name is missing here, or is only dots")
	}
	if len(p.elements) == maxElements {
		return p.wrong("more than %d levels of folders", maxElements-1)
	}
	p.elements, p.current = append(p.elements, p.current), nil
	return nil
}

// field takes in {name}, {name:N}, {name|absent} or {name:N|absent}.
func (p *parser) field() error {
	end := strings.IndexAny(p.text[p.at+1:], "{}/")
	if end < 0 || p.text[p.at+1+end] != '}' {
		return p.wrong("this brace is not closed: write {{ for a brace in names")
	}
	inner := p.text[p.at+1 : p.at+1+end]
	spec, absent, hasAbsent := strings.Cut(inner, "|")
	name, option, hasOption := strings.Cut(spec, ":")
	f := find(name)
	switch {
	case f == nil:
		return p.wrong("there is no field {%s}%s", name, suggestion(name))
	case hasOption && f.option == "":
		return p.wrong("{%s} takes no number", name)
	case hasAbsent && plain(absent) == "":
		return p.wrong("after | comes what stands for a value that is not known, in plain letters")
	}
	it := part{field: f, absent: f.absent}
	if hasAbsent {
		it.absent = plain(absent)
	}
	if hasOption {
		n, ok := number(option)
		if !ok {
			return p.wrong("{%s:N} takes a number from 1 to 200: %s", name, f.option)
		}
		it.option = n
	}
	p.add(it)
	p.at += end + 2
	return nil
}

func find(name string) *field {
	for _, f := range fields() {
		if f.name == name {
			return &f
		}
	}
	return nil
}

// suggestion is the field that somebody may have meant.
func suggestion(name string) string {
	for _, f := range fields() {
		if near(strings.ToLower(name), f.name) {
			return fmt.Sprintf("; did you mean {%s}?", f.name)
		}
	}
	return ": civitar layout lists them"
}

// near tells names that differ by one slip, or of which one begins the other.
func near(a, b string) bool {
	if len(a) > 2 && (strings.HasPrefix(a, b) || strings.HasPrefix(b, a)) {
		return true
	}
	if len(a) < len(b) {
		a, b = b, a
	}
	for i := range a {
		if i < len(b) && a[i] == b[i] {
			continue
		}
		sameRest := i <= len(b) && (a[i+1:] == b[i:] || i < len(b) && a[i+1:] == b[i+1:])
		swapped := i+1 < len(b) && len(a) == len(b) && a[i] == b[i+1] && a[i+1] == b[i] && a[i+2:] == b[i+2:]
		return sameRest || swapped
	}
	return true
}
