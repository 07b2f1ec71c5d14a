package fetch

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Kinds of failure, for errors.Is (the API page, "Base, auth, errors").
var (
	// ErrUnauthorized: the server did not take the token (401).
	ErrUnauthorized = errors.New("the API token is missing, invalid or expired")
	// ErrForbidden: not permitted with this token, or at this address any more (403).
	ErrForbidden = errors.New("not permitted")
	// ErrGone: no such thing, or no longer (404, 410). A verdict.
	ErrGone = errors.New("gone")
	// ErrWithheld: the server has the blob and does not hand it out. A verdict.
	ErrWithheld = errors.New("withheld by the server")
	// ErrRateLimited: still refused for asking too often after long waiting (429).
	ErrRateLimited = errors.New("rate limited")
	// ErrInvalid: the server did not accept the question (400, 422 and the like).
	ErrInvalid = errors.New("invalid request")
	// ErrConflict: the state changed meanwhile (409); fetch again.
	ErrConflict = errors.New("state conflict")
	// ErrUnavailable: an outage of any sort (5xx, no connection, an answer cut short
	// or not in the form due). It says nothing about the thing asked for.
	ErrUnavailable = errors.New("unavailable")
	// ErrNoPart: the server gives no such part of the entity, or has another by now.
	ErrNoPart = errors.New("no such part")
	// ErrTooLarge: an answer beyond what this client reads.
	ErrTooLarge = errors.New("answer too large")
	// ErrUnsafeURL: an address this client does not go to.
	ErrUnsafeURL = errors.New("unsafe address")
)

// Error is a failed request. Its texts are the server's, with secrets taken out,
// control characters removed and the length bounded.
type Error struct {
	Op         string              // what was asked, with its object: "get workflow 84-2026"
	Status     int                 // HTTP status, 0 when there was no answer
	Title      string              // from the problem details
	Detail     string              // from the problem details, or a plain text answer
	Fields     map[string][]string // on 400 and 422: messages by parameter
	Page       bool                // the answer was a web page: a proxy's words, not the API's
	Kind       error               // one of the kinds above; nil when the context ended
	Err        error               // the cause, if any: a context's error, an unexpected EOF
	RetryAfter time.Duration       // as the server asked; 0 when it did not
}

const maxMessage = 800 // bytes of an error's text

// Error returns one line.
func (e *Error) Error() string {
	parts := make([]string, 0, 6)
	add := func(s string) {
		s = strings.TrimRight(s, ". ") // sentences become parts of one
		if s != "" && !slices.Contains(parts, s) {
			parts = append(parts, s)
		}
	}
	add(e.Op)
	if e.Kind != nil {
		kind := e.Kind.Error()
		if e.Status >= 300 {
			kind = fmt.Sprintf("%s (%d)", kind, e.Status)
		}
		add(kind)
	}
	add(e.Title)
	add(e.Detail)
	for _, name := range slices.Sorted(maps.Keys(e.Fields)) {
		add(name + ": " + strings.Join(e.Fields[name], ", "))
	}
	if e.Err != nil {
		add(e.Err.Error())
	}
	return clip(oneLine(strings.Join(parts, ": ")), maxMessage)
}

// Unwrap gives errors.Is both the kind and the cause.
func (e *Error) Unwrap() []error {
	causes := make([]error, 0, 2)
	for _, err := range []error{e.Kind, e.Err} {
		if err != nil {
			causes = append(causes, err)
		}
	}
	return causes
}

// own takes back a verdict that the API did not speak itself: the web page of a proxy on
// the way says nothing about the thing asked for.
func own(err error) error {
	var e *Error
	if errors.As(err, &e) && e.Page && (errors.Is(err, ErrGone) || errors.Is(err, ErrWithheld) || errors.Is(err, ErrForbidden)) {
		return withKind(err, ErrUnavailable)
	}
	return err
}

// kindOf sorts an HTTP status that is not a success.
func kindOf(status int) error {
	switch status {
	case 401:
		return ErrUnauthorized
	case 403, 451:
		return ErrForbidden
	case 404, 410:
		return ErrGone
	case 409:
		return ErrConflict
	case 429:
		return ErrRateLimited
	case 407, 408, 421, 425:
		// The proxy's or the connection's trouble, not the question's.
		return ErrUnavailable
	}
	if status >= 400 && status < 500 {
		return ErrInvalid
	}
	return ErrUnavailable
}
