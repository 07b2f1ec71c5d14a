package generation

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
)

// object is a JSON object. A nil one has nothing in it, and so is what any other value reads as.
type object = map[string]any

// members splits an object without decoding its values.
func members(raw json.RawMessage) map[string]json.RawMessage {
	var o map[string]json.RawMessage
	if json.Unmarshal(raw, &o) != nil {
		return nil
	}
	return o
}

// items splits a list of steps; an object of steps counts as one. The keys are what a step
// without a name is called.
func items(raw json.RawMessage) (keys []string, values []json.RawMessage) {
	if json.Unmarshal(raw, &values) == nil {
		for i := range values {
			keys = append(keys, "$"+strconv.Itoa(i))
		}
		return keys, values
	}
	named := members(raw)
	keys = slices.Sorted(maps.Keys(named))
	values = nil
	for _, key := range keys {
		values = append(values, named[key])
	}
	return keys, values
}

// decode reads an object and keeps number literals as they are.
func decode(raw json.RawMessage) object {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	var v any
	if dec.Decode(&v) != nil {
		return nil
	}
	return asObject(v)
}

func asObject(v any) object {
	o, _ := v.(object)
	return o
}

// literal is a string's text.
func literal(raw json.RawMessage) string {
	var s string
	if json.Unmarshal(raw, &s) != nil {
		return ""
	}
	return s
}

// text is a string's text or a number's literal.
func text(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	}
	return ""
}

// pixels is a whole number of them, or 0.
func pixels(v any) int {
	n, err := strconv.Atoi(text(v))
	if err != nil || n < 0 {
		return 0
	}
	return n
}

// first is the first text that any of the places has under any of the keys.
func first(places []object, keys ...string) string {
	for _, o := range places {
		for _, key := range keys {
			if s := text(o[key]); s != "" {
				return s
			}
		}
	}
	return ""
}

func or(texts ...string) string {
	for _, s := range texts {
		if s != "" {
			return s
		}
	}
	return ""
}
