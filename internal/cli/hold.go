package cli

import (
	"context"
	"errors"

	"civitar/manifest"
	"civitar/pipeline"
	"civitar/sink"
)

// held is an archive held for writing: its record, its sink, and how it files.
type held struct {
	record *manifest.Manifest
	dir    *sink.Dir
	filing pipeline.Filing
}

// hold opens an archive for writing. settle, where it is not nil, decides how the archive
// files from now on; otherwise it goes on as it was begun.
func hold(ctx context.Context, dest string, o manifest.Options, settle func(*manifest.Manifest) (manifest.Files, error)) (_ *held, err error) {
	h := &held{}
	defer func() {
		if err != nil {
			err = errors.Join(err, h.Close())
		}
	}()
	if h.record, err = manifest.Open(ctx, dest, o); err != nil {
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
	h.dir, err = sink.Open(dest, append(options, sink.WithHook(o.Hook))...)
	return h, err
}

// Close releases the archive. A second call does nothing.
func (h *held) Close() error {
	var errs []error
	if h.dir != nil {
		errs = append(errs, h.dir.Close())
		h.dir = nil
	}
	if h.record != nil {
		errs = append(errs, h.record.Close())
	}
	return errors.Join(errs...)
}
