package fetch

import (
	"context"
	"errors"
	"net/http"
	"net/url"
)

// target is where an address led.
type target struct {
	url     *url.URL
	blocked bool // to the placeholder
	private bool // the bytes are at the API itself and need the token
}

// probe asks an address where its bytes are, without reading them. A redirect's
// target is not asked: that is left to Open. The API's redirect status differs with
// its versions (301 and 308 have been seen), and its Location may be relative.
func (c *Client) probe(ctx context.Context, op string, u *url.URL, token bool) (target, error) {
	var at target
	err := c.retry(ctx, c.blob, op, func(try int) (err error) {
		at, err = c.probeOnce(ctx, ask{op: op, method: http.MethodGet, url: u, token: token, pace: c.blob, try: try})
		return err
	})
	return at, err
}

func (c *Client) probeOnce(ctx context.Context, a ask) (target, error) {
	for hop := 0; ; hop++ {
		switch where := placeOf(a.url); {
		case where == blocked:
			return target{url: a.url, blocked: true}, nil
		case hop > 0 && where != blobByID:
			return target{url: a.url}, c.unsafe(ctx, a)
		}
		if err := c.unsafe(ctx, a); err != nil {
			return target{}, err
		}
		a.header = http.Header{"Accept": {"*/*"}, "Accept-Encoding": {"identity"}}
		resp, err := c.do(ctx, a)
		if err != nil {
			return target{}, err
		}
		location := resp.Header.Get("Location")
		switch {
		case isRedirect(resp.StatusCode) && location != "":
			c.drain(resp)
			next, err := nextHop(a.url, location, hop)
			if err != nil {
				return target{}, c.trouble(ctx, a.op, err)
			}
			a.token = a.token && sameOrigin(next, c.base) && next.RawQuery == ""
			a.url = next
		case resp.StatusCode != http.StatusOK && resp.StatusCode != http.StatusPartialContent:
			return target{}, c.refusal(a.op, resp)
		case isHTML(resp.Header) && !a.wantsHTML():
			return target{}, c.htmlPage(a.op, resp)
		default:
			resp.Body.Close()
			if hop == 0 && !a.token {
				c.direct.learn(a.url)
			}
			return target{url: a.url, private: a.token}, nil
		}
	}
}

// unsafe checks an address before it is asked or handed out.
func (c *Client) unsafe(ctx context.Context, a ask) error {
	if err := c.reachable(a.url); err != nil {
		return c.trouble(ctx, a.op, err)
	}
	return nil
}

// wantsHTML is true where a page is the result itself and not an edge proxy's excuse.
func (a ask) wantsHTML() bool { return namedHTML(a.url.Path) }

func (c *Client) htmlPage(op string, resp *http.Response) *Error {
	e := c.refusal(op, resp)
	e.Kind = ErrUnavailable
	if e.Title == "" {
		e.Title, e.Detail = "an HTML page", ""
	}
	e.Err = errors.New("a page where a blob was due")
	return e
}
