package cli

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"civitar/internal/pack"
	"civitar/internal/repair"
	"civitar/manifest"
	"civitar/pipeline"
	"civitar/sink"
)

// held is an archive held for writing: its record, its sink, and how it files.
type held struct {
	home   *home
	record *manifest.Manifest
	sink   resting
	shelf  repair.Sink // the same where files can move; nil in a package
	filing pipeline.Filing
}

// resting is where the files of an archive are: a folder's [*sink.Dir], a package's or a
// bucket's.
type resting interface {
	pipeline.Sink
	Sweep(now time.Time) error
	Close() error
}

// hold opens an archive for writing. settle, where it is not nil, decides how the archive
// files from now on; otherwise it goes on as it was begun.
func hold(ctx context.Context, at *home, o manifest.Options, settle func(*manifest.Manifest) (manifest.Files, error)) (_ *held, err error) {
	h := &held{home: at}
	defer func() {
		if err != nil {
			err = errors.Join(err, h.Close())
		}
	}()
	if at.store != nil {
		if err := at.take(ctx, o.Repair); err != nil {
			return nil, err
		}
		o.Publish = at.store.Publish
	}
	if at.pack != "" {
		if err := at.pack.Ready(ctx, o.Hook); err != nil {
			return nil, err
		}
	}
	if h.record, err = manifest.Open(ctx, at.dir, o); err != nil {
		return nil, err
	}
	if settle == nil {
		settle = func(record *manifest.Manifest) (manifest.Files, error) { return record.Filing(ctx) }
	}
	files, err := settle(h.record)
	if err != nil {
		return nil, err
	}
	filing, options, err := filingOf(files)
	if err != nil {
		return nil, err
	}
	h.filing = filing
	dir, err := sink.Open(at.dir, append(options, sink.WithHook(o.Hook))...)
	if err != nil {
		return nil, err
	}
	switch {
	case at.store != nil:
		in := at.store.Sink(dir)
		h.sink, h.shelf = in, in
	case at.pack != "":
		in, err := pack.Open(ctx, at.pack, dir, h.record, pack.Options{Logger: o.Logger, Hook: o.Hook})
		if err != nil {
			return nil, err
		}
		h.sink = in
	default:
		h.sink, h.shelf = dir, dir
	}
	return h, nil
}

// complete gives a package its name, when a run over it has come to its end.
func (h *held) complete(ctx context.Context) error {
	if in, ok := h.sink.(*pack.Sink); ok {
		return in.Finish(ctx)
	}
	return nil
}

// take takes a bucket's archive for this run, and brings the copy of its record up; anew
// makes that from nothing.
func (h *home) take(ctx context.Context, anew bool) error {
	if err := os.MkdirAll(h.dir, 0o777); err != nil {
		return err
	}
	alone, err := h.alone(ctx)
	if err == nil && !alone {
		holder, err := h.store.Holder(ctx)
		return errors.Join(err, &manifest.LockedError{Path: h.dest, Holder: holder})
	}
	if err == nil {
		err = h.store.Hold(ctx, h.dir)
	}
	if err == nil {
		err = h.store.Pull(ctx, h.dir, anew)
	}
	if errors.Is(err, manifest.ErrNoArchive) {
		return nil
	}
	return err
}

// summarize writes the archive's manifest.json.
func (h *held) summarize(ctx context.Context, now time.Time) error {
	if err := h.record.Summarize(ctx, now); err != nil || h.home.store == nil {
		return err
	}
	data, err := os.ReadFile(filepath.Join(h.home.dir, sink.StateDir, "manifest.json"))
	if err != nil {
		return err
	}
	return h.home.store.PutText(ctx, sink.StateDir+"/manifest.json", data)
}

// compact makes the journal smaller where that pays. What it cannot do is no fault of the run,
// and a signal ends it.
func (h *held) compact(s *session, log *slog.Logger) {
	if h.home.store != nil || h.home.pack != "" { // there its lines lie elsewhere, too
		return
	}
	ctx, cancel := s.drainable()
	defer cancel()
	series, err := h.home.series(ctx)
	if err == nil {
		var marks []manifest.Mark
		for _, last := range series {
			marks = append(marks, last.Mark)
		}
		err = h.record.Compact(ctx, marks)
	}
	if err != nil && ctx.Err() == nil {
		log.Warn("the journal could not be compacted; it is as good as it was, and the next run tries again", "archive", h.home.dest, "error", err)
	}
}

// Close releases the archive. A second call does nothing.
func (h *held) Close() error {
	var errs []error
	if h.sink != nil {
		errs = append(errs, h.sink.Close())
		h.sink = nil
	}
	if h.record != nil {
		errs = append(errs, h.record.Close())
	}
	if h.home.store != nil {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		errs = append(errs, h.home.store.Release(ctx), h.home.use.Unlock())
	}
	return errors.Join(errs...)
}
