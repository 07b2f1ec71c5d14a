package fetch

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// DefaultBaseURL is the documented address of the orchestrator (the API page, "Base,
// auth, errors").
const DefaultBaseURL = "https://orchestration.civitai.com"

const (
	defaultRetries = 5
	defaultStall   = 30 * time.Second
	maxAnswer      = 256 << 20 // bytes of one JSON answer, decoded
)

// Config is what a client needs to know. It prints without its token.
type Config struct {
	BaseURL   string // http(s), absolute; a path prefix is allowed
	Token     string // secret; "" asks without one
	UserAgent string

	HideMature bool // listings, workflows and steps come with mature blobs as not available

	Rate     float64 // API requests a second, 0 unlimited
	BlobRate float64 // blob requests a second, 0 unlimited

	Retries int           // tries of one call, default 5
	Stall   time.Duration // how long a body may be silent, default 30 s

	Logger *slog.Logger // nil discards; debug lines tell every request

	// Transport replaces the client's own. The client's own also refuses to connect to
	// private addresses by what their names resolve to; with a foreign one, only
	// addresses that are private as written are refused.
	Transport http.RoundTripper
}

// String tells the configuration without its token.
func (c Config) String() string {
	token := "none"
	if c.Token != "" {
		token = "[redacted]"
	}
	return fmt.Sprintf("{BaseURL:%s Token:%s Rate:%g BlobRate:%g Retries:%d Stall:%s}",
		SignedURL(c.BaseURL), token, c.Rate, c.BlobRate, c.Retries, c.Stall)
}

// GoString is String.
func (c Config) GoString() string { return "fetch.Config" + c.String() }

// LogValue logs what String tells.
func (c Config) LogValue() slog.Value { return slog.StringValue(c.String()) }

// Client asks one orchestrator for one user. It is safe for concurrent use.
type Client struct {
	base       *url.URL // no trailing slash
	token      string
	agent      string
	hideMature bool
	retries    int
	stall      time.Duration
	maxAnswer  int64
	log        *slog.Logger
	transport  http.RoundTripper
	apart      http.RoundTripper // the same, where requests must not share a connection
	guard      *addressGuard
	scrubber   *scrubber
	api, blob  *pacer
	direct     *origins // blob hosts that serve bytes without a redirect
}

// New checks the configuration and makes a client. It sends nothing. The errors name
// what is wrong and never echo the token.
func New(cfg Config) (*Client, error) {
	base, err := parseBase(cfg.BaseURL)
	if err != nil {
		return nil, err
	}
	if strings.ContainsFunc(cfg.Token, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return nil, errors.New("the API token holds white space, control characters or other characters no token has")
	}
	if !(cfg.Rate >= 0) || !(cfg.BlobRate >= 0) {
		return nil, errors.New("rates must not be negative")
	}
	if cfg.Retries < 0 || cfg.Stall < 0 {
		return nil, errors.New("retries and stall time must not be negative")
	}
	c := &Client{
		base:       base,
		token:      cfg.Token,
		agent:      cfg.UserAgent,
		hideMature: cfg.HideMature,
		retries:    cfg.Retries,
		stall:      cfg.Stall,
		maxAnswer:  maxAnswer,
		log:        cfg.Logger,
		transport:  cfg.Transport,
		apart:      cfg.Transport,
		guard:      newAddressGuard(base),
		scrubber:   newScrubber(cfg.Token),
		api:        newPacer(cfg.Rate),
		blob:       newPacer(cfg.BlobRate),
		direct:     &origins{},
	}
	if c.agent == "" {
		c.agent = "civitar"
	}
	if strings.ContainsFunc(c.agent, func(r rune) bool { return r < ' ' || r > '~' }) {
		return nil, errors.New("the user agent holds characters no header may have")
	}
	if c.retries == 0 {
		c.retries = defaultRetries
	}
	if c.stall == 0 {
		c.stall = defaultStall
	}
	if c.log == nil {
		c.log = slog.New(slog.DiscardHandler)
	}
	if c.transport == nil {
		c.transport, c.apart = newTransport(c.guard), newApart(c.guard)
	}
	return c, nil
}

// parseBase checks the API's address. Userinfo and query are not echoed: they could
// hold a secret typed into the wrong place.
func parseBase(raw string) (*url.URL, error) {
	u, err := url.Parse(raw)
	switch {
	case err != nil:
		return nil, errors.New("the API address is not a URL")
	case u.Scheme != "http" && u.Scheme != "https", u.Hostname() == "", u.Opaque != "":
		return nil, errors.New("the API address must begin with http:// or https:// and name a host")
	case u.User != nil:
		return nil, errors.New("the API address must not hold a user name or password")
	case u.RawQuery != "", u.ForceQuery, u.Fragment != "", strings.HasSuffix(raw, "#"):
		return nil, errors.New("the API address must not hold a query or fragment")
	}
	u.Path = strings.TrimRight(u.Path, "/")
	u.RawPath = strings.TrimRight(u.RawPath, "/")
	return u, nil
}

// Close releases idle connections. Requests in flight are their contexts' business.
func (c *Client) Close() {
	for _, transport := range []http.RoundTripper{c.transport, c.apart} {
		if t, ok := transport.(interface{ CloseIdleConnections() }); ok {
			t.CloseIdleConnections()
		}
	}
}

// Pace tells the present limits.
func (c *Client) Pace() Pace {
	api, slowAPI := c.api.current()
	blob, slowBlob := c.blob.current()
	return Pace{API: api, Blob: blob, Throttled: slowAPI || slowBlob, Limited: c.api.told() + c.blob.told()}
}

// Scrub takes the token and every signed query out of a text, so that it can be
// shown or written down. Scrubbing twice changes nothing.
func (c *Client) Scrub(text string) string { return c.scrubber.scrub(text) }

// String tells whom the client asks, without the token.
func (c *Client) String() string { return "client of " + redact(c.base) }

// GoString is String: the default would print the token.
func (c *Client) GoString() string { return c.String() }

// op is how errors name a call: what was asked, and of what.
func (c *Client) op(verb, id string) string { return c.scrubber.words(verb+" "+id, maxWords) }

// endpoint is the address of an API call: escaped path elements below the base.
func (c *Client) endpoint(escapedPath string, query url.Values) (*url.URL, error) {
	u, err := url.Parse(c.base.String() + escapedPath)
	if err != nil {
		return nil, fmt.Errorf("%w: %s", ErrInvalid, oneLine(c.Scrub(escapedPath)))
	}
	u.RawQuery = query.Encode()
	return u, nil
}

var _ io.Closer = (*Body)(nil)
