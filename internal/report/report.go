// Package report writes down how a run went, for people and programs: a JSON file, and the
// same as Markdown.
package report

import (
	"encoding/json"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/dustin/go-humanize"

	"civitar/pipeline"
)

// Outcome is how a run ended.
type Outcome string

// The outcomes.
const (
	Success     Outcome = "success"
	Incomplete  Outcome = "incomplete" // ended, with failed blobs
	Failed      Outcome = "failed"
	Interrupted Outcome = "interrupted"
)

// Report is how a run went. Times are UTC.
type Report struct {
	Version int       `json:"report"` // of this form
	Civitar string    `json:"civitar"`
	Run     string    `json:"run"`
	Archive string    `json:"archive"`
	Source  string    `json:"source,omitempty"`
	Started time.Time `json:"started"`
	Ended   time.Time `json:"ended"`
	Outcome Outcome   `json:"outcome"`
	Error   string    `json:"error,omitempty"`
	Changed bool      `json:"changed"` // something was kept
	// Waiting is what is not kept yet and may be; of that, Soon expires within SoonDays, and
	// Next is when the first does.
	Waiting  int64             `json:"waiting"`
	Soon     int64             `json:"soon"`
	SoonDays int               `json:"soonDays"`
	Next     time.Time         `json:"nextExpiry,omitzero"`
	Limited  int64             `json:"throttled"` // 429s of the API
	Summary  *pipeline.Summary `json:"summary,omitempty"`
}

// Dir is the folder of an archive where reports are.
const Dir = "reports"

// Keep is how many runs' reports are kept.
const Keep = 400

var reportName = regexp.MustCompile(`^reports/[0-9]{8}T[0-9]{6}Z-[A-Za-z0-9]+\.(json|md)$`)

// Is tells whether a path of an archive is a report's.
func Is(name string) bool { return reportName.MatchString(name) }

// Name is the report's path in the archive, without its ending.
func (r Report) Name() string {
	return path.Join(Dir, r.Ended.UTC().Format("20060102T150405Z")+"-"+r.Run)
}

// JSON is the report for programs.
func (r Report) JSON() ([]byte, error) {
	data, err := json.MarshalIndent(r, "", "  ")
	return append(data, '\n'), err
}

// Line is the report in one sentence.
func (r Report) Line() string {
	s := r.Archive + ": " + string(r.Outcome)
	if r.Summary != nil {
		s += fmt.Sprintf(", %s kept (%s)", humanize.Comma(r.Summary.Kept), humanize.IBytes(uint64(r.Summary.Bytes)))
		if r.Summary.Failed > 0 {
			s += fmt.Sprintf(", %s failed", humanize.Comma(r.Summary.Failed))
		}
	}
	if r.Error != "" {
		s += ": " + r.Error
	}
	return s
}

// Markdown is the report for people.
func (r Report) Markdown() []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "# %s: %s\n\n", plain(r.Archive), r.Outcome)
	fmt.Fprintf(&b, "%s, %s.\n", r.Started.UTC().Format("2006-01-02 15:04 UTC"), r.Ended.Sub(r.Started).Round(time.Second))
	if r.Error != "" {
		fmt.Fprintf(&b, "\n**%s**\n", plain(r.Error))
	}
	if s := r.Summary; s != nil {
		b.WriteString("\n| state | blobs |\n|---|---|\n")
		for _, row := range []struct {
			name string
			n    int64
		}{{"seen", s.Seen}, {"kept", s.Kept}, {"known", s.Known}, {"skipped", s.Skipped}, {"withheld", s.Withheld}, {"gone", s.Gone}, {"failed", s.Failed}, {"pending", s.Pending}} {
			fmt.Fprintf(&b, "| %s | %s |\n", row.name, humanize.Comma(row.n))
		}
		fmt.Fprintf(&b, "\n%s kept.\n", humanize.IBytes(uint64(s.Bytes)))
	}
	if r.Waiting > 0 {
		fmt.Fprintf(&b, "\n%s not kept yet", humanize.Comma(r.Waiting))
		if !r.Next.IsZero() {
			fmt.Fprintf(&b, ", the first expires on %s", r.Next.UTC().Format(time.DateOnly))
		}
		if r.Soon > 0 {
			fmt.Fprintf(&b, ", **%s within %d days**", humanize.Comma(r.Soon), r.SoonDays)
		}
		b.WriteString(".\n")
	}
	return []byte(b.String())
}

// plain keeps a text from acting as Markdown.
func plain(s string) string {
	return strings.NewReplacer("\\", "\\\\", "*", "\\*", "_", "\\_", "[", "\\[", "<", "&lt;", "`", "\\`", "|", "\\|", "#", "\\#").Replace(s)
}

// Old are those of a folder's files that need not be kept any more.
func Old(names []string) []string {
	var ours []string
	for _, n := range names {
		if Is(path.Join(Dir, n)) {
			ours = append(ours, n)
		}
	}
	slices.Sort(ours)
	return ours[:max(0, len(ours)-2*Keep)]
}
