package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"slices"
	"time"

	"github.com/dustin/go-humanize"

	"civitar/fetch"
	"civitar/manifest"
	"civitar/pipeline"
	"civitar/policy"
)

type statusCmd struct {
	Dest string `arg:"" optional:"" default:"./civitai-archive" help:"Folder of the archive, a package (.tar, .tar.zst, .zip) or s3://bucket/prefix (default ${default})."`
	JSON bool   `name:"json" help:"Write one JSON object to stdout."`
	List int    `default:"5" placeholder:"N" help:"How many reasons, and blobs that expire next, are listed (default ${default})."`
}

// retention is how long the server keeps a workflow's blobs after it ended (the API page,
// "Base, auth, errors").
const retention = 30 * 24 * time.Hour

// status is what the command answers, with --json as it stands.
type status struct {
	Archive string                               `json:"archive"`
	Source  string                               `json:"source"`
	Created time.Time                            `json:"created"`
	LastRun *manifest.Run                        `json:"lastRun,omitempty"`
	Totals  manifest.Totals                      `json:"totals"`
	Reasons map[manifest.State][]manifest.Reason `json:"reasons"`
	Waiting int64                                `json:"waiting"`
	// Kept tells what the kept blobs are. Above counts those that the last run would have
	// left out by their level, and Astray those that are mature and stand among the others
	// in an archive that keeps them apart: levels change.
	Kept   *breakdown     `json:"kept"`
	Above  manifest.Count `json:"above"`
	Astray manifest.Count `json:"astray"`
	Limit  string         `json:"maxNsfw,omitempty"` // the last run's limit
	// Partly is set while there may be more than the record knows of: a run goes on, or the
	// last one did not come to its end.
	Partly   bool       `json:"partly"`
	Running  bool       `json:"running"`
	Expiring []expiring `json:"expiring"`
	Soon     int64      `json:"soon"` // blobs not kept that expire within soonDays
}

// expiring is a blob that is not kept, and when the server deletes it.
type expiring struct {
	manifest.Waiting
	Expires time.Time `json:"expires,omitzero"` // zero while its workflow has not ended
}

func (statusCmd) Help() string { return "Example:  civitar status ~/civitai --list 20" }

func (c *statusCmd) Run(s *session) error {
	if c.List < 0 {
		return usagef("--list must not be negative")
	}
	st, err := c.read(s)
	if err != nil {
		return noArchive(err, c.Dest)
	}
	if c.JSON {
		newEvents(s.Stdout).write(st)
		return nil
	}
	st.show(s.Stdout, time.Now(), c.List)
	return nil
}

func (c *statusCmd) read(s *session) (_ *status, err error) {
	ctx, cancel := s.drainable()
	defer cancel()
	at, err := s.reading(ctx, c.Dest)
	if err != nil {
		return nil, err
	}
	defer at.Close()
	held, err := at.held(ctx)
	if err != nil {
		return nil, err
	}
	r, err := manifest.Read(ctx, at.dir)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	st := &status{Archive: c.Dest, Source: r.Source, Created: r.Created, Reasons: map[manifest.State][]manifest.Reason{}}
	if st.Totals, err = r.Totals(ctx); err != nil {
		return nil, err
	}
	for _, state := range manifest.States() {
		if state == manifest.Kept || st.Totals.States[state].Blobs == 0 {
			continue
		}
		if st.Reasons[state], err = r.Reasons(ctx, state, c.List); err != nil {
			return nil, err
		}
	}
	runs, err := r.Runs(ctx, 1)
	if err != nil {
		return nil, err
	}
	if len(runs) > 0 {
		st.LastRun = &runs[0]
	}
	if err := st.groups(ctx, r); err != nil {
		return nil, err
	}
	coverages, err := r.Coverages(ctx)
	if err != nil {
		return nil, err
	}
	st.Running = held || r.Held
	st.Partly = st.Running || stopped(st.LastRun) || slices.ContainsFunc(coverages, unfinished)
	waiting, total, err := r.Waiting(ctx, c.List)
	if err != nil {
		return nil, err
	}
	st.Waiting = total
	if st.Soon, err = r.Expiring(ctx, time.Now().Add(-retention), time.Now().Add(soonDays*24*time.Hour-retention)); err != nil {
		return nil, err
	}
	for _, w := range waiting {
		e := expiring{Waiting: w}
		if !w.Completed.IsZero() {
			e.Expires = w.Completed.Add(retention)
		}
		st.Expiring = append(st.Expiring, e)
	}
	return st, nil
}

