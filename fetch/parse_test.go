package fetch

import (
	"bytes"
	"encoding/json"
	"reflect"
	"testing"
)

// plain is a tree as encoding/json has it.
func plain(n node) any {
	switch n.kind {
	case '{':
		m := map[string]any{}
		for i, key := range n.keys() {
			m[key] = plain(n.values()[i])
		}
		return m
	case '[':
		list := []any{}
		for _, v := range n.values() {
			list = append(list, plain(v))
		}
		return list
	case '"':
		return n.text
	case '0':
		return json.Number(n.text)
	case 't':
		return n.yes
	}
	return nil
}

// FuzzParse holds the parser to encoding/json, for every text that is valid.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{`{}`, `[]`, ` { "a" : [ 1 , -2.5e+3 , true , false , null , "x\"\\\u00e9\ud83d\ude00" ] } `, `"\u0000"`, `[[[[]]],{"":{}}]`,
		`{"a":1,"a":null,"a":"z"}`, "\"\xff\"", "[\"é\xc3\",\"\\ud800\"]", `0`, `-0`, "\t[\r\n1\t]\n"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if !json.Valid(text) {
			return
		}
		dec := json.NewDecoder(bytes.NewReader(text))
		dec.UseNumber()
		var want any
		if err := dec.Decode(&want); err != nil {
			return
		}
		n := parse(text)
		if got := plain(n); !reflect.DeepEqual(got, want) {
			t.Fatalf("%q is read as %#v, want %#v", text, got, want)
		}
		if n.body != nil && !bytes.Equal(n.raw(), bytes.TrimSpace(text)) {
			t.Fatalf("%q: the text of the value is %q", text, n.raw())
		}
		items, _ := splitAll(text)
		if list, ok := want.([]any); ok && len(items) != len(list) {
			t.Fatalf("%q: %d items, want %d", text, len(items), len(list))
		}
	})
}

func splitAll(text []byte) (items []string, listed bool) {
	_, listed = splitPage(text, func(item []byte) { items = append(items, string(item)) })
	return items, listed
}
