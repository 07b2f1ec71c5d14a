package cli

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"civitar/internal/vault"
	"civitar/manifest"
	"civitar/pipeline"
)

type relayoutCmd struct {
	Dest     string   `arg:"" optional:"" default:"./civitai-archive" help:"Folder of the archive, or s3://bucket/prefix (default ${default})."`
	Layout   string   `placeholder:"TEMPLATE" help:"The new names of results, see civitar layout (default: as they are)."`
	Mature   string   `placeholder:"HOW" values:"same,separate" help:"Mature and unrated results: same or separate (default: as they are)."`
	Sidecar  string   `placeholder:"KIND" values:"xmp,txt,none" help:"Beside each file: xmp, txt or none (default: as it is)."`
	Identity []string `short:"i" type:"existingfile" placeholder:"FILE" help:"Whom an encrypted archive is for; needed where names are made of what is encrypted."`
	DryRun   bool     `help:"Only tell what would move."`
	JSON     bool     `name:"json" help:"Write one JSON object a line to stdout."`
	Quiet    bool     `short:"q" help:"Show errors only."`
}

func (relayoutCmd) Help() string {
	return "Example:  civitar relayout ~/civitai --layout '{year}/{month}/{model}_{blob}' --dry-run"
}

// Run gives the files of an archive other names and places, and asks the server for nothing.
func (c *relayoutCmd) Run(s *session) error {
	flags := filingFlags{Layout: c.Layout, Mature: c.Mature, Sidecar: c.Sidecar}
	if err := flags.check(); err != nil {
		return err
	}
	unseal, err := unsealer(s, c.Identity)
	if err != nil {
		return err
	}
	ctx, cancel := s.drainable()
	defer cancel()
	id := rand.Text()[:12]
	at, err := s.home(c.Dest)
	if err == nil {
		err = at.changeable("relayout")
	}
	if err == nil {
		err = at.there(ctx)
	}
	if err != nil {
		return err
	}
	h, err := hold(ctx, at, manifest.Options{Logger: slog.New(notes{s.Stderr}), Hook: s.Disk},
		func(record *manifest.Manifest) (manifest.Files, error) {
			return c.settle(ctx, record, flags, id, unseal != nil)
		})
	if err != nil {
		return err
	}
	defer h.Close()
	var moved int64
	told := newEvents(s.Stdout)
	err = pipeline.Refile(ctx, pipeline.Refiling{
		Sink: h.shelf, Record: h.record, Filing: h.filing, Unseal: unseal, ID: id, Dry: c.DryRun,
		Observe: func(from, to string) {
			moved++
			switch {
			case c.JSON:
				told.write(map[string]string{"event": "move", "from": from, "to": to})
			case !c.Quiet:
				fmt.Fprintf(s.Stdout, "%s -> %s\n", oneLine(from), oneLine(to))
			}
		},
	})
	return c.end(s, h, told, moved, err)
}

// settle is how the archive files from now on, and writes it down where something is to move.
func (c *relayoutCmd) settle(ctx context.Context, record *manifest.Manifest, flags filingFlags, run string, canRead bool) (manifest.Files, error) {
	begun, err := record.Filing(ctx)
	if err != nil {
		return begun, err
	}
	after, err := flags.asked(begun)
	if err != nil {
		return begun, err
	}
	if after.Mature != begun.Mature && (after.Mature == string(pipeline.Encrypt) || begun.Mature == string(pipeline.Encrypt)) {
		return begun, usagef("an archive is encrypted from its start or never: give another folder to civitar archive")
	}
	if err := checkFiles(after); err != nil || sameFiles(after, begun) {
		return after, err
	}
	filing, _, err := filingOf(after)
	switch {
	case err != nil:
		return begun, err
	case filing.Encrypts() && filing.NeedsSidecars() && !canRead:
		return begun, hintError{pipeline.ErrSealed, sealedHint}
	case c.DryRun:
		return after, nil
	}
	return after, record.Append(ctx, []manifest.Line{manifest.Filing{Time: time.Now().UTC(), Run: run, Filing: after}})
}

const sealedHint = "give --identity"

func (c *relayoutCmd) end(s *session, h *held, told *events, moved int64, err error) error {
	interrupted := s.interrupted()
	if errors.Is(err, pipeline.ErrSealed) {
		err = hintError{err, sealedHint}
	}
	if err == nil && !c.DryRun {
		err = h.summarize(s.ctx, time.Now())
	}
	if err == nil && !interrupted {
		h.record.Settle(false)
	}
	err = errors.Join(err, h.Close())
	switch {
	case c.JSON:
		told.write(map[string]any{"event": "summary", "archive": c.Dest, "moved": moved, "dryRun": c.DryRun})
	case !c.Quiet && c.DryRun:
		fmt.Fprintf(s.Stdout, "%s: %s would move; nothing was changed\n", c.Dest, plural(moved, "file"))
	case !c.Quiet:
		fmt.Fprintf(s.Stdout, "%s: %s moved\n", c.Dest, plural(moved, "file"))
	}
	if interrupted {
		fmt.Fprintln(s.Stderr, "civitar: interrupted; run the same command again to go on")
		return exitError{exitInterrupted}
	}
	return err
}

// unsealer reads encrypted files with the identities in the files named, nil for none.
func unsealer(s *session, files []string) (func(io.Reader) (io.Reader, error), error) {
	if len(files) == 0 {
		return nil, nil
	}
	identities, err := vault.Identities(files, s.passphrase)
	if err != nil {
		return nil, err
	}
	return func(r io.Reader) (io.Reader, error) { return vault.Open(r, identities...) }, nil
}
