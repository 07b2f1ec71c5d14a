package export

import (
	"encoding/csv"
	"encoding/json"
	"io"
	"strconv"
	"strings"
	"time"
)

// columns are those of a table, in order.
func columns() []string {
	return []string{"workflow", "created", "step", "type", "blob", "path", "size", "sha256", "media", "nsfw", "role", "prompt", "negative", "model", "seed"}
}

// csvPack is a table (RFC 4180), the names of the columns first.
type csvPack struct {
	w     *csv.Writer
	begun bool
}

func newCSV(w io.Writer) *csvPack {
	c := csv.NewWriter(w)
	c.UseCRLF = true
	return &csvPack{w: c}
}

func (c *csvPack) add(f File, _ io.Reader) error {
	if err := c.head(); err != nil {
		return err
	}
	return c.w.Write(rowOf(f))
}

func rowOf(f File) []string {
	created := ""
	if !f.Created.IsZero() {
		created = f.Created.UTC().Format(time.RFC3339)
	}
	row := []string{f.Workflow, created, f.Step, f.Type, f.Blob, f.Path, strconv.FormatInt(f.Size, 10), f.SHA256, f.Media, f.NSFW, f.Role,
		f.Made.Prompt, f.Made.Negative, f.Made.Model, f.Made.Seed}
	for i, cell := range row {
		row[i] = harmless(cell)
	}
	return row
}

// harmless keeps a spreadsheet from taking a text for a formula.
func harmless(cell string) string {
	if cell != "" && strings.ContainsRune("=+-@\t\r", rune(cell[0])) {
		return "'" + cell
	}
	return cell
}

func (c *csvPack) head() error {
	if c.begun {
		return nil
	}
	c.begun = true
	return c.w.Write(columns())
}

func (c *csvPack) room(f File) int64 {
	n := int64(4<<10 + 200) // a buffer, and the names of the columns
	for _, cell := range rowOf(f) {
		n += 2*int64(len(cell)) + 3
	}
	return n
}

func (c *csvPack) close() error {
	if err := c.head(); err != nil {
		return err
	}
	c.w.Flush()
	return c.w.Error()
}

// jsonlPack is a table of one JSON object a line.
type jsonlPack struct{ enc *json.Encoder }

func newJSONL(w io.Writer) jsonlPack {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	return jsonlPack{enc}
}

func (j jsonlPack) add(f File, _ io.Reader) error {
	return j.enc.Encode(struct {
		File
		Made
	}{f, f.Made})
}

// Escapes make six bytes of one at most.
func (j jsonlPack) room(f File) int64 {
	n := int64(1 << 10)
	for _, cell := range rowOf(f) {
		n += 6 * int64(len(cell))
	}
	return n
}

func (j jsonlPack) close() error { return nil }
