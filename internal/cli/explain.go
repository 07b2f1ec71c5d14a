package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/dustin/go-humanize"

	"civitar/fetch"
	"civitar/manifest"
	"civitar/pipeline"
	"civitar/sink"
)

const tokenHint = "set CIVITAI_API_TOKEN (or CIVITAI_API_KEY, a .env file, --token-file), or run civitar login, with a token made at https://civitai.com/user/account"

// explain turns an error into one sentence that says what is wrong and what to do.
func explain(err error) string {
	var locked *manifest.LockedError
	var space *sink.SpaceError
	var hint hintError
	text := oneLine(err.Error())
	switch {
	case errors.As(err, &locked):
		return explainLock(locked)
	case errors.As(err, &hint):
		return text + ": " + hint.hint
	case errors.As(err, &space):
		return fmt.Sprintf("not enough room in %s: the next file needs %s and there is room for %s; free some and run the same command again, it goes on where it stopped",
			space.Path, humanize.IBytes(space.Need), humanize.IBytes(space.Free))
	case errors.Is(err, sink.ErrNoSpace), sink.Full(err):
		return "the disk is full (" + text + "): free some room and run the same command again, it goes on where it stopped"
	case errors.Is(err, fetch.ErrUnauthorized):
		return "the API refused the token (" + text + "): it is missing, mistyped or expired; " + tokenHint
	case errors.Is(err, fetch.ErrForbidden):
		return "the API does not permit this with your token (" + text + "): nothing was taken for absent; check which rights the token has"
	case errors.Is(err, pipeline.ErrListing):
		return text + "; what was listed is archived, run the same command again to go on"
	case errors.Is(err, manifest.ErrIndex):
		return text + ": nothing is lost, run civitar archive again and it is made anew"
	case errors.Is(err, pipeline.ErrOutage):
		return text + "; everything so far is kept, run the same command again later to go on"
	case errors.Is(err, fetch.ErrGone):
		return text + ": it was never there, or is gone, as everything is 30 days after its workflow ended"
	case errors.Is(err, fetch.ErrRateLimited):
		return "the API asks for a slower pace (" + text + "): wait a while and run the same command again, with a lower --rate if it happens often"
	case errors.Is(err, fetch.ErrUnavailable):
		return "the API cannot be reached (" + text + "): check the network and --api-url, then run the same command again"
	case errors.Is(err, fs.ErrPermission):
		return text + ": choose a folder that you may write to"
	case errors.Is(err, context.DeadlineExceeded):
		return text + ": no answer in time"
	}
	return text
}

// hintError is an error with what to do about it, where that depends on the command.
type hintError struct {
	err  error
	hint string
}

func (e hintError) Error() string { return e.err.Error() }
func (e hintError) Unwrap() error { return e.err }

func explainLock(e *manifest.LockedError) string {
	if !e.Until.IsZero() {
		return fmt.Sprintf("the archive is in use by process %d on host %s since %s (%s): wait for it to end, or stop it; if it died, its lease ends in %s",
			e.Holder.PID, oneLine(e.Holder.Host), e.Holder.Started.Local().Format(time.DateTime), e.Path, max(time.Until(e.Until), 0).Round(time.Second))
	}
	if e.Holder.PID == 0 {
		return "the archive is in use by another process (" + e.Path + "): wait for it to end, or stop it"
	}
	return fmt.Sprintf("the archive is in use by process %d on host %s since %s (%s): wait for it to end, or stop it",
		e.Holder.PID, oneLine(e.Holder.Host), e.Holder.Started.Local().Format(time.DateTime), e.Path)
}

// failureHints says what to do about each kind of failed blob.
func failureHint(f pipeline.Failure) string {
	switch f {
	case pipeline.Unreachable:
		return "the server or the network was down: run the same command again"
	case pipeline.RateLimited:
		return "the server asked for a slower pace: run again with a lower --rate and --blob-rate"
	case pipeline.Unauthorized:
		return "the token was refused on the way: check CIVITAI_API_TOKEN and run again"
	case pipeline.Refused:
		return "the server refused the request: see the log, and check the token's rights"
	case pipeline.Unsafe:
		return "the server pointed to an address that is not followed: see the log"
	case pipeline.BadContent:
		return "what came was no result (empty, or a web page): run again later"
	}
	return "see the log, and run the same command again"
}
