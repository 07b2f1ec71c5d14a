package cli

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"encoding/json"
	"text/template"
)

// jsonForm writes records as json (an array, or a single object), jsonl or yaml.
type jsonForm struct {
	w      *bufio.Writer
	as     string
	single bool
	begun  bool
}

func (j *jsonForm) write(r record) error {
	text, err := compactJSON(r)
	if err != nil {
		return err
	}
	return j.text(text)
}

// text writes a value that is JSON already.
func (j *jsonForm) text(value []byte) error {
	var out bytes.Buffer
	var err error
	switch j.as {
	case "jsonl":
		err = json.Compact(&out, value)
		out.WriteByte('\n')
	case "yaml":
		var text []byte
		text, err = toYAML(value, !j.single)
		out.Write(text)
	default:
		err = j.indented(&out, value)
	}
	if err != nil {
		return err
	}
	j.begun = true
	_, err = j.w.Write(escapeJSON(out.Bytes()))
	return err
}

// indented writes one object, or the next element of an array that is written as it comes.
func (j *jsonForm) indented(out *bytes.Buffer, value []byte) error {
	if j.single {
		defer out.WriteByte('\n')
		return json.Indent(out, value, "", "  ")
	}
	out.WriteString(",\n  ")
	if !j.begun {
		out.Reset()
		out.WriteString("[\n  ")
	}
	return json.Indent(out, value, "  ", "  ")
}

func (j *jsonForm) flush() error { return j.w.Flush() }

func (j *jsonForm) end() error {
	if !j.single {
		switch {
		case j.as == "json" && j.begun:
			_, _ = j.w.WriteString("\n]\n") // Flush tells the error
		case j.as == "json" || j.as == "yaml" && !j.begun:
			_, _ = j.w.WriteString("[]\n")
		}
	}
	return j.w.Flush()
}

// csvForm writes records as comma-separated values below a line of names.
type csvForm struct {
	w     *csv.Writer
	names []string
	begun bool
}

func (c *csvForm) head() error {
	if c.begun {
		return nil
	}
	c.begun = true
	return c.w.Write(c.names)
}

func (c *csvForm) write(r record) error {
	if err := c.head(); err != nil {
		return err
	}
	var row []string
	for _, f := range r.pick(c.names) {
		row = append(row, cell(f.value))
	}
	return c.w.Write(row)
}

func (c *csvForm) flush() error {
	c.w.Flush()
	return c.w.Error()
}

func (c *csvForm) end() error {
	if err := c.head(); err != nil {
		return err
	}
	return c.flush()
}

// templateForm writes what a Go template makes of each record, a line each.
type templateForm struct {
	w *bufio.Writer
	t *template.Template
}

func (t *templateForm) write(r record) error {
	text, err := compactJSON(r)
	if err != nil {
		return err
	}
	return t.execute(text)
}

// execute hands the template the JSON as maps and lists, under the names it has there.
func (t *templateForm) execute(text []byte) error {
	var value any
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber() // an id read as a float would change
	if err := dec.Decode(&value); err != nil {
		return err
	}
	var out bytes.Buffer
	if err := t.t.Execute(&out, value); err != nil {
		return usagef("%w", err)
	}
	_, err := t.w.WriteString(manyLines(out.String()) + "\n")
	return err
}

func (t *templateForm) flush() error { return t.w.Flush() }
func (t *templateForm) end() error   { return t.w.Flush() }
