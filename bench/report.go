package main

import (
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
)

// report is what is written at the end, as Markdown.
type report struct {
	machine  [][]string // what, and what it is
	versions [][]string // tool, and its version or why it is missing
	rounds   int
	scale    float64
	results  []result
}

func (p report) write(w io.Writer) error {
	var b strings.Builder
	b.WriteString("# civitar and its peers\n\n" + p.method() + "\n## Verdict\n\n")
	p.verdict(&b)
	for _, r := range p.results {
		fmt.Fprintf(&b, "\n## %s\n\n", r.title())
		r.table(&b)
		r.floors(&b)
		r.failures(&b)
	}
	b.WriteString("\n## Machine\n\n")
	table(&b, []string{"", ""}, p.machine)
	b.WriteString("\n## Tools\n\n")
	table(&b, []string{"tool", "version"}, p.versions)
	b.WriteString("\n## Commands\n")
	p.commands(&b)
	_, err := io.WriteString(w, b.String())
	return err
}

func (p report) method() string {
	text := fmt.Sprintf(`Written by `+"`go run ./bench`"+`: %d rounds, in each of which every tool has its turn, in an order
that changes. All tools fetch the same blobs from the same server on this machine, with %d
transfers at once, each into a folder of its own. civitar also lists the account, hashes every
blob, writes its record, and has all of it durable when it ends; the time of a peer includes
one sync of the file system that it wrote to. Figures are medians, with least and most; MB and
GB are powers of ten. CPU time is user and system together.
`, p.rounds, transfers)
	if p.scale != 1 {
		text += fmt.Sprintf("\n**A quick look at %g of the blobs, and no measurement.**\n", p.scale)
	}
	return text
}

func (p report) verdict(b *strings.Builder) {
	var rows [][]string
	for _, v := range verdicts(p.results) {
		rows = append(rows, v.cells())
	}
	table(b, []string{"workload", "target", "measured", "verdict"}, rows)
}

// table has a row for each figure and a column for each tool, and at the end what civitar's
// is to the best peer's.
func (r result) table(b *strings.Builder) {
	head := []string{""}
	all := append(r.of(own), r.of(peer)...)
	for _, c := range all {
		head = append(head, c.name)
	}
	for _, c := range r.of(own) {
		head = append(head, c.name+" / best peer")
	}
	var rows [][]string
	for _, m := range metrics() {
		row := []string{m.name}
		for _, c := range all {
			row = append(row, r.cell(c, m))
		}
		name, best := r.best(m)
		for _, c := range r.of(own) {
			row = append(row, ratio(r.median(c.name, m.of)/best, name))
		}
		rows = append(rows, row)
	}
	table(b, head, rows)
}

func (r result) cell(c contestant, m metric) string {
	s, ok := r.figures(c.name, m.of)
	if !ok {
		return "failed"
	}
	number := func(x float64) string { return strconv.FormatFloat(x, 'f', m.digits, 64) }
	return fmt.Sprintf("%s (%s-%s)", number(s.median), number(s.min), number(s.max))
}

func ratio(x float64, peer string) string {
	if math.IsNaN(x) {
		return "-"
	}
	return fmt.Sprintf("%.2f (%s)", x, peer)
}

// floors tells what the machine itself takes for as many bytes.
func (r result) floors(b *strings.Builder) {
	var rows [][]string
	for _, c := range r.of(floor) {
		row := []string{c.name}
		for _, m := range metrics() {
			row = append(row, r.cell(c, m))
		}
		rows = append(rows, row)
	}
	if len(rows) == 0 {
		return
	}
	head := []string{"floor"}
	for _, m := range metrics() {
		head = append(head, m.name)
	}
	b.WriteString("\n")
	table(b, head, rows)
	if hash := r.median(hashing().name, func(s sample, _ *workload) float64 { return s.hash }); !math.IsNaN(hash) {
		fmt.Fprintf(b, "\nSHA-256 alone, without reading: %.2f s per GB.\n", hash)
	}
}

func (r result) failures(b *strings.Builder) {
	for _, c := range r.contestants {
		var why []string
		for i, s := range r.samples[c.name] {
			if s.err != nil {
				why = append(why, fmt.Sprintf("round %d: %v", i+1, s.err))
			}
		}
		if len(why) > 0 {
			fmt.Fprintf(b, "\n%s failed in %d of %d rounds: %s.\n", c.name, len(why), len(r.samples[c.name]), strings.Join(why, "; "))
		}
	}
}

// commands shows how each tool was called, with words for the paths; what is called in the
// same way near and far, once.
func (p report) commands(b *strings.Builder) {
	shown := make(map[string]bool)
	for _, r := range p.results {
		w := &workload{far: r.far, api: "URL", lists: "LISTS", dir: "CORPUS"}
		for _, c := range r.contestants {
			line, place := c.tool+" "+quoted(c.args(task{w, "DEST"})), ""
			if r.far {
				place = " (far)"
			}
			if !shown[line] {
				fmt.Fprintf(b, "\n- %s%s: `%s`", c.name, place, line)
			}
			shown[line] = true
		}
	}
	b.WriteString("\n\nURL and token reach civitar by its environment.\n")
}

func quoted(args []string) string {
	var words []string
	for _, arg := range args {
		if arg == "" || strings.ContainsAny(arg, " ,") {
			arg = "'" + arg + "'"
		}
		words = append(words, strings.ReplaceAll(arg, token, "TOKEN"))
	}
	return strings.Join(words, " ")
}

func table(b *strings.Builder, head []string, rows [][]string) {
	line := func(cells []string) { fmt.Fprintf(b, "| %s |\n", strings.Join(cells, " | ")) }
	line(head)
	fmt.Fprintf(b, "%s|\n", strings.Repeat("|---", len(head)))
	for _, row := range rows {
		line(row)
	}
}

// thousands writes a number with commas.
func thousands(n int) string {
	if n < 1000 {
		return strconv.Itoa(n)
	}
	return thousands(n/1000) + fmt.Sprintf(",%03d", n%1000)
}
