// Package layout names the files of results.
//
// A [Layout] is a template such as {year}/{month}/{model}_{blob}: text, and fields in braces
// that stand for what is known of a result. [Parse] checks it before anything is named;
// [Layout.Path] then gives every result a relative path that is safe on Linux, macOS and
// Windows alike, whatever the server says. The extension is no part of the template: the
// bytes decide it.
package layout

import (
	"path"
	"slices"
	"strings"
	"time"

	"civitar/sink"
)

// Default is the layout of archives that were not given another one.
const Default = "{date}/{workflow}_{blob}"

// maxPath is the most bytes that a path has. With the folders of the archive itself it
// leaves room below the limits of the systems.
const maxPath = 400

// Layout is a template that was checked.
type Layout struct {
	text     string
	elements [][]part // of the path
}

// part is a piece of one element: a text, or a field.
type part struct {
	text   string
	field  *field
	option int    // what stands after the colon, 0 for nothing
	absent string // what stands for a value that is not known
}

// Fields are what a template can name. Empty texts and zero times are not known.
type Fields struct {
	Workflow, Step, StepType string
	Blob                     string // id, without the extension
	Level                    string
	Created, Completed       time.Time
	Tags                     []string
	Index                    int // place among the workflow's results, from 1
	Kind                     string
	Seed, Ecosystem, Model   string
	Prompt                   string
}

// Standard is the default layout.
func Standard() *Layout {
	l, _ := Parse(Default)
	return l
}

// String is the template.
func (l *Layout) String() string { return l.text }

// Uses tells whether the template names any of the fields.
func (l *Layout) Uses(names ...string) bool {
	for _, parts := range l.elements {
		for _, p := range parts {
			if p.field != nil && slices.Contains(names, p.field.name) {
				return true
			}
		}
	}
	return false
}

// Path is the slash-separated path of a result. ext, with its dot, ends the last element.
// Each element is safe and at most [sink.MaxName] bytes long; a name that had to change for
// that keeps a short hash.
func (l *Layout) Path(f Fields, ext string) string {
	elements := make([]string, len(l.elements))
	for i, parts := range l.elements {
		var b strings.Builder
		for _, p := range parts {
			b.WriteString(p.value(f))
		}
		elements[i] = b.String()
	}
	last := len(elements) - 1
	name := elements[last] + ext
	for i := range elements {
		elements[i] = sink.Element(elements[i])
	}
	elements[last] = sink.Element(name)
	if !strings.HasSuffix(elements[last], ext) { // of nothing but dots: the one of the extension went with them
		elements[last] = sink.Element("_" + name)
	}
	return shortened(elements)
}

// shortened joins the elements, and cuts long folders until the whole is short enough.
func shortened(elements []string) string {
	size := len(elements) - 1
	for _, e := range elements {
		size += len(e)
	}
	for i := 0; i < len(elements)-1 && size > maxPath; i++ {
		const short = 24 // of the deepest template, that is 7 of them, 7 slashes and one whole name
		if len(elements[i]) > short {
			cut := sink.Suffix(elements[i][:short-9], elements[i])
			size -= len(elements[i]) - len(cut)
			elements[i] = cut
		}
	}
	return path.Join(elements...)
}

func (p part) value(f Fields) string {
	if p.field == nil {
		return p.text
	}
	if v := p.field.value(f, p.option); v != "" {
		return v
	}
	return p.absent
}
