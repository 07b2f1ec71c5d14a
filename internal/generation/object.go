package generation

import (
	"encoding/json"
	"maps"
	"slices"
)

// object is a JSON object; numbers in it are json.Number.
type object map[string]any

// object is the one under a key; a nil one where there is none.
func (o object) object(key string) object {
	m, _ := o[key].(map[string]any)
	return m
}

// text is the text or number under a key.
func (o object) text(key string) string {
	switch v := o[key].(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	}
	return ""
}

func sortedKeys(m map[string]any) []string { return slices.Sorted(maps.Keys(m)) }
