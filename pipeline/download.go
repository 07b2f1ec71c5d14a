package pipeline

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"
	"golang.org/x/time/rate"

	"civitar/fetch"
	"civitar/policy"
	"civitar/sink"
)

const (
	// bufferSize is how much is read, hashed and written at a time.
	bufferSize = 128 << 10
	// largeBuffer is that of blobs from largeFrom on: the file system takes fewer, larger
	// writes with less work.
	largeBuffer = 512 << 10
	largeFrom   = 2 * bufferSize
	// headway is how many new bytes make a broken transfer worth all its tries again: a
	// large blob on a bad line may break any number of times.
	headway = 256 << 10
)

var (
	// errEmpty says that an answer held no bytes at all: no result is empty.
	errEmpty = errors.New("the answer was empty")
	// errRefused says that the server shows where the bytes are, and then refuses them.
	errRefused = errors.New("refused where the bytes should be")
	// errWebPage says that a web page came where a result was due.
	errWebPage = errors.New("a web page came instead of the result")
)

// byteLimiter is the limit on all transfers together, nil for none. Its burst is at least
// a buffer, since that is what is asked of it at a time.
func byteLimiter(perSecond int64) *rate.Limiter {
	if perSecond <= 0 {
		return nil
	}
	return rate.NewLimiter(rate.Limit(perSecond), bufferSize)
}

func buffersOf(size int) *sync.Pool {
	return &sync.Pool{New: func() any { b := make([]byte, size); return &b }}
}

// buffersFor are those for a blob of a size, -1 for an unknown one. Where the bytes a second
// are limited, no large buffer is asked for at a time.
func (r *run) buffersFor(size int64) *sync.Pool {
	if size >= largeFrom && r.bytes == nil {
		return r.large
	}
	return r.buffers
}

// download transfers jobs, one at a time. Its context outlives the drain.
func (r *run) download(ctx context.Context, in <-chan *job) error {
	for j := range in {
		if r.transfers.take(r.stopped) != nil {
			r.outcomes <- r.unfinished(j)
			continue
		}
		o, err := r.transfer(ctx, j)
		r.transfers.give()
		r.Tally.brought.Add(1)
		if err == nil {
			r.reached(true, nil)
			r.outcomes <- o
			continue
		}
		if broken := new(diskError); errors.As(err, &broken) {
			r.outcomes <- r.unfinished(j)
			return broken.err
		}
		if err := r.end(ctx, j, err); err != nil {
			return err
		}
	}
	return nil
}

// diskError is a fault of the sink: it ends the run, since no other blob would fare better.
type diskError struct{ err error }

func (e *diskError) Error() string { return e.err.Error() }
func (e *diskError) Unwrap() error { return e.err }

func disk(err error) error {
	if err == nil {
		return nil
	}
	return &diskError{err}
}

// transfer brings one blob's bytes into the sink.
func (r *run) transfer(ctx context.Context, j *job) (outcome, error) {
	file, ext, err := r.bring(ctx, j)
	if err != nil {
		return outcome{}, err
	}
	o, err := r.kept(j, file, ext)
	if err != nil {
		return outcome{}, errors.Join(disk(err), file.Discard())
	}
	return o, nil
}

// bring is transfer without a word on what becomes of the file. It returns the extension
// that the bytes call for.
func (r *run) bring(ctx context.Context, j *job) (sink.Writer, string, error) {
	r.Tally.transfers.Add(1)
	defer r.Tally.transfers.Add(-1)
	for {
		sealed := r.seals(j)
		file, err := r.begin(j.key(), sealed)
		if err != nil {
			return nil, "", disk(err)
		}
		ext, err := r.fill(ctx, j, file)
		switch {
		case err != nil:
			return nil, "", errors.Join(err, r.putAway(file, err))
		case r.seals(j) != sealed: // the level has changed on the way
			if err := file.Discard(); err != nil {
				return nil, "", disk(err)
			}
			continue
		}
		if err := file.Finish(); err != nil {
			return nil, "", disk(errors.Join(err, file.Discard()))
		}
		return file, ext, nil
	}
}

// putAway puts away what a transfer left: kept for the next run unless the blob is no more.
func (r *run) putAway(file sink.Writer, why error) error {
	if errors.Is(why, fetch.ErrGone) || errors.Is(why, fetch.ErrWithheld) || errors.As(why, new(*leftOut)) {
		return disk(file.Discard())
	}
	return disk(file.Suspend())
}

