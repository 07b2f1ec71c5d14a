package cli

import (
	"bytes"
	"encoding/json"
	"io"
	"strings"

	"go.yaml.in/yaml/v3"
)

// toYAML writes a JSON text as YAML, keys in their order and numbers as they are.
func toYAML(text []byte, asItem bool) ([]byte, error) {
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	node, err := yamlNode(dec)
	if err != nil {
		return nil, err
	}
	if asItem {
		node = &yaml.Node{Kind: yaml.SequenceNode, Content: []*yaml.Node{node}}
	}
	var out bytes.Buffer
	enc := yaml.NewEncoder(&out)
	enc.SetIndent(2)
	if err := enc.Encode(node); err != nil {
		return nil, err
	}
	return escapeYAML(out.Bytes()), enc.Close()
}

func yamlNode(dec *json.Decoder) (*yaml.Node, error) {
	token, err := dec.Token()
	if err != nil {
		return nil, err
	}
	switch v := token.(type) {
	case json.Delim:
		return yamlBody(dec, v)
	case string:
		n := &yaml.Node{}
		n.SetString(v)
		// What a terminal must not get is escaped later, and only these scalars can be. Of
		// lines the library makes blocks, where a leading tab or space is indentation.
		if strings.ContainsFunc(v, escapable) || strings.ContainsAny(v, "\r\t") || strings.Contains(v, "\n") && !plainLines(v) {
			n.Style = yaml.DoubleQuotedStyle
		}
		return n, nil
	case json.Number:
		n := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!float", Value: v.String()}
		if !strings.ContainsAny(n.Value, ".eE") {
			n.Tag = "!!int"
		}
		return n, nil
	case bool:
		n := &yaml.Node{}
		return n, n.Encode(v)
	}
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!null", Value: "null"}, nil
}

func yamlBody(dec *json.Decoder, open json.Delim) (*yaml.Node, error) {
	n := &yaml.Node{Kind: yaml.SequenceNode}
	if open == '{' {
		n.Kind = yaml.MappingNode
	}
	for dec.More() { // of an object, keys and values take turns
		child, err := yamlNode(dec)
		if err != nil {
			return nil, err
		}
		n.Content = append(n.Content, child)
	}
	_, err := dec.Token()
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

// plainLines tells a text whose lines begin and end with something visible.
func plainLines(s string) bool {
	for line := range strings.SplitSeq(s, "\n") {
		if line == "" || line != strings.TrimSpace(line) {
			return false
		}
	}
	return true
}
