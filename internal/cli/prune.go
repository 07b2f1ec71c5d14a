package cli

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/dustin/go-humanize"

	"civitar/fetch"
	"civitar/internal/durable"
	"civitar/manifest"
	"civitar/policy"
)

type pruneCmd struct {
	Dest     string    `arg:"" optional:"" default:"./civitai-archive" help:"Folder of the archive, or s3://bucket/prefix (default ${default})."`
	Policy   bool      `help:"Go by what the last run was to keep, where no flag says otherwise."`
	MaxNSFW  level     `name:"max-nsfw" placeholder:"LEVEL" values:"pg,pg13,r,x,xxx" help:"The highest level that stays: pg, pg13, r, x or xxx."`
	Unrated  string    `placeholder:"keep|skip" values:"keep,skip" help:"What has no level: keep, or skip (default with --max-nsfw)."`
	Media    []string  `placeholder:"KIND,…" values:"image,video,audio,model,text,other" help:"Only these kinds stay: image, video, audio, model, text, other."`
	StepType []string  `placeholder:"TYPE,…" help:"Only results of these step types stay."`
	MinSize  byteSize  `placeholder:"SIZE" help:"What is smaller does not stay."`
	MaxSize  byteSize  `placeholder:"SIZE" help:"What is larger does not stay."`
	Remove   bool      `xor:"fate" help:"Remove what does not stay. Without this or --move-to it is only listed."`
	MoveTo   localPath `xor:"fate" placeholder:"FOLDER" help:"Move it out of the archive into this folder."`
	JSON     bool      `name:"json" help:"Write one JSON object a line to stdout."`
	Quiet    bool      `short:"q" help:"Show errors only."`
}

func (pruneCmd) Help() string {
	return "Example:  civitar prune ~/civitai --max-nsfw pg13 --move-to ~/apart"
}

func (c *pruneCmd) policy(last *manifest.Run) (policy.Policy, error) {
	flags := policyFlags{MaxNSFW: c.MaxNSFW, Unrated: c.Unrated, Media: c.Media, StepType: c.StepType, MinSize: c.MinSize, MaxSize: c.MaxSize}
	p, err := flags.policy()
	if err != nil || !c.Policy {
		return p, err
	}
	before, err := lastPolicy(last)
	if err != nil {
		return p, err
	}
	p.MaxLevel = cmp.Or(p.MaxLevel, before.MaxLevel)
	p.Unrated = cmp.Or(p.Unrated, before.Unrated)
	p.MinSize, p.MaxSize = cmp.Or(p.MinSize, before.MinSize), cmp.Or(p.MaxSize, before.MaxSize)
	if len(p.Kinds) == 0 {
		p.Kinds = before.Kinds
	}
	if len(p.StepTypes) == 0 {
		p.StepTypes = before.StepTypes
	}
	return p, nil
}

// Run takes what a policy leaves out from an archive, when told to.
func (c *pruneCmd) Run(s *session) error {
	if _, err := c.policy(nil); err != nil {
		return err
	}
	ctx, cancel := s.drainable()
	defer cancel()
	at, err := s.home(c.Dest)
	if err == nil {
		err = at.changeable("prune")
	}
	if err == nil {
		err = at.there(ctx)
	}
	if err != nil {
		return err
	}
	h, err := hold(ctx, at, manifest.Options{Logger: slog.New(notes{s.Stderr}), Hook: s.Disk}, nil)
	if err != nil {
		return err
	}
	defer h.Close()
	runs, err := h.record.Runs(ctx, 1)
	if err != nil {
		return err
	}
	var last *manifest.Run
	if len(runs) > 0 {
		last = &runs[0]
	}
	kept, err := c.policy(last)
	if err != nil {
		return err
	}
	if len(kept.Values()) == 0 {
		return usagef("say what is to stay: --max-nsfw, --media, --step-type, --min-size, --max-size, or --policy after a run with some of them")
	}
	p := &pruning{pruneCmd: c, s: s, held: h, kept: kept, run: rand.Text()[:12], told: newEvents(s.Stdout)}
	err = p.all(ctx)
	if err == nil && p.acts() {
		err = h.summarize(ctx, time.Now())
	}
	if err == nil {
		h.record.Settle(false)
	}
	return errors.Join(err, h.Close(), p.end(err))
}

// pruning is one prune at work.
type pruning struct {
	*pruneCmd
	*held
	s     *session
	kept  policy.Policy
	run   string
	told  *events
	out   *durable.Folder // of --move-to
	count manifest.Count
}

func (p *pruning) acts() bool { return p.Remove || p.MoveTo != "" }

// pruneGroup is how many workflows are looked at together.
const pruneGroup = 200

func (p *pruning) all(ctx context.Context) (err error) {
	if p.MoveTo != "" {
		if err := os.MkdirAll(string(p.MoveTo), 0o777); err != nil {
			return err
		}
		if p.out, err = durable.Open(string(p.MoveTo), nil); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, p.out.Close()) }()
	}
	for after := ""; ; {
		ids, err := p.record.Workflows(ctx, after, pruneGroup)
		if err != nil || len(ids) == 0 {
			return err
		}
		known, err := p.record.Known(ctx, ids)
		if err != nil {
			return err
		}
		if err := p.some(ctx, ids, known); err != nil {
			return err
		}
		after = ids[len(ids)-1]
	}
}

