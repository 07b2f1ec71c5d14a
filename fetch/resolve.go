package fetch

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"
)

// expirySlack is how long before its end an address is no longer worth trying.
const expirySlack = 30 * time.Second

// Resolve finds where a blob's bytes are (the API page, "Getting a blob's bytes"). It
// asks the blob's signed URL, without the token, and where that is missing, expired,
// refused or blocked, asks by the blob's id with the token. Of a blob that is blocked for
// showing minors nothing is asked, or nothing more: see NamesMinors.
//
// ErrWithheld and ErrGone are the server's verdicts on the blob. ErrUnauthorized is
// about the token, and all other errors say nothing about the blob.
func (c *Client) Resolve(ctx context.Context, b Blob) (Location, error) {
	loc, err := c.resolve(ctx, b)
	return loc, own(err)
}

func (c *Client) resolve(ctx context.Context, b Blob) (Location, error) {
	r := c.resolution(b)
	if NamesMinors(b.Blocked) {
		return Location{}, r.withheld()
	}
	u, err := c.parseSigned(b.URL)
	expired := !b.Expires.IsZero() && time.Until(b.Expires) < expirySlack
	switch {
	case b.URL == "" || err != nil:
		return r.byID(ctx, nil)
	case !r.askable(u):
		return r.signed(ctx, u)
	case expired || u.Scheme == "http" && c.base.Scheme == "https":
		return r.byID(ctx, nil)
	}
	return r.signed(ctx, u)
}

// Renew is Resolve for a blob whose URL is no longer to be trusted: it asks by id,
// and has the server make a new URL where that is refused. Archives, traces and some
// previews have no id to ask by; their URL is asked again.
func (c *Client) Renew(ctx context.Context, b Blob) (Location, error) {
	r := c.resolution(b)
	if NamesMinors(b.Blocked) {
		return Location{}, r.withheld()
	}
	if u, err := c.parseSigned(b.URL); err == nil && b.URL != "" && !r.askable(u) {
		c.direct.forget(u)
		return r.signed(ctx, u)
	}
	loc, err := r.byID(ctx, nil)
	return loc, own(err)
}

// resolution is the work of resolving one blob.
type resolution struct {
	c    *Client
	blob Blob
	op   string
}

func (c *Client) resolution(b Blob) resolution {
	return resolution{c: c, blob: b, op: c.op("resolve blob", string(b.ID))}
}

// askable by its id is no blob that the server keeps under another sort of address, or
// that has no id but a made one.
func (r resolution) askable(u *url.URL) bool {
	where := placeOf(u)
	return where != archive && where != streaming && !r.blob.nameless
}

// signed asks the blob's own address.
func (r resolution) signed(ctx context.Context, u *url.URL) (Location, error) {
	var at target
	switch placeOf(u) {
	case blocked:
		return r.byID(ctx, r.withheld())
	case content:
		at.url = u
	default:
		if r.c.direct.serves(u) {
			at.url = u
		}
	}
	var err error
	if at.url != nil {
		err = r.c.reachable(u)
	} else {
		at, err = r.c.probe(ctx, r.op, u, false)
	}
	switch {
	case err == nil && !at.blocked:
		return r.location(at), nil
	case err == nil:
		return r.byID(ctx, r.withheld())
	case minors(err):
		return Location{}, withKind(err, ErrWithheld)
	case !r.askable(u):
		return r.unaskable(ctx, u, err)
	case refused(err) || errors.Is(err, ErrGone) || errors.Is(err, ErrInvalid):
		return r.byID(ctx, err)
	case ctx.Err() == nil && (errors.Is(err, ErrUnsafeURL) || errors.Is(err, ErrUnavailable)) && !sameOrigin(u, r.c.base):
		// The URL is of another host, which may be down, or none to go to.
		loc, byID := r.byID(ctx, nil)
		if byID == nil || errors.Is(err, ErrUnavailable) && (errors.Is(byID, ErrWithheld) || errors.Is(byID, ErrGone)) {
			return loc, byID
		}
	}
	return Location{}, err
}

// unaskable tries a log of the API's own, refused without the token, with it.
func (r resolution) unaskable(ctx context.Context, u *url.URL, before error) (Location, error) {
	if !refused(before) {
		return Location{}, before
	}
	if placeOf(u) != streaming || r.c.token == "" || !sameOrigin(u, r.c.base) {
		return Location{}, withKind(before, ErrForbidden) // the workflow may tell a newer address
	}
	at, err := r.c.probe(ctx, r.op, u, true)
	switch {
	case err != nil:
		return Location{}, err
	case at.blocked:
		return Location{}, r.withheld()
	}
	return r.location(at), nil
}

