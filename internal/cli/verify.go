package cli

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/schollz/progressbar/v3"

	"civitar/internal/verify"
	"civitar/manifest"
)

type verifyCmd struct {
	Dest     string  `arg:"" optional:"" default:"./civitai-archive" help:"Folder of the archive, a package (.tar, .tar.zst, .zip) or s3://bucket/prefix (default ${default})."`
	Quick    bool    `help:"Compare sizes and times; read only files that changed since they were recorded."`
	Sample   percent `placeholder:"SHARE" help:"Read only this share of the archive, like 5%: another part each time, all of it over successive runs."`
	ReadData bool    `help:"In a bucket, read all bytes too (default: compare size and stored SHA-256)."`
	Workers  int     `default:"4" help:"Files read at once (default ${default})."`

	Identity []string `short:"i" type:"existingfile" placeholder:"FILE" help:"Also decrypt what is encrypted, and prove what it holds."`

	JSON  bool `name:"json" help:"Write one JSON object a line to stdout."`
	Quiet bool `short:"q" help:"Show findings and errors only."`
}

func (verifyCmd) Help() string { return "Example:  civitar verify ~/civitai --sample 5%" }

func (c *verifyCmd) check() error {
	switch {
	case c.Workers < 1 || c.Workers > 256:
		return usagef("--workers must be from 1 to 256")
	case c.Quick && c.Sample > 0:
		return usagef("--quick and --sample exclude each other")
	case c.JSON && c.Quiet:
		return usagef("--json and --quiet exclude each other")
	}
	return nil
}

// Run tells what is wrong with an archive, one line a finding.
func (c *verifyCmd) Run(s *session) error {
	if err := c.check(); err != nil {
		return err
	}
	unseal, err := unsealer(s, c.Identity)
	if err != nil {
		return err
	}
	ctx, cancel := s.drainable()
	defer cancel()
	at, err := s.reading(ctx, c.Dest)
	if err != nil {
		return noArchive(err, c.Dest)
	}
	defer at.Close()
	files, err := at.files()
	if err != nil {
		return noArchive(err, c.Dest)
	}
	defer files.Close()
	o := verify.Options{Files: files, Staged: at.store != nil, Stored: at.store != nil && !c.ReadData && c.Sample == 0 && unseal == nil, Unseal: unseal, Quick: c.Quick, Share: float64(c.Sample), Workers: c.Workers, Progress: &verify.Progress{}}
	told := newFindings(s, c.JSON)
	stop := told.watch(o.Progress, c.Quiet || c.JSON)
	report, err := verify.Run(ctx, at.dir, o, told.tell)
	stop()
	if err != nil {
		return noArchive(err, c.Dest)
	}
	told.summary(c.Dest, report, c.Quiet)
	if told.events != nil && told.events.err != nil {
		return told.events.err
	}
	if !report.Clean() {
		return exitError{exitIncomplete}
	}
	return nil
}

func noArchive(err error, dest string) error {
	if errors.Is(err, manifest.ErrNoArchive) {
		return fmt.Errorf("%s holds no archive: civitar archive %s makes one", dest, dest)
	}
	return err
}

// findings shows what a verification finds.
type findings struct {
	out    io.Writer
	screen *screen
	events *events // nil without --json
}

func newFindings(s *session, json bool) *findings {
	f := &findings{out: s.Stdout, screen: newScreen(s.Stderr)}
	if json {
		f.events = newEvents(s.Stdout)
	}
	return f
}

func (f *findings) tell(found verify.Finding) {
	if f.events != nil {
		f.events.write(struct {
			Event string `json:"event"`
			verify.Finding
		}{"finding", found})
		return
	}
	f.screen.clear() // a terminal shows both on the same lines
	fmt.Fprintf(f.out, "%-10s  %s  %s%s\n", found.Kind, oneLine(found.Path), oneLine(found.What), sinceNote(found))
}

func sinceNote(found verify.Finding) string {
	switch {
	case found.Since.IsZero():
		return ""
	case found.Kind == verify.Missing:
		return "; since some time after " + found.Since.Local().Format(time.DateTime)
	}
	return "; since " + found.Since.Local().Format(time.DateTime)
}

func (f *findings) summary(dest string, r verify.Report, quiet bool) {
	if f.events != nil {
		f.events.write(struct {
			Event   string `json:"event"`
			Archive string `json:"archive"`
			verify.Report
		}{"summary", dest, r})
		return
	}
	if quiet {
		return
	}
	fmt.Fprintf(f.out, "%s: %s recorded, %s of them read (%s)\n", dest, plural(r.Files, "file"), humanize.Comma(r.Hashed), humanize.IBytes(uint64(r.Bytes)))
	if r.Parts > 0 {
		fmt.Fprintf(f.out, "  part %d of %d; as many runs with the same --sample read everything\n", r.Part, r.Parts)
	}
	if r.Unfinished > 0 {
		fmt.Fprintf(f.out, "  %s, which the next run of civitar archive goes on with\n", plural(r.Unfinished, "unfinished download"))
	}
	if r.Clean() {
		fmt.Fprintln(f.out, "  nothing is wrong")
		return
	}
	for _, k := range verify.Kinds() {
		if n := r.Findings[k]; n > 0 {
			fmt.Fprintf(f.out, "  %-10s %9s\n", k, humanize.Comma(n))
		}
	}
}

// watch draws a progress bar, where stderr is a terminal, until the function it returns is
// called.
func (f *findings) watch(p *verify.Progress, quiet bool) (stop func()) {
	if quiet || !f.screen.terminal {
		return func() {}
	}
	ended, shown := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(shown)
		defer f.screen.clear()
		bar := newBar(f.screen)
		tick := time.NewTicker(barEvery)
		defer tick.Stop()
		for {
			select {
			case <-ended:
				return
			case <-tick.C:
				f.draw(bar, p)
			}
		}
	}()
	return func() { close(ended); <-shown }
}

func (f *findings) draw(bar *progressbar.ProgressBar, p *verify.Progress) {
	files, total := p.Files.Load(), p.Total.Load()
	bar.Describe(fmt.Sprintf("%s/%s files  %s read", humanize.Comma(files), humanize.Comma(total), humanize.IBytes(uint64(p.Read.Load()))))
	bar.ChangeMax64(max(total, files, 1))
	_ = bar.Set64(files) // it fails only for more than the maximum
}
