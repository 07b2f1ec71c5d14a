package pipeline

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"hash"

	"civitar/manifest"
	"civitar/sink"
)

// Survey tells what a run would do, and changes nothing: it lists and decides, and fetches
// no blob. Of cfg it uses neither Sink nor Workers. The states are those that the listing
// alone gives; in the summary and the events, the blobs that a run would fetch are kept.
// Their sizes are known where the server announces them.
func Survey(ctx context.Context, cfg Config) (Summary, error) {
	cfg.Sink, cfg.Record = nowhere{}, unwritten{cfg.Record}
	r := newRun(cfg.withDefaults())
	r.survey = true
	return r.run(ctx)
}

// want takes in what a run would fetch.
func (r *run) want(in <-chan *job) error {
	for j := range in {
		o := r.outcome(j)
		o.blob.State, o.blob.Size = manifest.Kept, j.blob.Size
		r.outcomes <- o
	}
	return nil
}

// unwritten is a record that takes nothing in.
type unwritten struct{ Record }

func (unwritten) Append(context.Context, []manifest.Line) error { return nil }

// nowhere is a sink that keeps nothing.
type nowhere struct{}

func (nowhere) Begin(string) (sink.Writer, error)           { return &passing{sum: sha256.New()}, nil }
func (n nowhere) BeginSealed(k string) (sink.Writer, error) { return n.Begin(k) }
func (nowhere) Discard(string) error                        { return nil }
func (nowhere) Commit(context.Context, []sink.File) error   { return nil }
func (nowhere) Retire([]string) error                       { return nil }
func (nowhere) Release(context.Context, func(context.Context, []string) (map[string]bool, error)) error {
	return nil
}

// passing is a writer of nowhere: for what comes with a workflow itself.
type passing struct {
	sum  hash.Hash
	size int64
}

func (p *passing) Write(b []byte) (int, error) {
	p.size += int64(len(b))
	return p.sum.Write(b)
}
func (p *passing) Offset() int64              { return p.size }
func (p *passing) Resume() (string, int64)    { return "", -1 }
func (p *passing) Expect(string, int64) error { return nil }
func (p *passing) Reset() error               { p.sum.Reset(); p.size = 0; return nil }
func (p *passing) Head(int) ([]byte, error)   { return nil, nil }
func (p *passing) Sum() string                { return hex.EncodeToString(p.sum.Sum(nil)) }
func (p *passing) Stored() (int64, string)    { return p.size, p.Sum() }
func (p *passing) Finish() error              { return nil }
func (p *passing) Suspend() error             { return nil }
func (p *passing) Discard() error             { return nil }
