package fetch

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
)

// node is a JSON value that remembers the order of its keys and its place in the
// text: blobs are listed in document order, and text results are kept as they came.
// A field of another type than expected reads as absent; the zero node is absent too.
// It is small, for there is one for each of the millions of values in a large answer.
type node struct {
	kind byte   // '{' '[' '"' '0' 't' for bools, 0 for null and absent
	yes  bool   // of a bool
	text string // of a string or number
	body *body  // of an object or array
}

type body struct {
	raw  []byte // the value's text
	list []node // elements, or the values of keys
	keys []string
}

func validJSON(text []byte) bool { return json.Valid(text) }

// splitPage hands out the items of a listing one by one, so that only one of them is
// in memory as a tree. listed is false when the answer has no list of items at all.
func splitPage(text []byte, item func([]byte)) (next string, listed bool) {
	p := &parser{text: text}
	p.space()
	switch p.byte() {
	case '[':
		p.eachItem(item)
		return "", true
	case '{':
		return p.page(item)
	}
	return "", false
}

// page reads the object that a listing is.
func (p *parser) page(item func([]byte)) (next string, listed bool) {
	p.at++
	p.space()
	listed = p.byte() == '}' // an empty object is an empty listing
	for ; p.at < len(p.text) && p.byte() != '}'; p.space() {
		key := p.str()
		p.space()
		p.at++ // the colon
		p.space()
		switch {
		case key == "items" && p.byte() == '[':
			p.eachItem(item)
			listed = true
		case key == "items":
			if string(p.skip()) != "null" {
				return "", false
			}
			listed = true
		case key == "next" || key == "nextCursor":
			if v := p.value(); next == "" && (v.kind == '"' || v.kind == '0') {
				next = v.text
			}
			listed = true
		default:
			p.skip()
		}
		if p.space(); p.byte() == ',' {
			p.at++
		}
	}
	return next, listed
}

// eachItem hands out the elements of the array at the place.
func (p *parser) eachItem(item func([]byte)) {
	p.at++
	for p.space(); p.at < len(p.text) && p.byte() != ']'; p.space() {
		item(p.skip())
		if p.space(); p.byte() == ',' {
			p.at++
		}
	}
	p.at = min(p.at+1, len(p.text))
}

// values are the elements of an array or the values of an object.
func (n node) values() []node {
	if n.body == nil {
		return nil
	}
	return n.body.list
}

// keys are an object's; there is one for each of its values.
func (n node) keys() []string {
	if n.body == nil {
		return nil
	}
	return n.body.keys
}

// items are the elements of an array, or nothing.
func (n node) items() []node {
	if n.kind != '[' {
		return nil
	}
	return n.values()
}

// raw is the text of an object or array.
func (n node) raw() []byte {
	if n.body == nil {
		return nil
	}
	return n.body.raw
}

// get is the value of a key; of a repeated key, the last that is not null.
func (n node) get(key string) node {
	keys := n.keys()
	for i := len(keys) - 1; i >= 0; i-- {
		if keys[i] == key && n.body.list[i].kind != 0 {
			return n.body.list[i]
		}
	}
	return node{}
}

// has reports whether a key is there, with null as its value or another.
func (n node) has(key string) bool { return slices.Contains(n.keys(), key) }

// str is a string's text.
func (n node) str(key string) string {
	if v := n.get(key); v.kind == '"' {
		return v.text
	}
	return ""
}

// name is a string's text, or a number's: ids have been numbers before.
func (n node) name(key string) string {
	if v := n.get(key); v.kind == '"' || v.kind == '0' {
		return v.text
	}
	return ""
}

// flag reads a bool, or a string that says one; set is false for all else.
func (n node) flag(key string) (yes, set bool) {
	v := n.get(key)
	switch v.kind {
	case 't':
		return v.yes, true
	case '"':
		yes, err := strconv.ParseBool(strings.ToLower(v.text))
		return yes, err == nil
	}
	return false, false
}

// size reads a number of bytes; what cannot be one is 0.
func (n node) size(key string) int64 {
	f, err := strconv.ParseFloat(n.name(key), 64)
	if err != nil || !(f > 0 && f < 1<<62) {
		return 0
	}
	return int64(f)
}
