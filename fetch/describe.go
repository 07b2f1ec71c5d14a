package fetch

import (
	"context"
	"errors"
	"net/url"
)

// Description is what the server says of a blob that is asked for by its id alone.
type Description struct {
	ID       BlobID
	Withheld string   // why the server does not hand it out; "" when it does
	Level    Level    // "na" when the server knows none
	Location Location // of the bytes; empty when withheld
}

// Describe asks what may be known of a blob without fetching it or changing anything. The
// API tells a blob's level only within its workflow, but refuses blobs above a level named
// (the API page, "Getting a blob's bytes"), so the level is found by asking with several.
//
// ErrGone: there is no such blob. ErrForbidden: it is not this token's to ask for.
func (c *Client) Describe(ctx context.Context, id BlobID) (*Description, error) {
	d := &Description{ID: id}
	at, err := c.within(ctx, id, "")
	if err != nil {
		return nil, err
	}
	if at.blocked {
		d.Withheld = "the server answers with a placeholder"
	} else {
		d.Location = Location{URL: SignedURL(at.url.String()), Blob: id, Private: at.private}
	}
	// Halving takes two or three requests of five.
	levels := []Level{"pg", "pg13", "r", "x", "xxx", "na"}
	low, high := 0, len(levels)-1
	for low < high {
		middle := (low + high) / 2
		_, err := c.within(ctx, id, levels[middle])
		switch {
		case err == nil:
			high = middle
		case errors.Is(err, ErrForbidden) || errors.Is(err, ErrInvalid):
			low = middle + 1
		default:
			return nil, err
		}
	}
	d.Level = levels[low]
	return d, nil
}

// within asks where a blob is, if its level is at most the one named.
func (c *Client) within(ctx context.Context, id BlobID, most Level) (target, error) {
	op := c.op("look up blob", string(id))
	u, err := c.byID("/v2/consumer/blobs/", string(id), "")
	if err != nil {
		return target{}, c.invalid(op, err)
	}
	if most != "" {
		u.RawQuery = url.Values{"nsfwLevel": {string(most)}}.Encode()
	}
	return c.probe(ctx, op, u, true)
}