// fill reads the blob to its end, over as many connections as it takes.
func (r *run) fill(ctx context.Context, j *job, file sink.Writer) (ext string, err error) {
	wait := backoff.NewExponentialBackOff()
	wait.MaxInterval = 30 * time.Second
	renewed, best := false, there(file)
	for try := 1; ; try++ {
		err := r.attempt(ctx, j, file)
		if err == nil {
			ext, err = r.inspect(j, file)
		}
		if err == nil || final(ctx, err) {
			return ext, err
		}
		if refused(err) {
			if renewed {
				return "", verdict(err)
			}
			renewed = true
			if j.loc, err = r.Source.Renew(ctx, j.blob); err != nil {
				return "", err
			}
			if err := r.admit(j, policy.Facts{Level: j.loc.Level}); err != nil {
				return "", err
			}
			continue
		}
		if has := there(file); has >= best+headway {
			try, renewed, best = 0, false, has
			wait.Reset()
		}
		if try >= r.Tries {
			return "", err
		}
		r.Logger.Debug("transfer broken", "workflow", j.work.wf.ID, "blob", j.blob.ID, "offset", file.Offset(), "try", try, "error", err)
		if err := sleep(ctx, wait.NextBackOff()); err != nil {
			return "", err
		}
	}
}

// final tells errors that no further try mends.
func final(ctx context.Context, err error) bool {
	var broken *diskError
	return ctx.Err() != nil || errors.As(err, &broken) || errors.Is(err, fetch.ErrWithheld) ||
		errors.Is(err, fetch.ErrUnsafeURL) || errors.Is(err, fetch.ErrTooLarge) || errors.As(err, new(*leftOut))
}

// refused tells answers of a content URL that a fresh URL can mend.
func refused(err error) bool {
	return errors.Is(err, fetch.ErrUnauthorized) || errors.Is(err, fetch.ErrForbidden) || errors.Is(err, fetch.ErrGone)
}

// verdict is what a refusal means that a fresh URL met again: that the bytes are gone, when
// it says so and is no proxy's web page. Anything else is no verdict, since what the server
// withholds it says by where it redirects to; and as a content URL takes no token, being
// unauthorized there says nothing about ours.
func verdict(err error) error {
	page := new(fetch.Error)
	if errors.Is(err, fetch.ErrGone) && !(errors.As(err, &page) && page.Page) {
		return err
	}
	return fmt.Errorf("%w: %v", errRefused, err)
}

// attempt reads from where the file ends: over one connection, or over several as long as
// one of them lasts.
func (r *run) attempt(ctx context.Context, j *job, file sink.Writer) error {
	if err := gather(ctx, file); err != nil {
		return err
	}
	validator, size := file.Resume()
	body, err := r.Source.Open(ctx, j.loc, fetch.Resume{Offset: file.Offset(), Validator: validator, Size: size})
	if err != nil {
		return err
	}
	defer body.Close()
	if err := r.admit(j, policy.Facts{Size: max(body.Size, 0)}); err != nil {
		return err
	}
	if body.Offset != file.Offset() {
		if err := file.Reset(); err != nil {
			return disk(err)
		}
	}
	if err := file.Expect(body.Validator, body.Size); err != nil {
		return disk(err)
	}
	if t := r.team(j, file, body); t != nil {
		err = t.bring(ctx, body)
	} else {
		err = r.copy(ctx, j, file, body)
	}
	if err != nil {
		return err
	}
	if body.Size >= 0 && file.Offset() != body.Size {
		return fmt.Errorf("%w: %d of %d bytes came", fetch.ErrUnavailable, file.Offset(), body.Size)
	}
	return nil
}

// copy reads a body to its end. What is written is whole buffers, so that they lie in the file
// as they lie in memory's pages, but for the last one and where the body breaks.
func (r *run) copy(ctx context.Context, j *job, file sink.Writer, body *fetch.Body) error {
	buffers := r.buffersFor(body.Size)
	buf := buffers.Get().(*[]byte)
	defer buffers.Put(buf)
	for filled, ended := 0, error(nil); ended == nil; {
		n, err := body.Read((*buf)[filled:])
		filled, ended = filled+n, err
		r.Tally.received.Add(int64(n))
		if size := file.Offset() + int64(filled); r.Policy.Exceeds(size) { // more than was announced
			return r.admit(j, policy.Facts{Size: size})
		}
		if r.bytes != nil && n > 0 {
			if err := r.bytes.WaitN(ctx, n); err != nil {
				ended = err
			}
		}
		if filled == len(*buf) || ended != nil && filled > 0 {
			if _, err := file.Write((*buf)[:filled]); err != nil {
				return disk(err)
			}
			filled = 0
		}
		if ended != nil && ended != io.EOF {
			return ended
		}
	}
	return nil
}

// inspect looks at a whole file's first bytes. What cannot be a result is thrown away.
func (r *run) inspect(j *job, file sink.Writer) (ext string, err error) {
	head, err := file.Head(headSize)
	if err != nil {
		return "", disk(err)
	}
	mediaType, ext := media(head)
	switch {
	case len(head) == 0:
		err = errEmpty
	case webPage(mediaType, j.blob):
		err = errWebPage
	default:
		return ext, r.admit(j, policy.Facts{Size: file.Offset(), Media: mediaType})
	}
	return "", errors.Join(err, disk(file.Reset()))
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
