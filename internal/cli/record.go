package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"civitar/fetch"
)

// record is what a command tells of one thing: named values, in order. A value is nil, a
// text, a number, a bool, a time, JSON of the server's, a list of texts, or records.
type record []field

type field struct {
	name  string
	value any
}

// MarshalJSON writes the fields as an object in their order; times that are not known,
// and empty statuses and levels, are null.
func (r record) MarshalJSON() ([]byte, error) {
	var out bytes.Buffer
	out.WriteByte('{')
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	for i, f := range r {
		if i > 0 {
			out.WriteByte(',')
		}
		fmt.Fprintf(&out, "%q:", f.name)
		if err := enc.Encode(jsonValue(f.value)); err != nil {
			return nil, err
		}
	}
	out.WriteByte('}')
	return out.Bytes(), nil
}

func jsonValue(v any) any {
	switch v := v.(type) {
	case time.Time:
		if v.IsZero() {
			return nil
		}
	case fetch.Status:
		if v == "" {
			return nil
		}
	case fetch.Level:
		if v == "" {
			return nil
		}
	case []string:
		if v == nil {
			return []string{}
		}
	case []record:
		if v == nil {
			return []record{}
		}
	}
	return v
}

// pick is the record with only these fields, in this order.
func (r record) pick(names []string) record {
	if len(names) == 0 {
		return r
	}
	picked := make(record, 0, len(names))
	for _, name := range names {
		if i := slices.IndexFunc(r, func(f field) bool { return f.name == name }); i >= 0 {
			picked = append(picked, r[i])
		}
	}
	return picked
}

// cell is a value as one line of text.
func cell(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return oneLine(v)
	case time.Time:
		if v.IsZero() {
			return ""
		}
		return v.UTC().Format(time.DateTime)
	case []string:
		return oneLine(strings.Join(v, ", "))
	case []record:
		all := make([]string, len(v))
		for i, r := range v {
			all[i] = r.line()
		}
		return strings.Join(all, ", ")
	case json.RawMessage:
		var text string
		if json.Unmarshal(v, &text) == nil { // null as well
			return oneLine(text)
		}
		return oneLine(string(v))
	}
	return oneLine(fmt.Sprint(v))
}

// line is a record inside a cell: its values without their names.
func (r record) line() string {
	var words []string
	for _, f := range r {
		if text := cell(f.value); text != "" {
			words = append(words, text)
		}
	}
	return strings.Join(words, " ")
}

// style is the colour of a value on a terminal, as the number of an ANSI sequence.
func style(v any) string {
	const green, yellow, red, faint = "32", "33", "31", "2"
	switch v := v.(type) {
	case fetch.Status:
		switch {
		case v == "succeeded":
			return green
		case v.Ended():
			return red
		case v != "":
			return yellow
		}
	case fetch.Level:
		switch {
		case v == "x" || v == "xxx":
			return red
		case v.Mature():
			return yellow
		case v == "na" || v == "":
			return faint
		}
		return green
	}
	return ""
}

// availability is a blob's in JSON true or false, in a table a word.
type availability bool

func (a availability) String() string {
	if a {
		return "available"
	}
	return "not available"
}

// number is one as the server wrote it; "" is null.
func number(text string) any {
	if text == "" {
		return nil
	}
	return json.Number(text)
}