// some prunes a group: first what is moved is safe where it goes, then the record lets go
// of it, then it is removed.
func (p *pruning) some(ctx context.Context, ids []string, known map[string]*manifest.Known) error {
	var lines []manifest.Line
	var paths []string
	for _, id := range ids {
		for _, blob := range slices.Sorted(maps.Keys(known[id].Blobs)) {
			b := known[id].Blobs[blob]
			reason := p.against(b)
			if b.State != manifest.Kept || reason == "" {
				continue
			}
			if p.out != nil {
				if err := p.moveOut(ctx, b); err != nil {
					return err
				}
			}
			p.tell(b, reason)
			for _, path := range []string{b.Path, b.Beside.Path} {
				if path != "" {
					paths = append(paths, path)
				}
			}
			lines = append(lines, manifest.Blob{Time: time.Now().UTC(), Run: p.run, Workflow: b.Workflow, Created: b.Created, Step: b.Step, Type: b.Type,
				Blob: b.Blob, State: manifest.Skipped, Reason: reason, Media: b.Media, NSFW: b.NSFW, Role: b.Role})
		}
	}
	if !p.acts() || len(lines) == 0 {
		return nil
	}
	if err := p.shelf.Retire(paths); err != nil {
		return err
	}
	if err := p.record.Append(ctx, lines); err != nil {
		return err
	}
	return p.shelf.Release(ctx, p.record.Recorded)
}

// against is why the policy would leave a blob out, going by the record; "" where it would
// not.
func (p *pruning) against(b manifest.Blob) string {
	size := b.Size
	if b.Plain.Size > 0 {
		size = b.Plain.Size
	}
	blob := fetch.Blob{ID: fetch.BlobID(b.Blob), StepType: b.Type, Level: fetch.Level(b.NSFW), Available: true}
	rule := p.kept
	rule.Hidden, rule.Temp = true, true
	return rule.Admit(&fetch.Workflow{}, blob, policy.Facts{Size: size, Media: b.Media}).Reason
}

// moveOut copies a blob's files into the folder of --move-to, whole and durable.
func (p *pruning) moveOut(ctx context.Context, b manifest.Blob) error {
	for _, name := range []string{b.Path, b.Beside.Path} {
		if name == "" {
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		from, err := p.shelf.Open(name)
		if err != nil {
			return err
		}
		err = copyOut(p.out, from, name)
		if err = errors.Join(err, from.Close()); err != nil {
			return fmt.Errorf("%s: %w", filepath.Join(string(p.MoveTo), filepath.FromSlash(name)), err)
		}
	}
	return nil
}

// copyOut makes a copy stand durably under its name, which it gets only when it is whole.
func copyOut(out *durable.Folder, from io.Reader, name string) error {
	folder := filepath.ToSlash(filepath.Dir(name))
	if err := out.MkdirAll(folder, 0o777); err != nil {
		return err
	}
	file, err := out.OpenFile(name+durable.NewExt, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o666)
	if err != nil {
		return err
	}
	_, err = io.Copy(file, from)
	if err == nil {
		err = file.Sync()
	}
	if err = errors.Join(err, file.Close()); err != nil {
		return errors.Join(err, out.Remove(name+durable.NewExt))
	}
	if err := out.Rename(name+durable.NewExt, name); err != nil {
		return err
	}
	return out.SyncDir(folder)
}

func (p *pruning) tell(b manifest.Blob, reason string) {
	p.count.Blobs++
	p.count.Bytes += b.Size
	switch {
	case p.JSON:
		p.told.write(struct {
			Event  string `json:"event"`
			Reason string `json:"reason"`
			Path   string `json:"path"`
			Blob   string `json:"blob"`
		}{"prune", reason, b.Path, b.Blob})
	case !p.Quiet:
		fmt.Fprintf(p.s.Stdout, "%s  %s\n", oneLine(b.Path), oneLine(reason))
	}
}

func (p *pruning) end(err error) error {
	what := "would go; give --remove or --move-to to act"
	switch {
	case p.Remove:
		what = "removed"
	case p.MoveTo != "":
		what = "moved to " + string(p.MoveTo)
	}
	switch {
	case p.JSON:
		p.told.write(struct {
			Event   string `json:"event"`
			Archive string `json:"archive"`
			Acted   bool   `json:"acted"`
			manifest.Count
		}{"summary", p.Dest, p.acts(), p.count})
	case !p.Quiet && err == nil:
		fmt.Fprintf(p.s.Stdout, "%s: %s (%s) %s\n", p.Dest, plural(p.count.Blobs, "blob"), humanize.IBytes(uint64(p.count.Bytes)), what)
	}
	if p.s.interrupted() {
		return exitError{exitInterrupted}
	}
	return nil
}
