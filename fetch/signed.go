package fetch

import (
	"fmt"
	"log/slog"
	"net/url"
)

// SignedURL is an address that works without a token, and is a secret for that
// reason. However it is printed, logged or marshalled, it shows scheme, host and path
// with tokens in the path shortened and the query dropped. string(u) reveals it.
type SignedURL string

// String returns the redacted form.
func (u SignedURL) String() string {
	if u == "" {
		return ""
	}
	parsed, err := url.Parse(string(u))
	if err != nil {
		return "[unreadable url]"
	}
	return redact(parsed)
}

// GoString returns the redacted form, quoted.
func (u SignedURL) GoString() string { return fmt.Sprintf("fetch.SignedURL(%q)", u.String()) }

// Format prints the redacted form for every verb; without it a verb that does not
// fit strings, such as %d, would print the address in full.
func (u SignedURL) Format(f fmt.State, verb rune) {
	text := u.String()
	switch {
	case verb == 'v' && f.Flag('#'):
		text = u.GoString()
	case verb == 'q':
		text = fmt.Sprintf("%q", text)
	}
	_, _ = f.Write([]byte(text))
}

// LogValue logs the redacted form.
func (u SignedURL) LogValue() slog.Value { return slog.StringValue(u.String()) }

// MarshalText writes the redacted form.
func (u SignedURL) MarshalText() ([]byte, error) { return []byte(u.String()), nil }

// redact is the form of an address that may be shown.
func redact(u *url.URL) string {
	shown := url.URL{Scheme: u.Scheme, Host: u.Host}
	if u.Opaque != "" {
		return shown.Scheme + ":[redacted]"
	}
	return shown.String() + shortenTokens(u.EscapedPath())
}
