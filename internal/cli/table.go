package cli

import (
	"bufio"
	"strings"

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
	headed bool
}

type tableCell struct{ text, style string }

// gap is the space between columns.
const gap = "  "

// maxColumn is how wide a column but the last may be where room is limited. An id fits.
const maxColumn = 48

func (t *table) write(r record) error {
	row := make([]tableCell, len(t.names))
	for i, f := range r.pick(t.names) {
		row[i] = tableCell{cell(f.value), style(f.value)}
		if t.room > 0 && i < len(t.names)-1 {
			row[i].text = fit(row[i].text, maxColumn)
		}
	}
	t.rows = append(t.rows, row)
	return nil
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
	if t.widths == nil {
		t.widths = make([]int, len(t.names))
	}
	for _, row := range t.rows {
		for i := range len(row) - 1 { // nothing is aligned behind the last
			t.widths[i] = max(t.widths[i], uniseg.StringWidth(row[i].text))
		}
	}
	for _, row := range t.rows {
		t.line(row)
	}
	t.rows = t.rows[:0]
	return t.w.Flush()
}

func (t *table) end() error { return t.flush() }

// line writes a row, as far as there is room.
func (t *table) line(row []tableCell) {
	var line strings.Builder
	left, pending := t.room, 0
	for i, c := range row {
		if t.room > 0 {
			if c.text = fit(c.text, max(left, 0)); left <= 0 {
				break
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
	for _, f := range r {
		value := tableCell{cell(f.value), style(f.value)}
		if !s.whole {
			value.text = fit(value.text, maxValue)
		}
		s.rows = append(s.rows, []tableCell{{text: f.name}, value})
	}
	return nil
}
