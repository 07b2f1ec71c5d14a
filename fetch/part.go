package fetch

import (
	"context"
	"fmt"
	"net/http"
	"strings"
)

// Part is a stretch of an entity that is known already.
type Part struct {
	From, To  int64  // in bytes; To is where it ends, and not itself a part of it
	Validator string // Body.Validator of the entity
	Size      int64  // Body.Size of the entity
}

// OpenPart asks for a part of the entity that Open has found at a location, once: whoever
// asks has another way to the bytes. It does so over a connection of HTTP/1, since all
// requests of HTTP/2 share one. [ErrNoPart] says that the server gives no such part, or has
// another entity by now.
func (c *Client) OpenPart(ctx context.Context, loc Location, p Part) (*Body, error) {
	op := c.op("open part of blob", string(loc.Blob))
	u, err := c.address(loc)
	if err != nil || p.From < 0 || p.To <= p.From || p.Size < p.To || !strongValidator(p.Validator) {
		return nil, c.invalid(op, fmt.Errorf("%w: no part", ErrInvalid))
	}
	o := &opening{c: c, loc: loc, op: op, from: Resume{Offset: p.From, Validator: p.Validator, Size: p.Size}, to: p.To}
	resp, err := o.send(ctx, ask{op: op, method: http.MethodGet, url: u, pace: c.blob, try: 1, token: loc.Private && sameOrigin(u, c.base), apart: true})
	if err != nil {
		return nil, err
	}
	if body, usable := o.accept(resp); usable && resp.StatusCode == http.StatusPartialContent {
		return body, nil
	}
	resp.Body.Close()
	return nil, &Error{Op: op, Status: resp.StatusCode, Kind: ErrNoPart}
}

// givesParts tells that the server is worth asking for a part of the entity.
func givesParts(resp *http.Response) bool {
	if resp.StatusCode == http.StatusPartialContent {
		return true
	}
	for unit := range strings.SplitSeq(strings.Join(resp.Header.Values("Accept-Ranges"), ","), ",") {
		if strings.EqualFold(strings.TrimSpace(unit), "bytes") {
			return true
		}
	}
	return false
}

// newApart is newTransport without HTTP/2.
func newApart(guard *addressGuard) transport {
	t := newTransport(guard)
	t.Protocols = new(http.Protocols)
	t.Protocols.SetHTTP1(true)
	return t
}
