package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/dustin/go-humanize"

	"civitar/fetch"
	"civitar/manifest"
	"civitar/pipeline"
)

// survey is what --dry-run tells: what a run would do with each state's blobs, what those
// that it would keep are, and why the others would be left out.
type survey struct {
	Archive string `json:"archive"`
	pipeline.Summary
	Announced int64                    `json:"announced"` // bytes of what would be fetched, as far as the server tells
	Unsized   int64                    `json:"unsized"`   // blobs of which it does not
	Reasons   map[manifest.State]tally `json:"reasons"`
	*breakdown
}

func newSurvey(archive string) *survey {
	return &survey{Archive: archive, Reasons: map[manifest.State]tally{}, breakdown: newBreakdown()}
}

// take takes in one blob.
func (sv *survey) take(e pipeline.Event) {
	switch {
	case e.Known:
	case e.Blob.State == manifest.Kept:
		sv.Announced += e.Blob.Size
		if e.Blob.Size == 0 {
			sv.Unsized++
		}
		sv.add(groupOf(e.Blob), e.Kind)
	default:
		if sv.Reasons[e.Blob.State] == nil {
			sv.Reasons[e.Blob.State] = tally{}
		}
		sv.Reasons[e.Blob.State].add(e.Blob.Reason, manifest.Count{Blobs: 1, Bytes: e.Blob.Size})
	}
}

// survey tells what a run with these flags would do, and changes nothing.
func (c *archiveCmd) survey(s *session, screen *screen, cfg pipeline.Config, client *fetch.Client) error {
	cfg.Record = nothing{}
	var begun manifest.Files
	var totals manifest.Totals
	var r *manifest.Reader
	at, err := s.reading(s.ctx, c.Dest)
	if err == nil {
		defer at.Close()
		r, err = manifest.Read(s.ctx, at.dir)
	}
	switch {
	case err == nil:
		defer r.Close()
		cfg.Record = readOnly{r}
		if begun, err = r.Filing(s.ctx); err != nil {
			return err
		}
		if totals, err = r.Totals(s.ctx); err != nil {
			return err
		}
	case !errors.Is(err, manifest.ErrNoArchive):
		return err
	}
	files, err := c.agreed(begun, totals.Workflows > 0)
	if err != nil {
		return err
	}
	if cfg.Filing, _, err = filingOf(files); err != nil {
		return err
	}
	sv := newSurvey(c.Dest)
	cfg.Observe = sv.take
	p := &progress{tally: cfg.Tally, pace: client.Pace, screen: screen, log: cfg.Logger, quiet: c.Output.Quiet || c.Output.JSON}
	stop := p.watch(nil)
	sv.Summary, err = pipeline.Survey(s.ctx, cfg)
	stop()
	if c.Output.JSON {
		newEvents(s.Stdout).write(struct {
			Event string `json:"event"`
			*survey
		}{"survey", sv})
	} else if !c.Output.Quiet {
		sv.show(s.Stdout)
	}
	return c.verdict(s, sv.Summary, err)
}

func (sv *survey) show(w io.Writer) {
	fmt.Fprintf(w, "%s: a run would see %s of %s\n", sv.Archive, plural(sv.Seen, "blob"), plural(sv.Workflows, "workflow"))
	row(w, "to keep", sv.Kept, sv.sizes())
	row(w, "known", sv.Known, noteIf(sv.Known, "kept by an earlier run"))
	for _, st := range []struct {
		state manifest.State
		n     int64
	}{{manifest.Skipped, sv.Skipped}, {manifest.Withheld, sv.Withheld}, {manifest.Gone, sv.Gone}, {manifest.Failed, sv.Failed}, {manifest.Pending, sv.Pending}} {
		row(w, string(st.state), st.n, "")
		for _, reason := range sv.Reasons[st.state].names(false) {
			fmt.Fprintf(w, "    %17s  %s\n", humanize.Comma(sv.Reasons[st.state][reason].Blobs), oneLine(reason))
		}
	}
	if sv.Kept > 0 {
		fmt.Fprintln(w, "to keep:")
		sv.breakdown.show(w, math.MaxInt)
	}
	fmt.Fprintln(w, "Nothing was fetched, and nothing written.")
}

// sizes tells how much there is to fetch, where that is known.
func (sv *survey) sizes() string {
	switch {
	case sv.Kept == 0:
		return ""
	case sv.Announced == 0:
		return "the server announces no sizes"
	case sv.Unsized > 0:
		return fmt.Sprintf("%s, and %s of unknown size", humanize.IBytes(uint64(sv.Announced)), plural(sv.Unsized, "blob"))
	}
	return humanize.IBytes(uint64(sv.Announced))
}

// readOnly is the record of an archive that is only looked at.
type readOnly struct{ *manifest.Reader }

func (readOnly) Append(context.Context, []manifest.Line) error { return nil }

// nothing is the record of an archive that is not there yet.
type nothing struct{}

func (nothing) Known(context.Context, []string) (map[string]*manifest.Known, error) { return nil, nil }
func (nothing) Taken(context.Context, []string) (map[string]manifest.Key, error) {
	return map[string]manifest.Key{}, nil
}
func (nothing) Coverage(context.Context, string) ([]manifest.Span, error) { return nil, nil }
func (nothing) Revisit(context.Context, string, string, string, int) ([]string, error) {
	return nil, nil
}
func (nothing) Recorded(context.Context, []string) (map[string]bool, error) { return nil, nil }
func (nothing) Append(context.Context, []manifest.Line) error               { return nil }
