package bucket

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"

	"github.com/minio/minio-go/v7"
)

// Error says why a step on the bucket was not taken, in one sentence with what to do.
type Error struct {
	Place string // the bucket, or an object in it
	Why   string
	Err   error
}

func (e *Error) Error() string { return e.Place + ": " + e.Why }
func (e *Error) Unwrap() error { return e.Err }

// errTaken is wrapped where an object was to be put that must not be there yet, and is; and
// where one was to be replaced that is another by now.
var errTaken = errors.New("another has written there")

// errUnconditional is wrapped where a store knows no conditions on what is put.
var errUnconditional = errors.New("the store does not know conditional writes")

const again = "; then run the same command again, it goes on where it stopped"

// told turns what the library says into an [*Error]. An object that is not there is
// [fs.ErrNotExist], a context that ended stays itself.
func (s *Store) told(name string, err error) error {
	var known *Error
	if err == nil || errors.As(err, &known) || errors.Is(err, context.Canceled) {
		return err
	}
	place := scheme + s.Bucket
	if key := s.key(name); key != "." && key != "" {
		place += "/" + key
	}
	say := func(err error, format string, args ...any) error {
		return &Error{Place: place, Why: fmt.Sprintf(format, args...), Err: err}
	}
	answer := answerOf(err)
	switch answer.Code {
	case "NoSuchKey", "NotFound":
		return say(fmt.Errorf("%w: %w", fs.ErrNotExist, err), "there is no such object")
	case "NoSuchBucket":
		return say(err, "%s has no such bucket: make it, or correct its name and endpoint%s", s.Endpoint, again)
	case "AccessDenied", "AllAccessDisabled", "AccountProblem":
		return say(err, "the store denies access: check the credentials, which need the rights to list, read, write and delete there%s", again)
	case "InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidTokenId", "UnrecognizedClientException", "XAdminUserNotFound":
		return say(err, "the store does not know these credentials: check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE%s", again)
	case "ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired", "RequestExpired":
		return say(err, "the credentials have expired: renew them%s", again)
	case "RequestTimeTooSkewed":
		return say(err, "this machine's clock is too far from the store's: set it right%s", again)
	case "AuthorizationHeaderMalformed", "PermanentRedirect", "InvalidRegion", "IllegalLocationConstraintException":
		return say(err, "the bucket lies in another region: give it as ?region=REGION%s", again)
	case "QuotaExceeded", "XMinioStorageFull", "InsufficientCapacity", "InsufficientStorage":
		return say(err, "the store has no room left: make some%s", again)
	}
	switch {
	case answer.StatusCode == http.StatusPreconditionFailed || answer.StatusCode == http.StatusConflict:
		return say(fmt.Errorf("%w: %w", errTaken, err), "another run has written there")
	case answer.StatusCode == http.StatusForbidden:
		return say(err, "the store denies access (%s): check the credentials and their rights%s", answer.Code, again)
	case answer.StatusCode == 0:
		return say(err, "%s cannot be reached (%v): check the network and the endpoint%s", s.Endpoint, err, again)
	}
	if answer.StatusCode < http.StatusInternalServerError {
		return say(err, "the store refuses this with %d %s (%s): look whether its keeper knows why, and whether it does all that Amazon's does", answer.StatusCode, answer.Code, answer.Message)
	}
	return say(err, "the store answered %d %s (%s): try again later%s", answer.StatusCode, answer.Code, answer.Message, again)
}

// answerOf is the store's answer that an error tells of; without one, its status is 0.
func answerOf(err error) minio.ErrorResponse {
	var answer minio.ErrorResponse
	errors.As(err, &answer)
	return answer
}
