package cli

import (
	"bufio"
	"strings"
	"time"

	"github.com/rivo/uniseg"
)

// table shows records below each other in aligned columns. Rows are held until flush, so
// that a listing of any length takes the memory of one page; columns never get narrower.
type table struct {
	w      *bufio.Writer
	names  []string
	room   int  // columns of the screen; 0 is without limit
	colour bool // statuses and levels

	rows   [][]tableCell
	widths []int
	lists  []bool // columns of several values, which may be narrowed
	headed bool
}

type tableCell struct{ text, style string }

// gap is the space between columns.
const gap = "  "

const (
	// maxColumn is how wide a column but the last may be where room is limited. An id fits.
	maxColumn = 48
	// minList is how narrow a list may become for the last column's sake.
	minList = 12
)

func (t *table) write(r record) error {
	if t.lists == nil {
		t.lists, t.widths = make([]bool, len(t.names)), make([]int, len(t.names))
	}
	row := make([]tableCell, len(t.names))
	for i, f := range r.pick(t.names) {
		row[i] = tableCell{t.text(f.value), style(f.value)}
		if t.room > 0 && i < len(t.names)-1 {
			row[i].text = fit(row[i].text, maxColumn)
		}
		switch f.value.(type) {
		case []record, []string:
			t.lists[i] = true
		}
	}
	t.rows = append(t.rows, row)
	return nil
}

// text is a value as a cell; where room is limited, a time goes without its seconds.
func (t *table) text(v any) string {
	at, ok := v.(time.Time)
	if !ok || t.room == 0 || at.IsZero() {
		return cell(v)
	}
	return at.UTC().Format("2006-01-02 15:04")
}

func (t *table) flush() error {
	if len(t.rows) > 0 && !t.headed {
		t.headed = true
		head := make([]tableCell, len(t.names))
		for i, name := range t.names {
			head[i] = tableCell{strings.ToUpper(name), "1"}
		}
		t.rows = append([][]tableCell{head}, t.rows...)
	}
	t.measure()
	for _, row := range t.rows {
		t.line(row)
	}
	t.rows = t.rows[:0]
	return t.w.Flush()
}

// measure widens the columns for the rows at hand, and narrows lists so that the last
// column has a third of the room.
func (t *table) measure() {
	sum := 0
	for i := range len(t.names) - 1 { // nothing is aligned behind the last
		for _, row := range t.rows {
			t.widths[i] = max(t.widths[i], uniseg.StringWidth(row[i].text))
		}
		sum += t.widths[i] + len(gap)
	}
	for i, list := range t.lists {
		if over := sum - t.room*2/3; t.room > 0 && list && i < len(t.names)-1 && over > 0 {
			narrower := max(t.widths[i]-over, min(minList, t.widths[i]))
			sum -= t.widths[i] - narrower
			t.widths[i] = narrower
		}
	}
}

func (t *table) end() error { return t.flush() }

// line writes a row, as far as there is room.
func (t *table) line(row []tableCell) {
	var line strings.Builder
	left, pending := t.room, 0
	for i, c := range row {
		if t.room > 0 {
			if left <= 0 {
				break
			}
			if c.text = fit(c.text, left); i < len(row)-1 {
				c.text = fit(c.text, t.widths[i])
			}
		}
		width := uniseg.StringWidth(c.text)
		if c.text != "" {
			line.WriteString(strings.Repeat(" ", pending))
			line.WriteString(t.paint(c))
			pending = 0
		}
		pending += max(t.widths[i]-width, 0) + len(gap)
		left -= max(t.widths[i], width) + len(gap)
	}
	line.WriteByte('\n')
	_, _ = t.w.WriteString(line.String()) // Flush tells the error
}

func (t *table) paint(c tableCell) string {
	if !t.colour || c.style == "" {
		return c.text
	}
	return "\x1b[" + c.style + "m" + c.text + "\x1b[0m"
}

// fit cuts a text to a number of columns on the screen.
func fit(text string, room int) string {
	if len(text) <= room { // no character is wider than its bytes
		return text
	}
	if room < 1 {
		return ""
	}
	kept, width, end := 0, 0, 0
	for g := uniseg.NewGraphemes(text); g.Next(); {
		if width += g.Width(); width > room {
			return text[:kept] + "…"
		}
		_, end = g.Positions()
		if width < room {
			kept = end
		}
	}
	return text
}

// sheet shows a single record, a field a line.
type sheet struct {
	*table
	whole bool
}

// maxValue is how much of a value is shown where not all is asked for.
const maxValue = 1000

func (s sheet) write(r record) error {
	s.widths = make([]int, len(s.names))
	for _, f := range r {
		value := tableCell{cell(f.value), style(f.value)}
		if !s.whole {
			value.text = fit(value.text, maxValue)
		}
		s.rows = append(s.rows, []tableCell{{text: f.name}, value})
	}
	return nil
}
