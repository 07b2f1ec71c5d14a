package fetch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Body is a blob's bytes, or the rest of them. The context given to Open governs its
// reads. A Read that gets nothing for the stall time fails with ErrUnavailable, and
// so does an end before Size; Close releases everything and may be called at any time.
type Body struct {
	io.ReadCloser
	Offset    int64  // where these bytes start: Resume.Offset, or 0 to start over
	Size      int64  // of the whole entity in bytes, -1 unknown
	Validator string // for Resume: a strong ETag or a usable Last-Modified, else ""
	MediaType string // as the server says, without parameters; it can be wrong
	Parts     bool   // the server says that it gives parts of the entity: OpenPart may be tried
}

// Open asks for a location's bytes (the API page, "Getting a blob's bytes"). With an
// offset and a validator it asks for the rest only; the caller must look at
// Body.Offset, which is 0 when the server could not continue that very entity.
//
// ErrForbidden and ErrGone mean that the location no longer works: ask Renew for
// another one. ErrWithheld is a redirect to the placeholder, or a refusal that names minors.
func (c *Client) Open(ctx context.Context, loc Location, from Resume) (*Body, error) {
	op := c.op("open blob", string(loc.Blob))
	u, err := c.address(loc)
	if err != nil {
		return nil, c.invalid(op, fmt.Errorf("%w: no address", ErrInvalid))
	}
	o := &opening{c: c, loc: loc, op: op, from: from}
	if from.Offset <= 0 || !strongValidator(from.Validator) {
		o.from = Resume{Size: -1} // a part of an entity that may have changed is no use
	}
	if o.from.Size <= 0 {
		o.from.Size = -1
	}
	var body *Body
	err = c.retry(ctx, c.blob, op, func(try int) (err error) {
		body, err = o.once(ctx, ask{
			op: op, method: http.MethodGet, url: u, pace: c.blob, try: try,
			token: loc.Private && sameOrigin(u, c.base),
		})
		return err
	})
	if err != nil {
		return nil, err
	}
	return body, nil
}

// address is a location's, read anew only where Resolve has not.
func (c *Client) address(loc Location) (*url.URL, error) {
	switch {
	case loc.at != nil:
		return loc.at, nil
	case loc.URL == "":
		return nil, ErrInvalid
	}
	return c.parseSigned(loc.URL)
}

// opening is the work of one Open.
type opening struct {
	c    *Client
	loc  Location
	op   string
	from Resume
	to   int64 // where a part ends, 0 for the rest
}

// ranged tells that not the whole is asked for.
func (o *opening) ranged() bool { return o.from.Offset > 0 || o.to > 0 }

// once sends the request, and if the answer is not the part asked for, another one
// for the whole.
func (o *opening) once(ctx context.Context, a ask) (*Body, error) {
	resp, err := o.send(ctx, a)
	if err != nil {
		return nil, err
	}
	body, usable := o.accept(resp)
	if usable {
		return body, nil
	}
	resp.Body.Close()
	if o.from.Offset == 0 {
		return nil, &Error{Op: o.op, Status: resp.StatusCode, Kind: ErrUnavailable, Detail: "not the bytes asked for"}
	}
	o.from = Resume{Size: -1}
	return o.once(ctx, a)
}

// send follows redirects by hand, each target checked, and returns a 200, 206 or 416.
func (o *opening) send(ctx context.Context, a ask) (*http.Response, error) {
	a.header = http.Header{"Accept": {"*/*"}, "Accept-Encoding": {"identity"}}
	if o.ranged() {
		bytes := "bytes=" + strconv.FormatInt(o.from.Offset, 10) + "-"
		if o.to > 0 {
			bytes += strconv.FormatInt(o.to-1, 10)
		}
		a.header.Set("Range", bytes)
		a.header.Set("If-Range", o.from.Validator)
	}
	for hop := 0; ; hop++ {
		if placeOf(a.url) == blocked {
			return nil, o.c.resolution(Blob{ID: o.loc.Blob}).withheld()
		}
		if err := o.c.unsafe(ctx, a); err != nil {
			return nil, err
		}
		resp, err := o.c.do(ctx, a)
		if err != nil {
			return nil, err
		}
		location := resp.Header.Get("Location")
		switch {
		case isRedirect(resp.StatusCode) && location != "":
			o.c.drain(resp)
			next, err := nextHop(a.url, location, hop)
			if err != nil {
				return nil, o.c.trouble(ctx, a.op, err)
			}
			a.url, a.token = next, false
		case resp.StatusCode == http.StatusRequestedRangeNotSatisfiable && o.ranged():
			return resp, nil
		case resp.StatusCode != http.StatusOK && resp.StatusCode != http.StatusPartialContent:
			return nil, o.refusal(resp, a)
		case isHTML(resp.Header) && !namedHTML(string(o.loc.Blob)):
			return nil, o.c.htmlPage(a.op, resp)
		default:
			return resp, nil
		}
	}
}

