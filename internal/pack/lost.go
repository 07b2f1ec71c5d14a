package pack

import (
	"context"
	"crypto/rand"
	"errors"
	"time"

	"civitar/manifest"
)

// wasCut is the reason of blobs that are to be fetched again.
const wasCut = "was kept, and is not in the package any more"

// lookUp is how many workflows are looked at together.
const lookUp = 200

// makeUp tells the record what the package holds no more, so that it is fetched again. Where
// that is because the package is damaged, and not cut, it is left as it is.
func (s *Sink) makeUp(ctx context.Context, damage error, o Options) error {
	lost, err := s.lost(ctx, nil)
	if err != nil || lost == 0 {
		return err
	}
	var at *DamageError
	if errors.As(damage, &at) && !at.Short {
		return refuse(damage, "%s is damaged (%v), and %d files that its record speaks of lie behind that: bring it back from a backup, or move it and %s away to begin anew",
			s.place.Partial(), damage, lost, s.place.Dir())
	}
	o.Logger.Warn("package: it was cut, and what is lost is fetched again", "package", s.place.Partial(), "files", lost)
	run := rand.Text()[:12]
	_, err = s.lost(ctx, func(k *manifest.Known, blobs []manifest.Blob, sidecar bool) error {
		now := time.Now().UTC()
		var lines []manifest.Line
		for _, b := range blobs {
			lines = append(lines, manifest.Blob{Time: now, Run: run, Workflow: b.Workflow, Created: b.Created, Step: b.Step, Type: b.Type, Blob: b.Blob,
				State: manifest.Failed, Reason: wasCut, Media: b.Media, NSFW: b.NSFW, Role: b.Role})
		}
		if w := k.Workflow; sidecar {
			w.Time, w.Run, w.Open = now, run, true
			w.Sidecar, w.Print, w.Size, w.SHA256, w.Plain = "", "", 0, "", manifest.Content{}
			lines = append(lines, w)
		}
		return s.record.Append(ctx, lines)
	})
	return err
}

// lost counts the files that the record speaks of and the package does not hold, and tells
// use, where it is not nil, of each workflow the blobs whose they are, and whether its sidecar
// is one.
func (s *Sink) lost(ctx context.Context, use func(k *manifest.Known, blobs []manifest.Blob, sidecar bool) error) (n int64, err error) {
	for after := ""; ; {
		ids, err := s.record.Workflows(ctx, after, lookUp)
		if err != nil || len(ids) == 0 {
			return n, err
		}
		known, err := s.record.Known(ctx, ids)
		if err != nil {
			return n, err
		}
		for _, id := range ids {
			k, count := known[id], n
			var blobs []manifest.Blob
			for _, b := range k.Blobs {
				lacks, err := s.lacks(ctx, manifest.Content{Path: b.Path, Size: b.Size, SHA256: b.SHA256}, b.Beside)
				if err != nil {
					return n, err
				}
				if n += lacks; lacks > 0 && b.State == manifest.Kept {
					blobs = append(blobs, b)
				}
			}
			sidecar, err := s.lacks(ctx, manifest.Content{Path: k.Workflow.Sidecar, Size: k.Workflow.Size, SHA256: k.Workflow.SHA256})
			if err != nil {
				return n, err
			}
			if n += sidecar; n > count && use != nil {
				if err := use(k, blobs, sidecar > 0); err != nil {
					return n, err
				}
			}
		}
		after = ids[len(ids)-1]
	}
}

// lacks counts the files that the package does not hold.
func (s *Sink) lacks(ctx context.Context, files ...manifest.Content) (n int64, err error) {
	for _, c := range files {
		if c.Path == "" {
			continue
		}
		m, ok, err := s.members.of(ctx, c.Path)
		if err != nil {
			return n, err
		}
		if !ok || m.Size != c.Size || m.SHA256 != "" && m.SHA256 != c.SHA256 {
			n++
		}
	}
	return n, nil
}
