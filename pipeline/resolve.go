package pipeline

import (
	"cmp"
	"context"
	"errors"

	"civitar/fetch"
	"civitar/manifest"
	"civitar/policy"
)

// resolve finds where the bytes of jobs are, ahead of the transfers.
func (r *run) resolve(ctx context.Context, in <-chan *job, out chan<- *job) error {
	for j := range in {
		if r.resolutions.take(ctx) != nil {
			r.outcomes <- r.unfinished(j)
			continue
		}
		loc, err := r.Source.Resolve(ctx, j.blob)
		r.resolutions.give()
		if err != nil {
			if err := r.end(ctx, j, err); err != nil {
				return err
			}
			continue
		}
		j.loc = loc
		if err := r.admit(j, policy.Facts{Level: loc.Level}); err != nil {
			if err := r.end(ctx, j, err); err != nil {
				return err
			}
			continue
		}
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
	o := r.outcome(j)
	o.blob.Asked, o.blob.Reason = true, reasonOf(err)
	left := new(leftOut)
	switch {
	case errors.As(err, &left):
		o.blob.State, o.blob.Reason = left.State, r.reason(j, left.Decision)
		o.blob.Size, o.blob.Media = j.facts.Size, j.facts.Media
	case errors.Is(err, fetch.ErrWithheld):
		o.blob.State = manifest.Withheld
	case errors.Is(err, fetch.ErrGone):
		o.blob.State = manifest.Gone
	default:
		o.blob.State, o.failure = manifest.Failed, failureOf(err)
		o.again = j.before().State == manifest.Failed && j.before().Reason == o.blob.Reason
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

// leftOut says that the policy leaves a blob out, going by what the server told of it when
// it was asked.
type leftOut struct{ policy.Decision }

func (e *leftOut) Error() string { return e.Text() }

// admit asks the policy again, now that more is known of a blob.
func (r *run) admit(j *job, known policy.Facts) error {
	j.facts.Level = cmp.Or(known.Level, j.facts.Level)
	j.facts.Size = cmp.Or(known.Size, j.facts.Size)
	j.facts.Media = cmp.Or(known.Media, j.facts.Media)
	if d := r.Policy.Admit(j.work.wf, j.blob, j.facts); !d.Keeps() {
		return &leftOut{d}
	}
	return nil
}

// reasonOf is what an error says of a blob, without naming it: reasons are counted.
func reasonOf(err error) string {
	if e := new(fetch.Error); errors.As(err, &e) {
		bare := *e
		bare.Op = ""
		return manifest.Brief(bare.Error())
	}
	return manifest.Brief(err.Error())
}
