package pipeline

import (
	"context"

	"civitar/fetch"
	"civitar/sink"
)

// Fetched is a single blob that has come to rest in a sink.
type Fetched struct {
	Name   string // the path in the sink: one element, whose extension the bytes bear out
	Media  string // MIME type as the bytes tell it
	Size   int64  // bytes
	SHA256 string // lower-case hex
}

// Fetch brings one blob into a sink, outside of any archive: it is resolved, transferred
// and proved as in a run, and what breaks off is resumed by the next call. Of cfg it uses
// Source, Sink, Tries, Bandwidth and Logger. The error wraps [fetch.ErrWithheld] or
// [fetch.ErrGone] where that is the server's verdict; nothing is filed then.
func Fetch(ctx context.Context, cfg Config, b fetch.Blob) (Fetched, error) {
	r := newRun(cfg.withDefaults())
	loc, err := r.Source.Resolve(ctx, b)
	if err != nil {
		return Fetched{}, err
	}
	j := &job{work: newWork(nil, &fetch.Workflow{}, nil), blob: b, loc: loc}
	file, ext, err := r.bring(ctx, j)
	if err != nil {
		return Fetched{}, err
	}
	f := Fetched{
		Name:  sink.Element(fileName(string(b.ID), j.facts.Media, ext)),
		Media: j.facts.Media, Size: file.Offset(), SHA256: file.Sum(),
	}
	return f, r.Sink.Commit(ctx, []sink.File{{Writer: file, Path: f.Name}})
}
