package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"github.com/dustin/go-humanize"

	"civitar/manifest"
	"civitar/pipeline"
)

// summaryLine is the journal's line about a run. An archive that encrypts does not tell
// what the run was about.
func summaryLine(s pipeline.Summary, cfg pipeline.Config, now time.Time) (manifest.Run, error) {
	line := manifest.Run{Time: now.UTC(), Run: s.Run, Scope: cfg.Scope()}
	var err error
	if kept := cfg.Policy.Values(); len(kept) > 0 && !cfg.Filing.Encrypts() {
		line.Policy, err = json.Marshal(kept)
	}
	if err == nil {
		line.Summary, err = json.Marshal(s)
	}
	return line, err
}

// row is one line of a summary: a number, what it counts, and what there is to say of it.
func row(w io.Writer, name string, n int64, note string) {
	if note != "" {
		note = "  " + note
	}
	fmt.Fprintf(w, "  %-9s %9s%s\n", name, humanize.Comma(n), note)
}

// showSummary tells what a run did. The states add up to what was seen.
func showSummary(w io.Writer, dest string, s pipeline.Summary) {
	fmt.Fprintf(w, "%s: %s of %s\n", dest, plural(s.Seen, "blob"), plural(s.Workflows, "workflow"))
	row(w, "kept", s.Kept, sizeNote(s.Bytes))
	row(w, "known", s.Known, noteIf(s.Known, "kept by an earlier run"))
	row(w, "skipped", s.Skipped, noteIf(s.Skipped, "left out: hidden by you, not a result, or not what you asked for"))
	row(w, "withheld", s.Withheld, noteIf(s.Withheld, "blocked by the server"))
	row(w, "gone", s.Gone, noteIf(s.Gone, "the server has them no more, or never had"))
	row(w, "failed", s.Failed, noteIf(s.Failed, "tried in vain, tried again by the next run"))
	pending := noteIf(s.Pending, "not produced yet, asked for again by the next run")
	if s.Unfinished > 0 {
		pending = fmt.Sprintf("%s not reached before the run was stopped", humanize.Comma(s.Unfinished))
	}
	row(w, "pending", s.Pending, pending)
	took := time.Duration(s.Seconds * float64(time.Second))
	fmt.Fprintf(w, "  in %s", took.Round(10*time.Millisecond))
	if took >= time.Second && s.Received > 0 {
		fmt.Fprintf(w, " (%s/s)", humanize.IBytes(uint64(float64(s.Received)/s.Seconds)))
	}
	fmt.Fprintln(w)
	if s.Open > 0 {
		fmt.Fprintf(w, "%s not ended yet: the next run asks again.\n", workflowsHave(s.Open))
	}
	if s.Unasked > 0 {
		fmt.Fprintf(w, "%s could not be asked about: see the log, and run the same command again.\n", plural(s.Unasked, "workflow"))
	}
	if s.Missing > 0 {
		fmt.Fprintf(w, "%s asked for by id: gone, or never there.\n", plural(s.Missing, "workflow"))
	}
	for _, f := range slices.Sorted(maps.Keys(s.Failures)) {
		fmt.Fprintf(w, "%s failed (%s): %s.\n", plural(s.Failures[f], "blob"), f, failureHint(f))
	}
}

func workflowsHave(n int64) string {
	if n == 1 {
		return "1 workflow has"
	}
	return humanize.Comma(n) + " workflows have"
}

func plural(n int64, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return humanize.Comma(n) + " " + noun
}

func noteIf(n int64, note string) string {
	if n == 0 {
		return ""
	}
	return note
}

func sizeNote(bytes int64) string {
	if bytes == 0 {
		return ""
	}
	return humanize.IBytes(uint64(bytes))
}
