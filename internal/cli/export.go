package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/dustin/go-humanize"
	"golang.org/x/term"

	"civitar/export"
	"civitar/fetch"
	"civitar/internal/bucket"
	"civitar/internal/verify"
	"civitar/manifest"
	"civitar/policy"
	"civitar/sink"
)

type exportCmd struct {
	Dest   string `arg:"" help:"Folder of the archive, a package or s3://bucket/prefix."`
	Out    string `required:"" short:"o" placeholder:"FILE" help:"The package: a file, or s3://bucket/key; - is stdout. {date}, {time} and {series} stand for this export's."`
	Format string `placeholder:"FORMAT" values:"zip,tar,tar.zst,bagit,csv,jsonl" help:"zip, tar, tar.zst, bagit, csv or jsonl (default: by the ending of --out)."`

	From            moment   `placeholder:"DATE" help:"Of workflows created at or after: 2026-08-10 or RFC 3339, UTC assumed."`
	To              moment   `placeholder:"DATE" help:"Of workflows created at or before; a bare day includes that day."`
	Workflow        []string `placeholder:"ID" sep:"none" help:"Only this workflow; repeat for more."`
	MaxNSFW         level    `name:"max-nsfw" placeholder:"LEVEL" values:"pg,pg13,r,x,xxx" help:"The highest level: pg, pg13, r, x or xxx."`
	Unrated         string   `placeholder:"keep|skip" values:"keep,skip" help:"What has no level: keep, or skip (default with --max-nsfw)."`
	Media           []string `placeholder:"KIND,…" values:"image,video,audio,model,text,other" help:"Only these kinds: image, video, audio, model, text, other."`
	StepType        []string `placeholder:"TYPE,…" help:"Only results of these step types."`
	MinSize         byteSize `placeholder:"SIZE" help:"Not what is smaller than this, like 10kB."`
	MaxSize         byteSize `placeholder:"SIZE" help:"Not what is larger than this, like 2GiB."`
	SinceLastExport bool     `help:"Only what was kept or changed since the last export of the series; nothing new writes nothing."`
	Series          string   `default:"default" placeholder:"NAME" help:"The series that --since-last-export goes by (default ${default})."`

	Split     byteSize `placeholder:"SIZE" help:"Several packages of at most this size, each whole by itself, like 4GiB."`
	Overwrite bool     `help:"Replace a package of that name."`
	JSON      bool     `name:"json" help:"Write one JSON object to stdout."`
	Quiet     bool     `short:"q" help:"Show errors only."`
}

func (exportCmd) Help() string {
	return "Example:  civitar export ~/civitai --since-last-export --out 'exports/{date}.tar.zst'"
}

func (c *exportCmd) format() export.Format {
	if c.Format != "" {
		return export.Format(strings.ToLower(c.Format))
	}
	return export.FormatOf(c.file())
}

func (c *exportCmd) check() (policy.Policy, error) {
	if bucket.Is(c.Out) {
		if _, _, err := bucketOut(c.Out); err != nil {
			return policy.Policy{}, err
		}
	}
	file := c.file()
	flags := policyFlags{MaxNSFW: c.MaxNSFW, Unrated: c.Unrated, Media: c.Media, StepType: c.StepType, MinSize: c.MinSize, MaxSize: c.MaxSize}
	kept, err := flags.policy()
	stdout := c.Out == "-"
	switch {
	case err != nil:
		return kept, err
	case !slices.Contains(export.Formats(), c.format()):
		return kept, usagef("say which format: --format zip, tar, tar.zst, bagit, csv or jsonl, or an --out that ends so")
	case strings.TrimSpace(file) == "":
		return kept, usagef("--out is empty: give a file")
	case !c.From.IsZero() && !c.To.IsZero() && c.To.end().Before(c.From.Time):
		return kept, usagef("--from is later than --to")
	case stdout && (c.Split > 0 || c.SinceLastExport || c.format() == export.Bag):
		return kept, usagef("--split, --since-last-export and bagit need a file: stdout takes one package, and does not tell whether it arrived")
	case stdout && c.JSON:
		return kept, usagef("--json and --out - both write to stdout: choose one")
	case c.JSON && c.Quiet:
		return kept, usagef("--json and --quiet exclude each other")
	case c.Split > 0 && c.Split < 1<<20:
		return kept, usagef("--split must be 1MiB or more")
	case c.Split > 0 && c.format() == export.Bag && export.FormatOf(file) == "":
		return kept, usagef("--split goes with a bag in a file: let --out end in .zip, .tar or .tar.zst")
	case bucket.Is(c.Out) && c.format() == export.Bag && export.FormatOf(file) == "":
		return kept, usagef("a bag in a bucket must be in a file: let --out end in .zip, .tar or .tar.zst")
	case c.format() == export.Bag && export.FormatOf(file).Table():
		return kept, usagef("a bag is no table: let --out end in .zip, .tar or .tar.zst, or name a folder")
	case strings.ContainsAny(c.Series, "/\\{}") || c.Series == "":
		return kept, usagef("--series must be a name without slashes and braces")
	}
	return kept, nil
}

