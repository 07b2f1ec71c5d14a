package cli

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/dustin/go-humanize"

	"civitar/manifest"
	"civitar/policy"
)

// breakdown counts blobs by what they are. Its size is bounded, whatever the server sends.
type breakdown struct {
	Level    tally `json:"byLevel"`
	Kind     tally `json:"byKind"`
	StepType tally `json:"byStepType"`
	Month    tally `json:"byMonth"`
}

// tally is blobs and bytes by name.
type tally map[string]manifest.Count

// mostNames is how many names a tally tells apart; the rest are counted together.
const mostNames = 200

func newBreakdown() *breakdown {
	return &breakdown{Level: tally{}, Kind: tally{}, StepType: tally{}, Month: tally{}}
}

func (b *breakdown) add(g manifest.Group, kind policy.Kind) {
	month := "unknown"
	if !g.Created.IsZero() {
		month = g.Created.UTC().Format("2006-01")
	}
	b.Level.add(cmp.Or(g.NSFW, "unrated"), g.Count)
	b.Kind.add(cmp.Or(string(kind), "unknown"), g.Count)
	b.StepType.add(cmp.Or(g.Type, "unknown"), g.Count)
	b.Month.add(month, g.Count)
}

func (t tally) add(name string, c manifest.Count) {
	if _, ok := t[name]; !ok && len(t) >= mostNames {
		name = "others"
	}
	t[name] = manifest.Count{Blobs: t[name].Blobs + c.Blobs, Bytes: t[name].Bytes + c.Bytes}
}

// show writes a table: a line for each name, the most frequent first and at most so many,
// months in order.
func (b *breakdown) show(w io.Writer, most int) {
	for _, part := range []struct {
		title string
		t     tally
	}{{"level", b.Level}, {"kind", b.Kind}, {"step type", b.StepType}, {"month", b.Month}} {
		names := part.t.names(part.title == "month")
		for i, name := range names {
			if i == most && len(names) > most+1 && part.title != "month" {
				rest := manifest.Count{}
				for _, other := range names[i:] {
					rest = manifest.Count{Blobs: rest.Blobs + part.t[other].Blobs, Bytes: rest.Bytes + part.t[other].Bytes}
				}
				countRow(w, "", fmt.Sprintf("%d others", len(names)-i), rest)
				break
			}
			title := ""
			if i == 0 {
				title = "by " + part.title
			}
			countRow(w, title, oneLine(name), part.t[name])
		}
	}
}

func countRow(w io.Writer, title, name string, c manifest.Count) {
	line := fmt.Sprintf("  %-13s %-24s %9s  %s", title, name, humanize.Comma(c.Blobs), sizeNote(c.Bytes))
	fmt.Fprintln(w, strings.TrimRight(line, " "))
}

func (t tally) names(inOrder bool) []string {
	var names []string
	for name := range t {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int {
		if inOrder {
			return cmp.Compare(a, b)
		}
		return cmp.Or(cmp.Compare(t[b].Blobs, t[a].Blobs), cmp.Compare(a, b))
	})
	return names
}

// groupOf is a blob as a group of one.
func groupOf(b manifest.Blob) manifest.Group {
	return manifest.Group{NSFW: b.NSFW, Type: b.Type, Media: b.Media, Created: monthOf(b.Created), Count: manifest.Count{Blobs: 1, Bytes: b.Size}}
}

func monthOf(t time.Time) time.Time {
	if t.IsZero() {
		return t
	}
	return time.Date(t.UTC().Year(), t.UTC().Month(), 1, 0, 0, 0, 0, time.UTC)
}
