package pipeline

import (
	"context"
	"errors"

	"civitar/fetch"
	"civitar/manifest"
)

// resolve finds where the bytes of jobs are, ahead of the transfers.
func (r *run) resolve(ctx context.Context, in <-chan *job, out chan<- *job) error {
	for j := range in {
		loc, err := r.Source.Resolve(ctx, j.blob)
		if err != nil {
			if err := r.end(ctx, j, err); err != nil {
				return err
			}
			continue
		}
		j.loc = loc
		select {
		case out <- j:
		case <-ctx.Done():
			r.outcomes <- r.unfinished(j)
		}
	}
	return nil
}

// end records that a job ended without bytes. A refused token is one blob's failure, as the
// signed URLs of the others need none, until it is many blobs' in a row. The error returned is the sink's.
func (r *run) end(ctx context.Context, j *job, err error) error {
	if ctx.Err() != nil {
		r.outcomes <- r.unfinished(j)
		return nil
	}
	o := outcome{work: j.work, page: j.work.page, blob: r.line(j.work, j.blob)}
	o.blob.Asked, o.blob.Reason = true, reasonOf(err)
	switch {
	case errors.Is(err, errTooBig):
		o.blob.State, o.blob.Reason = manifest.Skipped, r.tooBig()
	case errors.Is(err, fetch.ErrWithheld):
		o.blob.State = manifest.Withheld
	case errors.Is(err, fetch.ErrGone):
		o.blob.State = manifest.Gone
	default:
		o.blob.State, o.failure = manifest.Failed, failureOf(err)
		r.reached(o.failure != Unreachable && o.failure != Unauthorized, err)
		r.Logger.Warn("blob failed", "workflow", o.blob.Workflow, "blob", o.blob.Blob, "error", err)
	}
	if o.blob.State != manifest.Failed {
		if err := r.Sink.Discard(j.key()); err != nil {
			return err
		}
	}
	r.outcomes <- o
	return nil
}

func (r *run) unfinished(j *job) outcome {
	return outcome{work: j.work, page: j.work.page, blob: r.line(j.work, j.blob), unfinished: true}
}

// reasonOf is what an error says of a blob, without naming it: reasons are counted.
func reasonOf(err error) string {
	if e := new(fetch.Error); errors.As(err, &e) {
		bare := *e
		bare.Op = ""
		return clip(bare.Error())
	}
	return clip(err.Error())
}
