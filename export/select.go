package export

import (
	"context"
	"io"
	"slices"
	"strings"
	"time"

	"civitar/fetch"
	"civitar/internal/generation"
	"civitar/manifest"
)

// Record is what is asked of the archive's record. [*manifest.Reader] is one, and so are
// [*manifest.News].
type Record interface {
	InOrder(ctx context.Context, from, to time.Time, use func(workflow string) error) error
	Known(ctx context.Context, ids []string) (map[string]*manifest.Known, error)
}

// Selection says which files are exported.
type Selection struct {
	From, To  time.Time // of the workflows' creation; zero is no bound
	Workflows []string  // nil is all
	// Admit tells of a kept blob whether it is wanted; nil wants all. A workflow's sidecar
	// comes with the first of its blobs that is, and without Admit always.
	Admit func(manifest.Blob) bool
	// Table leaves the sidecars out, and what stands beside results, and has the prompt and the
	// like read from them.
	Table bool
}

// group is how many workflows are looked up together.
const group = 200

// Each hands on the files of a selection, workflows in the order of their creation, and of
// each the sidecar first. Those that a record of news speaks of come alone.
func (s Selection) Each(ctx context.Context, record Record, from Files, use func(File) error) error {
	var ids []string
	flush := func() error {
		known, err := record.Known(ctx, ids)
		if err != nil {
			return err
		}
		for _, id := range ids {
			if k := known[id]; k != nil {
				if err := s.workflow(ctx, id, k, from, use); err != nil {
					return err
				}
			}
		}
		ids = ids[:0]
		return nil
	}
	err := record.InOrder(ctx, s.From, s.To, func(id string) error {
		if s.Workflows != nil && !slices.Contains(s.Workflows, id) {
			return nil
		}
		if ids = append(ids, id); len(ids) < group {
			return nil
		}
		return flush()
	})
	if err == nil && len(ids) > 0 {
		err = flush()
	}
	return err
}

func (s Selection) workflow(ctx context.Context, id string, k *manifest.Known, from Files, use func(File) error) error {
	var blobs []manifest.Blob
	for _, b := range k.Blobs {
		if b.State == manifest.Kept && (s.Admit == nil || s.Admit(b)) {
			blobs = append(blobs, b)
		}
	}
	slices.SortFunc(blobs, func(a, b manifest.Blob) int { return strings.Compare(a.Blob, b.Blob) })
	w := k.Workflow
	if w.Sidecar != "" && !s.Table && (s.Admit == nil || len(blobs) > 0) {
		if err := use(File{Path: w.Sidecar, Size: w.Size, SHA256: w.SHA256, Workflow: id, Created: w.Created, Media: "application/json"}); err != nil {
			return err
		}
	}
	made := s.made(ctx, w, from)
	for _, b := range blobs {
		f := File{Path: b.Path, Size: b.Size, SHA256: b.SHA256, Workflow: id, Created: b.Created, Step: b.Step, Type: b.Type, Blob: b.Blob, Media: b.Media, NSFW: b.NSFW, Role: b.Role}
		if made != nil {
			g := made.Of(b.Step)
			f.Made = Made{g.Prompt, g.Negative, g.Model(), g.Seed}
		}
		if err := use(f); err != nil {
			return err
		}
		if b.Beside.Path != "" && !s.Table {
			f.Path, f.Size, f.SHA256, f.Media = b.Beside.Path, b.Beside.Size, b.Beside.SHA256, "text/plain"
			if err := use(f); err != nil {
				return err
			}
		}
	}
	return nil
}

// largestSidecar bounds what is read of one, in bytes.
const largestSidecar = 256 << 20

// made is what went into a workflow's results, nil where it is not asked for or cannot be
// read: a table without prompts is better than none.
func (s Selection) made(ctx context.Context, w manifest.Workflow, from Files) *generation.Parsed {
	if !s.Table || w.Sidecar == "" || w.Plain != (manifest.Content{}) {
		return nil
	}
	r, err := from.Open(ctx, w.Sidecar)
	if err != nil {
		return nil
	}
	defer r.Close()
	text, err := io.ReadAll(io.LimitReader(r, largestSidecar))
	if err != nil {
		return nil
	}
	parsed, err := fetch.ParseWorkflow(text)
	if err != nil {
		return nil
	}
	return generation.Parse(parsed)
}
