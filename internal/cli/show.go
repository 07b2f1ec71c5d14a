package cli

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"encoding/json"
	"os"
	"slices"
	"strings"
	"text/template"

	"golang.org/x/term"
)

// showFlags say how answers are written to stdout.
type showFlags struct {
	Output string `short:"o" enum:"auto,table,json,jsonl,yaml,csv" default:"auto" placeholder:"FORM" help:"As ${forms}"`
	formFlags
}

type formFlags struct {
	Fields []string `placeholder:"NAME" help:"Only these fields, separated by commas."`
	Format string   `placeholder:"TEMPLATE" help:"Write by a Go template: '{{.id}} {{.status}}'."`
	Wide   bool     `help:"Show tables with all columns, uncut."`
}

// printer writes records to stdout in the form that the flags chose.
type printer struct {
	form
	fields []string
}

// form is one way to write records. What was written reaches stdout with flush, and end
// completes the text.
type form interface {
	write(record) error
	flush() error
	end() error
}

func (p *printer) write(r record) error { return p.form.write(r.pick(p.fields)) }

// shape is what a command's records look like.
type shape struct {
	fields  []string // all of them
	columns []string // those of a table that is not wide
	few     []string // those that a narrow terminal has room for, if not all of columns
	single  bool     // one record is all there is
}

const (
	// roomElsewhere is how wide a table is that no terminal shows.
	roomElsewhere = 120
	// roomForAll is how wide a terminal must be for all of a table's usual columns.
	roomForAll = 100
)

// printer checks the flags and makes the form they ask for.
func (f *showFlags) printer(s *session, l shape) (*printer, error) {
	for _, name := range f.Fields {
		if !slices.Contains(l.fields, name) {
			return nil, usagef("--fields: there is no %q; there are %s", name, strings.Join(l.fields, ", "))
		}
	}
	out := newOutput(s)
	if f.Format != "" {
		t, err := newTemplate(f.Format)
		return &printer{form: &templateForm{w: out.w, t: t}, fields: f.Fields}, err
	}
	return &printer{form: f.form(out, l), fields: f.Fields}, nil
}

// form makes the form that --output names.
func (f *showFlags) form(out output, l shape) form {
	as := f.Output
	switch {
	case as != "auto":
	case out.terminal:
		as = "table"
	default:
		as = "jsonl"
	}
	switch as {
	case "table":
		t := &table{w: out.w, names: f.columns(out, l), room: out.room, colour: out.colour}
		if l.single {
			t.room, t.names, t.headed = 0, []string{"", ""}, true
			return sheet{t, f.Wide}
		}
		if f.Wide {
			t.room = 0
		}
		return t
	case "csv":
		names := l.fields
		if len(f.Fields) > 0 {
			names = f.Fields
		}
		return &csvForm{w: csv.NewWriter(out.w), names: names}
	}
	return &jsonForm{w: out.w, as: as, single: l.single}
}

// columns are those of a table.
func (f *showFlags) columns(out output, l shape) []string {
	switch {
	case len(f.Fields) > 0:
		return f.Fields
	case f.Wide:
		return l.fields
	case out.room < roomForAll && l.few != nil:
		return l.few
	}
	return l.columns
}

// show writes a single record.
func (f *showFlags) show(s *session, r record) error {
	names := make([]string, len(r))
	for i := range r {
		names[i] = r[i].name
	}
	p, err := f.printer(s, shape{fields: names, single: true})
	if err != nil {
		return err
	}
	if err := p.write(r); err != nil {
		return err
	}
	return p.end()
}

// raw tells that a command which answers the API's own JSON is to do so.
func (f *showFlags) raw() bool {
	return len(f.Fields) == 0 && f.Output != "table" && f.Output != "csv"
}

// showRaw writes JSON of the server's, whole.
func (f *showFlags) showRaw(s *session, text json.RawMessage) error {
	out := newOutput(s)
	if f.Format != "" {
		t, err := newTemplate(f.Format)
		if err != nil {
			return err
		}
		form := &templateForm{w: out.w, t: t}
		if err := form.execute(text); err != nil {
			return err
		}
		return form.end()
	}
	as := f.Output
	if as == "auto" {
		as = "json"
	}
	form := &jsonForm{w: out.w, as: as, single: true}
	if err := form.text(text); err != nil {
		return err
	}
	return form.end()
}

// output is stdout, and what it is.
type output struct {
	w                *bufio.Writer
	terminal, colour bool
	room             int
}

func newOutput(s *session) output {
	out := output{w: bufio.NewWriter(s.Stdout), room: roomElsewhere}
	f, ok := s.Stdout.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return out
	}
	out.terminal, out.room = true, 80
	out.colour = s.env("NO_COLOR") == "" && s.env("TERM") != "dumb"
	if width, _, err := term.GetSize(int(f.Fd())); err == nil && width > 0 {
		out.room = width
	}
	return out
}

// compactJSON is a record's JSON, fit for a terminal too.
func compactJSON(r record) ([]byte, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	err := enc.Encode(r)
	return bytes.TrimRight(buf.Bytes(), "\n"), err
}

func newTemplate(text string) (*template.Template, error) {
	t, err := template.New("--format").Parse(text)
	if err != nil {
		return nil, usagef("%w", err)
	}
	return t, nil
}