// groups tells what the kept blobs are.
func (st *status) groups(ctx context.Context, r *manifest.Reader) error {
	files, err := r.Filing(ctx)
	if err != nil {
		return err
	}
	last, err := lastPolicy(st.LastRun)
	if err != nil {
		return fmt.Errorf("the last run's policy cannot be read: %w", err)
	}
	st.Limit, st.Kept = string(last.MaxLevel), newBreakdown()
	add := func(to *manifest.Count, c manifest.Count) { to.Blobs += c.Blobs; to.Bytes += c.Bytes }
	return r.Groups(ctx, func(g manifest.Group) {
		st.Kept.add(g, policy.KindOfMedia(g.Media))
		level := fetch.Level(g.NSFW)
		if !last.Admits(level) {
			add(&st.Above, g.Count)
		}
		if files.Mature != "" && !g.Apart && policy.Sensitive(level) {
			add(&st.Astray, g.Count)
		}
	})
}

// lastPolicy is what the last run was to keep; everything, where no run says.
func lastPolicy(last *manifest.Run) (policy.Policy, error) {
	if last == nil || len(last.Policy) == 0 {
		return policy.Policy{}, nil
	}
	var values url.Values
	if err := json.Unmarshal(last.Policy, &values); err != nil {
		return policy.Policy{}, err
	}
	return policy.FromValues(values)
}

// stopped tells a run that left work, or one of which no end is recorded.
func stopped(last *manifest.Run) bool {
	if last == nil {
		return true
	}
	var s pipeline.Summary
	return json.Unmarshal(last.Summary, &s) != nil || s.Interrupted || s.Unfinished > 0
}

// unfinished tells a listing that has not been walked to its end.
func unfinished(c manifest.Coverage) bool {
	return len(c.Spans) > 0 && !c.Spans[len(c.Spans)-1].Done
}

func (st *status) show(w io.Writer, now time.Time, list int) {
	fmt.Fprintf(w, "%s: %s of %s\n", st.Archive, plural(st.blobs(), "blob"), plural(st.Totals.Workflows, "workflow"))
	fmt.Fprintf(w, "  source    %s\n", oneLine(st.Source))
	if st.LastRun != nil {
		fmt.Fprintf(w, "  last run  %s (%s)\n", st.LastRun.Time.Local().Format(time.DateTime), humanize.RelTime(st.LastRun.Time, now, "ago", "from now"))
	}
	for _, state := range manifest.States() {
		n := st.Totals.States[state]
		row(w, string(state), n.Blobs, sizeNote(n.Bytes))
		for _, re := range st.Reasons[state] {
			fmt.Fprintf(w, "    %17s  %s\n", humanize.Comma(re.Blobs), oneLine(re.Reason))
		}
	}
	st.Kept.show(w, max(list, 1))
	if st.Above.Blobs > 0 {
		fmt.Fprintf(w, "%s kept and now not within the last run's --max-nsfw %s: civitar prune --policy %s lists them, and removes them when told to.\n",
			plural(st.Above.Blobs, "blob"), st.Limit, st.Archive)
	}
	if st.Astray.Blobs > 0 {
		fmt.Fprintf(w, "%s mature or unrated now, and filed among the others: civitar relayout %s moves them.\n", blobsAre(st.Astray.Blobs), st.Archive)
	}
	if st.Totals.Open > 0 {
		fmt.Fprintf(w, "%s not ended when last seen: the next run asks again.\n", workflowsHave(st.Totals.Open))
	}
	st.showExpiring(w, now)
	if st.Soon > 0 {
		fmt.Fprintf(w, "WARNING: %s not kept yet and expire within %d days: run civitar archive %s\n", blobsAre(st.Soon), soonDays, st.Archive)
	}
}

func blobsAre(n int64) string {
	if n == 1 {
		return "1 blob is"
	}
	return humanize.Comma(n) + " blobs are"
}

func (st *status) blobs() (n int64) {
	for _, c := range st.Totals.States {
		n += c.Blobs
	}
	return n
}

func (st *status) showExpiring(w io.Writer, now time.Time) {
	switch {
	case st.Running:
		fmt.Fprintln(w, "A run is going on: there will be more.")
	case st.Partly:
		fmt.Fprintln(w, "The last run did not come to its end, so there may be more: run civitar archive again.")
	case st.Waiting == 0:
		fmt.Fprintln(w, "Nothing waits to be fetched.")
	}
	if st.Waiting == 0 {
		return
	}
	fmt.Fprintf(w, "%s not kept yet; to expire next:\n", plural(st.Waiting, "blob"))
	for _, e := range st.Expiring {
		when := "not ended"
		switch {
		case e.Expires.IsZero():
		case e.Expires.Before(now):
			when = "expired " + e.Expires.UTC().Format(time.DateOnly)
		default:
			when = fmt.Sprintf("%s (in %s)", e.Expires.UTC().Format(time.DateOnly), days(e.Expires.Sub(now)))
		}
		fmt.Fprintf(w, "  %-24s %-8s %s  %s\n", when, e.State, oneLine(e.Workflow), oneLine(e.Blob))
	}
}

func days(d time.Duration) string {
	if d < 24*time.Hour {
		return plural(int64(d.Hours()), "hour")
	}
	return plural(int64(d.Hours()/24), "day")
}
