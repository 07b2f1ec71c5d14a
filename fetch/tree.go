package fetch

import (
	"bytes"
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

// parse reads a valid JSON text. encoding/json bounds its depth at 10,000.
func parse(text []byte) node {
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	token, err := dec.Token()
	if err != nil {
		return node{}
	}
	return parseValue(dec, text, token)
}

func parseValue(dec *json.Decoder, text []byte, token json.Token) node {
	switch v := token.(type) {
	case string:
		return node{kind: '"', text: v}
	case json.Number:
		return node{kind: '0', text: v.String()}
	case bool:
		return node{kind: 't', yes: v}
	case json.Delim:
		return node{kind: byte(v), body: parseBody(dec, text, byte(v))}
	}
	return node{}
}

func parseBody(dec *json.Decoder, text []byte, kind byte) *body {
	b := &body{}
	start := dec.InputOffset() - 1
	for dec.More() {
		token, err := dec.Token()
		if err != nil {
			return b
		}
		if kind == '{' {
			key, _ := token.(string)
			b.keys = append(b.keys, key)
			if token, err = dec.Token(); err != nil {
				return b
			}
		}
		b.list = append(b.list, parseValue(dec, text, token))
	}
	if _, err := dec.Token(); err == nil { // the closing bracket
		b.raw = text[start:dec.InputOffset()]
	}
	return b
}

// splitPage hands out the items of a listing one by one, so that only one of them is
// in memory as a tree. listed is false when the answer has no list of items at all.
func splitPage(text []byte, item func([]byte)) (next string, listed bool) {
	dec := json.NewDecoder(bytes.NewReader(text))
	token, err := dec.Token()
	if err != nil {
		return "", false
	}
	if token == json.Delim('[') {
		eachItem(dec, item)
		return "", true
	}
	if token != json.Delim('{') {
		return "", false
	}
	listed = !dec.More() // an empty object is an empty listing
	for dec.More() {
		key, _ := dec.Token()
		value := bytes.TrimLeft(text[dec.InputOffset():], " \t\r\n:")
		if key == "items" && len(value) > 0 && value[0] == '[' {
			if _, err := dec.Token(); err == nil {
				eachItem(dec, item)
			}
			listed = true
			continue
		}
		var raw json.RawMessage
		if dec.Decode(&raw) != nil {
			return next, listed
		}
		switch key {
		case "items":
			if string(raw) != "null" {
				return "", false
			}
			listed = true
		case "next", "nextCursor":
			if v := parse(raw); next == "" && (v.kind == '"' || v.kind == '0') {
				next = v.text
			}
			listed = true
		}
	}
	return next, listed
}

func eachItem(dec *json.Decoder, item func([]byte)) {
	for dec.More() {
		var raw json.RawMessage
		if dec.Decode(&raw) != nil {
			return
		}
		item(raw)
	}
	_, _ = dec.Token() // the closing bracket of a text known to be valid
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