// refusal is the server's, but a 401 to a request without the token is not about the
// token: the address has expired. One for showing minors is final.
func (o *opening) refusal(resp *http.Response, a ask) error {
	e := o.c.refusal(o.op, resp)
	if minors(e) {
		e.Kind = ErrWithheld
	}
	if errors.Is(e, ErrUnauthorized) && !a.token {
		e.Kind = ErrForbidden
	}
	return e
}

// accept makes a body of an answer, if it is one to the question.
func (o *opening) accept(resp *http.Response) (*Body, bool) {
	b := &Body{Size: -1, Validator: validatorOf(resp.Header), Parts: givesParts(resp)}
	b.MediaType, _, _ = mime.ParseMediaType(resp.Header.Get("Content-Type"))
	coding := strings.ToLower(strings.TrimSpace(resp.Header.Get("Content-Encoding")))
	zipped := coding == "gzip" || coding == "x-gzip"
	if !zipped && coding != "" && coding != "identity" {
		return nil, false
	}
	span, ranged := contentRange(resp.Header.Get("Content-Range"))
	switch resp.StatusCode {
	case http.StatusOK:
		if !zipped {
			b.Size = resp.ContentLength
		}
	case http.StatusPartialContent:
		if zipped || !ranged || !o.continues(span, b.Validator) {
			return nil, false
		}
		b.Offset = o.from.Offset
		b.Size = orElse(max(span.size, 0), max(o.from.Size, 0))
		if b.Size == 0 {
			b.Size = -1
		}
		b.Validator = orElse(b.Validator, o.from.Validator)
	default: // 416: what is there already can be all there is
		if !ranged || span.first >= 0 || span.size != o.from.Offset || o.from.Size > 0 && o.from.Size != span.size {
			return nil, false
		}
		b.Offset, b.Size, b.Validator, b.MediaType = span.size, span.size, o.from.Validator, ""
		resp.Body.Close()
		b.ReadCloser = http.NoBody
		return b, true
	}
	if zipped {
		b.Validator = "" // it is for the bytes as sent, not for these
	}
	end := b.Size
	if o.to > 0 {
		end = o.to
	}
	b.ReadCloser = newEntity(o, resp.Body, b.Offset, end, zipped)
	return b, true
}

// continues reports whether a part starts where the last one ended, in the same entity.
func (o *opening) continues(s span, validator string) bool {
	want := o.from
	return s.first == want.Offset && s.last >= s.first && (o.to == 0 || s.last < o.to) &&
		(s.size < 0 || s.last < s.size) &&
		(want.Size < 0 || s.last < want.Size) &&
		(want.Size < 0 || s.size < 0 || s.size == want.Size) &&
		(want.Validator == "" || validator == "" || isTag(validator) != isTag(want.Validator) || validator == want.Validator)
}

// span is a Content-Range; first is -1 in an unsatisfied one, size is -1 for "*".
type span struct{ first, last, size int64 }

func contentRange(header string) (span, bool) {
	unit, rest, _ := strings.Cut(strings.TrimSpace(header), " ")
	part, whole, ok := strings.Cut(strings.TrimSpace(rest), "/")
	if !ok || !strings.EqualFold(unit, "bytes") {
		return span{}, false
	}
	s := span{first: -1, last: -1, size: -1}
	number := func(text string, into *int64) bool {
		n, err := strconv.ParseUint(text, 10, 63)
		*into = int64(n)
		return err == nil
	}
	if whole != "*" && !number(whole, &s.size) {
		return span{}, false
	}
	if part == "*" {
		return s, s.size >= 0
	}
	first, last, _ := strings.Cut(part, "-")
	return s, number(first, &s.first) && number(last, &s.last)
}

// validatorOf is what If-Range may hold (RFC 9110, 13.1.5): a strong ETag, or a date
// that is surely older than the answer.
func validatorOf(h http.Header) string {
	if tag := h.Get("ETag"); isTag(tag) {
		return tag
	}
	modified := h.Get("Last-Modified")
	at, err := http.ParseTime(modified)
	sent, errSent := http.ParseTime(h.Get("Date"))
	if err != nil || errSent != nil || sent.Sub(at) < time.Second {
		return ""
	}
	return modified
}

func isTag(v string) bool {
	return len(v) > 2 && v[0] == '"' && v[len(v)-1] == '"'
}

// strongValidator is true for what validatorOf returns; a caller's record may be damaged.
func strongValidator(v string) bool {
	if strings.ContainsFunc(v, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return false
	}
	_, err := http.ParseTime(v)
	return isTag(v) || err == nil
}

// namedHTML is true for names of pages.
func namedHTML(name string) bool {
	if u, err := url.PathUnescape(name); err == nil {
		name = u
	}
	name = strings.ToLower(name)
	return strings.HasSuffix(name, ".html") || strings.HasSuffix(name, ".htm")
}