// exporting is one export at work.
type exporting struct {
	*exportCmd
	s      *session
	at     *home
	record *manifest.Reader
	files  verify.Files
	kept   policy.Policy
	out    string
	on     export.Shelf // nil: stdout
	name   string       // on it
	now    time.Time
	done   atomic.Int64 // files
	bytes  atomic.Int64
}

// taker is what files go into.
type taker interface {
	Add(context.Context, export.File, export.Files) error
	Close(context.Context) (export.Result, error)
	Discard() error
}

// Run makes a package.
func (c *exportCmd) Run(s *session) (err error) {
	kept, err := c.check()
	if err != nil {
		return err
	}
	if c.Out == "-" && isTerminal(s.Stdout) && !c.format().Table() {
		return usagef("a package is no text for a terminal: redirect stdout, or give --out a file")
	}
	ctx, cancel := s.drainable()
	defer cancel()
	at, err := s.reading(ctx, c.Dest)
	if err != nil {
		return noArchive(err, c.Dest)
	}
	defer at.Close()
	record, err := manifest.Read(ctx, at.dir)
	if err != nil {
		return noArchive(err, c.Dest)
	}
	defer func() { err = errors.Join(err, record.Close()) }()
	files, err := at.files()
	if err != nil {
		return err
	}
	defer files.Close()
	now := time.Now()
	x := &exporting{exportCmd: c, s: s, at: at, record: record, files: files, kept: kept, now: now, out: c.outName(now)}
	stop := x.watch()
	result, err := x.run(ctx)
	stop()
	return x.end(result, err)
}

func (x *exporting) run(ctx context.Context) (export.Result, error) {
	until, err := x.record.Mark(ctx)
	if err != nil {
		return export.Result{}, err
	}
	var from export.Record = x.record
	if x.SinceLastExport {
		news, err := x.news(ctx, until)
		if err != nil {
			return export.Result{}, err
		}
		if news != nil {
			defer news.Close()
			from = news
		}
	}
	var to taker
	defer func() {
		if x.on != nil {
			_ = x.on.Close() // there is nothing left to be written
		}
	}()
	sel := x.selection()
	err = sel.Each(ctx, from, x.files, func(f export.File) (err error) {
		if to == nil { // nothing is made of nothing
			if to, err = x.begin(ctx); err != nil {
				return err
			}
		}
		if err := to.Add(ctx, f, x.files); err != nil {
			return err
		}
		x.done.Add(1)
		x.bytes.Add(f.Size)
		return nil
	})
	if to == nil {
		return export.Result{}, err
	}
	if err != nil {
		return export.Result{}, errors.Join(err, to.Discard())
	}
	result, err := to.Close(ctx)
	if err != nil {
		return export.Result{}, err
	}
	if x.SinceLastExport {
		if err := x.at.note(ctx, x.Series, exported{until, x.now.UTC().Truncate(time.Second), x.name, x.choice()}); err != nil {
			return result, hintError{err, "the package is whole, but how far the series has come could not be noted: the next export brings the same files again"}
		}
	}
	return result, nil
}

// news is what the record has come to say since the last export of the series, nil where
// that is everything.
func (x *exporting) news(ctx context.Context, until manifest.Mark) (*manifest.News, error) {
	all, err := x.at.series(ctx)
	if err != nil {
		return nil, err
	}
	last, ok := all[x.Series]
	if !ok {
		return nil, nil
	}
	if last.Choice != x.choice() {
		return nil, hintError{fmt.Errorf("the exports of the series %q chose other files so far (%s)", x.Series, cmp.Or(last.Choice, "all")), "what they left out would never come; give another --series"}
	}
	news, ok, err := x.record.Since(ctx, last.Mark, until)
	if err == nil && !ok {
		fmt.Fprintln(x.s.Stderr, "civitar: the journal was written anew since the last export of this series: everything is exported once more")
	}
	return news, err
}

func (x *exporting) begin(ctx context.Context) (taker, error) {
	about := export.About{Source: x.record.Source}
	runs, err := x.record.Runs(ctx, 1)
	if err != nil {
		return nil, err
	}
	if len(runs) > 0 {
		about.Date = runs[0].Time
	}
	if x.out == "-" {
		return export.NewStream(x.format(), x.s.Stdout, about)
	}
	if x.on, x.name, err = x.shelf(); err != nil {
		return nil, err
	}
	cfg := export.Config{Format: x.format(), Shelf: x.on, Out: x.name, Split: int64(x.Split), Overwrite: x.Overwrite, About: about, From: x.From.Time, To: x.To.end(), Filters: x.filters()}
	if x.SinceLastExport {
		cfg.Series = x.Series
	}
	w, err := export.NewWriter(ctx, cfg)
	if err != nil {
		return nil, err
	}
	return w, nil
}

