package fetch

import (
	"context"
	"net/http"
	"net/url"
	"time"
)

// Greeting is who answered a check, and how fast.
type Greeting struct {
	Status  int           // HTTP status, 0 when nobody answered
	Server  string        // what the answer's Server header says, scrubbed
	Proto   string        // HTTP/1.1, HTTP/2.0
	Latency time.Duration // from the request to the answer's header
}

// Check sends one small request, once, to see whether the address is an orchestrator's and
// the token is good. The greeting tells what there was of an answer, also with an error.
func (c *Client) Check(ctx context.Context) (Greeting, error) {
	const op = "check the API"
	var g Greeting
	u, err := c.endpoint("/v2/consumer/workflows", url.Values{"take": {"1"}})
	if err != nil {
		return g, c.invalid(op, err)
	}
	raw, err := c.jsonOnce(ctx, ask{
		op: op, method: http.MethodGet, url: u, token: true, pace: c.api, try: 1,
		header: http.Header{"Accept": {"application/json"}},
		answered: func(resp *http.Response, took time.Duration) {
			g = Greeting{
				Status: resp.StatusCode, Proto: resp.Proto, Latency: took,
				Server: c.scrubber.words(resp.Header.Get("Server"), maxWords),
			}
		},
	})
	if err != nil {
		return g, err
	}
	_, err = c.decodePage(ctx, op, raw)
	return g, err
}
