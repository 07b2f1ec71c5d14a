package sandbox

import (
	"encoding/json"
	"strconv"
	"time"
)

// object is a JSON object that keeps the order of its members.
type object []member

type member struct {
	key   string
	value any
}

// obj makes an object of alternating names and values.
func obj(pairs ...any) object {
	o := make(object, 0, len(pairs)/2)
	for i := 0; i+1 < len(pairs); i += 2 {
		key, _ := pairs[i].(string)
		o = append(o, member{key, pairs[i+1]})
	}
	return o
}

func (o object) with(pairs ...any) object { return append(o, obj(pairs...)...) }

// get is a member's value, nil where there is none.
func (o object) get(key string) any {
	for _, m := range o {
		if m.key == key {
			return m.value
		}
	}
	return nil
}

// set gives a member another value, or adds it.
func (o object) set(key string, value any) object {
	for i := range o {
		if o[i].key == key {
			o[i].value = value
			return o
		}
	}
	return append(o, member{key, value})
}

type (
	list []any
	// enum is a value of one of the API's enumerations; the manager API
	// writes those in PascalCase.
	enum string
	// when is a timestamp in the API's form.
	when time.Time
	// absent leaves its member out.
	absent struct{}
)

// append writes x as JSON. Values that depend on who asks and how (URLs,
// availability, enum case) are written as this view has them.
func (v *view) append(dst []byte, x any) []byte {
	switch x := x.(type) {
	case nil, absent:
		return append(dst, "null"...)
	case string:
		return appendString(dst, x)
	case enum:
		return appendString(dst, v.enum(string(x)))
	case bool:
		return strconv.AppendBool(dst, x)
	case int:
		return strconv.AppendInt(dst, int64(x), 10)
	case float64:
		return strconv.AppendFloat(dst, x, 'f', -1, 64)
	case when:
		return appendString(dst, stamp(time.Time(x)))
	case []string:
		return appendList(dst, x, appendString)
	case list:
		return appendList(dst, x, v.append)
	case object:
		return v.appendObject(dst, x)
	case json.RawMessage:
		return append(dst, x...)
	default:
		return v.appendAccount(dst, x)
	}
}

// appendAccount writes the values that stand for parts of the account.
func (v *view) appendAccount(dst []byte, x any) []byte {
	switch x := x.(type) {
	case *blob:
		return v.appendObject(dst, v.blob(x))
	case []*blob:
		return appendList(dst, x, func(dst []byte, b *blob) []byte { return v.append(dst, b) })
	case blobName:
		return appendString(dst, x.id)
	case blobLink:
		return appendString(dst, v.signedURL(x.id))
	case pathLink:
		return appendString(dst, v.origin+string(x))
	case *step:
		return v.appendObject(dst, v.step(x))
	case []*step:
		return appendList(dst, x, func(dst []byte, s *step) []byte { return v.append(dst, s) })
	default:
		return append(dst, "null"...)
	}
}

func (v *view) appendObject(dst []byte, o object) []byte {
	dst = append(dst, '{')
	first := true
	for _, m := range o {
		if _, skip := m.value.(absent); skip {
			continue
		}
		if !first {
			dst = append(dst, ',')
		}
		first = false
		dst = append(appendString(dst, m.key), ':')
		dst = v.append(dst, m.value)
	}
	return append(dst, '}')
}

func appendList[T any](dst []byte, items []T, each func([]byte, T) []byte) []byte {
	dst = append(dst, '[')
	for i, item := range items {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = each(dst, item)
	}
	return append(dst, ']')
}

func appendString(dst []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' || c == '<' || c == '>' || c == '&' {
			return appendEscaped(dst, s)
		}
	}
	return append(append(append(dst, '"'), s...), '"')
}

// appendEscaped leaves the rare cases to encoding/json, which cannot fail for
// a string.
func appendEscaped(dst []byte, s string) []byte {
	quoted, err := json.Marshal(s)
	if err != nil {
		return append(dst, `""`...)
	}
	return append(dst, quoted...)
}
