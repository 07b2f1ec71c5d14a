package fetch

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"time"
)

// ask is one HTTP request.
type ask struct {
	op     string
	method string
	url    *url.URL
	token  bool // send the token, which only the API's own origin gets
	header http.Header
	pace   *pacer
	try    int
	apart  bool // over a connection that others do not share

	// answered, when set, sees each answer's header and how long it took to come.
	answered func(*http.Response, time.Duration)
}

// do sends one request and returns whatever the server answered; a 429 and failures
// are told to the pacer on the way. The body fails when it makes no progress for the
// stall time, and its Close releases all that the request holds.
//
// The transport is used directly: http.Client would follow redirects, copy headers
// along and put whole addresses into its errors.
func (c *Client) do(ctx context.Context, a ask) (*http.Response, error) {
	if a.token && !sameOrigin(a.url, c.base) {
		return nil, c.trouble(ctx, a.op, fmt.Errorf("%w: not the API's origin", ErrUnsafeURL))
	}
	gen, err := a.pace.wait(ctx)
	if err != nil {
		return nil, c.trouble(ctx, a.op, err)
	}
	header := make(http.Header, len(a.header)+2)
	maps.Copy(header, a.header)
	header.Set("User-Agent", c.agent)
	if a.token && c.token != "" {
		header.Set("Authorization", "Bearer "+c.token)
	}
	callCtx, cancel := context.WithCancelCause(ctx)
	req := (&http.Request{Method: a.method, URL: a.url, Host: a.url.Host, Header: header, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1}).WithContext(callCtx)
	start := time.Now()
	transport := c.transport
	if a.apart {
		transport = c.apart
	}
	resp, err := transport.RoundTrip(req)
	took := time.Since(start)
	if err == nil && resp == nil {
		err = errors.New("no answer")
	}
	if err != nil {
		cancel(nil)
		failure := c.trouble(ctx, a.op, err)
		if ctx.Err() == nil && !errors.Is(err, ErrUnsafeURL) {
			a.pace.failed(gen, 0)
		}
		c.tell(ctx, a, slog.String("error", failure.Error()), took)
		return nil, failure
	}
	c.feedback(a.pace, gen, resp)
	if a.answered != nil {
		a.answered(resp, took)
	}
	c.tell(ctx, a, slog.Int("status", resp.StatusCode), took)
	if resp.Body == nil {
		resp.Body = http.NoBody
	}
	resp.Body = newStream(ctx, c, a.op, resp.Body, cancel)
	return resp, nil
}

func (c *Client) feedback(p *pacer, gen uint64, resp *http.Response) {
	wait := retryAfter(resp.Header.Get("Retry-After"), time.Now())
	switch {
	case resp.StatusCode == http.StatusTooManyRequests:
		p.throttled(gen, wait)
	case resp.StatusCode >= 500:
		p.failed(gen, wait)
	default:
		p.ok(gen)
	}
}

func (c *Client) tell(ctx context.Context, a ask, outcome slog.Attr, took time.Duration) {
	if !c.log.Enabled(ctx, slog.LevelDebug) { // scrubbing costs
		return
	}
	c.log.LogAttrs(ctx, slog.LevelDebug, "request", slog.String("method", a.method),
		slog.String("url", c.Scrub(redact(a.url))), outcome, slog.Int("try", a.try), slog.Duration("took", took))
}

// json asks the API and hands a valid JSON text to read, which is part of the try: an
// answer of the wrong shape is asked for again. Redirects within the API's origin are
// followed for GET; the token makes following others unthinkable.
func (c *Client) json(ctx context.Context, op, method string, u *url.URL, read func([]byte) error) error {
	return c.retry(ctx, c.api, op, func(try int) error {
		answer, err := c.jsonOnce(ctx, ask{
			op: op, method: method, url: u, token: true, pace: c.api, try: try,
			header: http.Header{"Accept": {"application/json"}},
		})
		if err != nil {
			return err
		}
		return read(answer)
	})
}

func (c *Client) jsonOnce(ctx context.Context, a ask) ([]byte, error) {
	for hop := 0; ; hop++ {
		resp, err := c.do(ctx, a)
		if err != nil {
			return nil, err
		}
		if location := resp.Header.Get("Location"); isRedirect(resp.StatusCode) && location != "" && a.method == http.MethodGet {
			c.drain(resp)
			next, err := nextHop(a.url, location, hop)
			if err == nil && !sameOrigin(next, c.base) {
				err = fmt.Errorf("%w: the API redirects to another origin", ErrUnsafeURL)
			}
			if err != nil {
				return nil, c.trouble(ctx, a.op, err)
			}
			a.url = next
			continue
		}
		if resp.StatusCode < 200 || resp.StatusCode > 299 {
			return nil, c.refusal(a.op, resp)
		}
		return c.readJSON(ctx, a.op, resp)
	}
}

// readJSON reads an answer whole, within bounds. One that is cut short, or no JSON,
// is an outage and not an empty answer.
func (c *Client) readJSON(ctx context.Context, op string, resp *http.Response) ([]byte, error) {
	defer resp.Body.Close()
	if resp.ContentLength > c.maxAnswer {
		return nil, c.tooLarge(op)
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, c.maxAnswer+1))
	if err != nil {
		return nil, c.trouble(ctx, op, err)
	}
	if int64(len(body)) > c.maxAnswer {
		return nil, c.tooLarge(op)
	}
	body = bytes.TrimSpace(bytes.TrimPrefix(body, []byte("\xef\xbb\xbf")))
	if validJSON(body) {
		return body, nil
	}
	e := &Error{Op: op, Status: resp.StatusCode, Kind: ErrUnavailable}
	switch {
	case len(body) == 0:
		e.Err = io.ErrUnexpectedEOF
	case body[0] == '<' || isHTML(resp.Header):
		c.readWords(e, body[:min(len(body), maxProblem)])
	default:
		e.Detail = "the answer is not valid JSON, or was cut short"
	}
	return nil, e
}

func (c *Client) tooLarge(op string) *Error {
	return &Error{Op: op, Kind: ErrTooLarge, Detail: fmt.Sprintf("more than %d MiB", c.maxAnswer>>20)}
}

func isHTML(h http.Header) bool {
	kind, _, _ := mime.ParseMediaType(h.Get("Content-Type"))
	return kind == "text/html" || kind == "application/xhtml+xml"
}