// filters are those that the export was given, besides its period.
func (x *exporting) filters() url.Values {
	all := x.kept.Values()
	if len(x.Workflow) > 0 {
		all["workflow"] = x.Workflow
	}
	return all
}

// choice is what an export takes of all there is, as one text; each series has one.
func (x *exporting) choice() string {
	all := x.filters()
	for name, at := range map[string]time.Time{"from": x.From.Time, "to": x.To.end()} {
		if !at.IsZero() {
			all.Set(name, at.UTC().Format(time.RFC3339))
		}
	}
	if x.format().Table() {
		all.Set("results", "only")
	}
	return all.Encode()
}

func (x *exporting) selection() export.Selection {
	sel := export.Selection{From: x.From.Time, To: x.To.end(), Workflows: x.Workflow, Table: x.format().Table()}
	if len(x.kept.Values()) > 0 {
		sel.Admit = func(b manifest.Blob) bool {
			size := b.Size
			if b.Plain.Size > 0 {
				size = b.Plain.Size
			}
			rule := x.kept
			rule.Hidden, rule.Temp = true, true
			blob := fetch.Blob{ID: fetch.BlobID(b.Blob), StepType: b.Type, Level: fetch.Level(b.NSFW), Available: true}
			return rule.Admit(&fetch.Workflow{}, blob, policy.Facts{Size: size, Media: b.Media}).Reason == ""
		}
	}
	return sel
}

// watch shows how far the export has come, where stderr is a terminal, until the function it
// returns is called.
func (x *exporting) watch() (stop func()) {
	screen := newScreen(x.s.Stderr)
	if x.Quiet || x.JSON || !screen.terminal {
		return func() {}
	}
	ended, shown := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(shown)
		defer screen.clear()
		bar := newBar(screen)
		tick := time.NewTicker(barEvery)
		defer tick.Stop()
		for {
			select {
			case <-ended:
				return
			case <-tick.C:
				bar.Describe(fmt.Sprintf("%s files  %s exported", humanize.Comma(x.done.Load()), humanize.IBytes(uint64(x.bytes.Load()))))
				_ = bar.Set64(0) // how many there will be is not known
			}
		}
	}()
	return func() { close(ended); <-shown }
}

func (x *exporting) end(r export.Result, err error) error {
	var changed *export.ChangedError
	var exists *export.ExistsError
	var busy *export.BusyError
	switch {
	case err != nil && x.s.interrupted() && len(r.Volumes) == 0:
		if !x.Quiet {
			fmt.Fprintln(x.s.Stderr, "civitar: interrupted; nothing was exported")
		}
		return exitError{exitInterrupted}
	case errors.As(err, &changed):
		return hintError{err, "civitar repair " + x.Dest + " fetches it again; nothing was exported"}
	case errors.As(err, &exists):
		return hintError{err, "give another --out ({date}-{time} for several a day), or --overwrite"}
	case errors.As(err, &busy):
		return hintError{err, "wait for it to end, or give another --out"}
	case sink.Full(err):
		return hintError{fmt.Errorf("the disk is full: %w", err), "free some room, or give --out another disk; nothing was exported"}
	case err != nil:
		return err
	}
	w := x.s.Stdout
	if x.out == "-" {
		w = x.s.Stderr
	}
	switch {
	case x.JSON:
		told := newEvents(w)
		told.write(struct {
			Event   string `json:"event"`
			Archive string `json:"archive"`
			export.Result
		}{"summary", x.Dest, r})
		return told.err
	case x.Quiet:
	case r.Files == 0 && x.SinceLastExport:
		fmt.Fprintf(w, "%s: nothing new since the last export of the series; nothing was written\n", x.Dest)
	case r.Files == 0:
		fmt.Fprintf(w, "%s: nothing of that is in the archive; nothing was written\n", x.Dest)
	default:
		fmt.Fprintf(w, "%s: %s (%s) exported\n", x.Dest, plural(r.Files, "file"), humanize.IBytes(uint64(r.Bytes)))
		for _, v := range r.Volumes {
			fmt.Fprintf(w, "  %s%s\n", x.on.Path(v.Name), volumeNote(v))
		}
	}
	return nil
}

func volumeNote(v export.Volume) string {
	if v.SHA256 == "" {
		return ""
	}
	return fmt.Sprintf("  %s  sha256 %s", humanize.IBytes(uint64(v.Size)), v.SHA256)
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(interface{ Fd() uintptr })
	return ok && term.IsTerminal(int(f.Fd()))
}