// byID asks with the token. before is what the signed URL came to, nil if it was not
// asked: the blob's place decides more than its absence there.
func (r resolution) byID(ctx context.Context, before error) (Location, error) {
	if (r.c.token == "" || r.blob.nameless) && before != nil {
		if refused(before) {
			before = withKind(before, ErrUnauthorized)
		}
		return Location{}, before
	}
	u, err := r.c.byID("/v2/consumer/blobs/", string(r.blob.ID), "")
	if err != nil {
		return Location{}, r.c.invalid(r.op, err)
	}
	at, err := r.c.probe(ctx, r.op, u, true)
	wasWithheld := errors.Is(before, ErrWithheld)
	switch {
	case err == nil && !at.blocked:
		return r.location(at), nil
	case err == nil:
		return Location{}, r.withheld()
	case minors(err), wasWithheld && (errors.Is(err, ErrForbidden) || errors.Is(err, ErrGone)):
		return Location{}, withKind(err, ErrWithheld)
	case refused(err) || statusIs(err, http.StatusMethodNotAllowed):
		return r.refresh(ctx, before, err)
	}
	return Location{}, err
}

// refresh has the server sign a new address and asks that.
func (r resolution) refresh(ctx context.Context, before, byID error) (Location, error) {
	fresh, level, err := r.renew(ctx)
	switch {
	case err != nil && (errors.Is(err, ErrGone) || errors.Is(err, ErrWithheld) || errors.Is(err, ErrUnavailable) || errors.Is(err, ErrRateLimited) || ctx.Err() != nil):
		return Location{}, err
	case errors.Is(byID, ErrUnauthorized) && (err != nil || fresh == ""):
		return Location{}, byID
	case errors.Is(err, ErrUnauthorized):
		return Location{}, err
	case err != nil || fresh == "":
		return Location{}, verdict(before, byID)
	}
	signed, err := r.c.parseSigned(fresh)
	if err != nil {
		return Location{}, r.c.trouble(ctx, r.op, err)
	}
	if placeOf(signed) == blocked && !errors.Is(byID, ErrUnauthorized) {
		return Location{}, r.withheld()
	}
	at, err := r.c.probe(ctx, r.op, signed, false)
	switch {
	case (err != nil || at.blocked) && errors.Is(byID, ErrUnauthorized):
		return Location{}, byID // with a good token the blob might be had
	case err != nil:
		return Location{}, withholding(err)
	case at.blocked:
		return Location{}, r.withheld()
	}
	loc := r.location(at)
	loc.Level = level
	return loc, nil
}

// renew has the server sign a new address, which also prolongs the blob's life. It is the
// one call of this package that changes anything. A reason for blocking the blob, told with
// the address, is a verdict.
func (r resolution) renew(ctx context.Context) (fresh SignedURL, level Level, err error) {
	u, err := r.c.byID("/v2/consumer/blobs/", string(r.blob.ID), "/refresh")
	if err != nil {
		return "", "", r.c.invalid(r.op, err)
	}
	var reason string
	err = r.c.json(ctx, r.c.op("refresh blob", string(r.blob.ID)), http.MethodPost, u, func(raw []byte) error {
		answer := parse(raw)
		fresh, level = SignedURL(answer.str("url")), levelOf(answer.str("nsfwLevel"))
		reason = r.c.scrubber.words(answer.str("blockedReason"), maxWords)
		return nil
	})
	switch {
	case minors(err):
		err = withKind(err, ErrWithheld)
	case err == nil && reason != "":
		err = &Error{Op: r.op, Kind: ErrWithheld, Detail: reason}
	}
	return fresh, level, err
}

// verdict is what remains when every way was refused.
func verdict(before, byID error) error {
	for _, err := range []error{byID, before} {
		if refused(err) || errors.Is(err, ErrWithheld) {
			return withholding(err)
		}
	}
	return byID
}

func (r resolution) location(at target) Location {
	return Location{URL: SignedURL(at.url.String()), Blob: r.blob.ID, Private: at.private, at: at.url}
}

func (r resolution) withheld() *Error {
	detail := "the server answers with a placeholder"
	if r.blob.Blocked != "" {
		detail = r.c.scrubber.words(r.blob.Blocked, maxWords)
	}
	return &Error{Op: r.op, Kind: ErrWithheld, Detail: detail}
}

func refused(err error) bool {
	return errors.Is(err, ErrForbidden) || errors.Is(err, ErrUnauthorized)
}

func statusIs(err error, status int) bool {
	var e *Error
	return errors.As(err, &e) && e.Status == status
}

// withholding turns a refusal into the verdict it is on a blob; other errors stay.
func withholding(err error) error {
	if refused(err) || minors(err) {
		return withKind(err, ErrWithheld)
	}
	return err
}

// withKind is the same error under another kind, with the server's words.
func withKind(err, kind error) error {
	var e *Error
	if !errors.As(err, &e) {
		return fmt.Errorf("%w: %w", kind, err)
	}
	other := *e
	other.Kind = kind
	return &other
}
