package fetch

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path"
	"strings"
	"time"
)

const maxHops = 10

func isRedirect(status int) bool {
	switch status {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther,
		http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		return true
	}
	return false
}

// drain reads a redirect's few words, without which HTTP/1 gives up the connection.
// It waits for them no longer than a body may be silent.
func (c *Client) drain(resp *http.Response) {
	slow := time.AfterFunc(c.stall, func() { resp.Body.Close() })
	defer slow.Stop()
	_, _ = io.CopyN(io.Discard, resp.Body, 2<<10)
	resp.Body.Close()
}

// nextHop is where a redirect leads, or why it is not followed. The errors do not
// quote the address: it may be signed.
func nextHop(from *url.URL, location string, hop int) (*url.URL, error) {
	if hop >= maxHops {
		return nil, fmt.Errorf("%w: more than %d redirects", ErrUnsafeURL, maxHops)
	}
	next, err := from.Parse(location)
	if err != nil {
		return nil, fmt.Errorf("%w: a redirect to what is no URL", ErrUnsafeURL)
	}
	next.Fragment, next.RawFragment = "", ""
	if err := plainURL(next); err != nil {
		return nil, err
	}
	if from.Scheme == "https" && next.Scheme != "https" {
		return nil, fmt.Errorf("%w: a redirect from https to http", ErrUnsafeURL)
	}
	return next, nil
}

func plainURL(u *url.URL) error {
	switch {
	case u.Scheme != "http" && u.Scheme != "https":
		return fmt.Errorf("%w: neither http nor https", ErrUnsafeURL)
	case u.User != nil:
		return fmt.Errorf("%w: it holds a user name", ErrUnsafeURL)
	case u.Hostname() == "" || u.Opaque != "":
		return fmt.Errorf("%w: it names no host", ErrUnsafeURL)
	}
	return nil
}

// reachable refuses addresses behind the user's own firewall, as far as they show in
// the URL; the dialer sees the rest.
func (c *Client) reachable(u *url.URL) error {
	if err := plainURL(u); err != nil {
		return err
	}
	if sameOrigin(u, c.base) {
		return nil
	}
	if privateHost(u.Hostname()) && !c.guard.open() || written(u.Hostname(), linkLocal) {
		return fmt.Errorf("%w: the host is at a private address", ErrUnsafeURL)
	}
	return nil
}

// parseSigned reads a blob's own address, which may be relative. The parser's errors quote what they could
// not read, so they go no further.
func (c *Client) parseSigned(u SignedURL) (*url.URL, error) {
	parsed, err := url.Parse(strings.TrimSpace(string(u)))
	if err != nil {
		return nil, errors.New("the blob's address is no URL")
	}
	if !parsed.IsAbs() || !tidy(parsed.Path) {
		parsed = c.base.ResolveReference(parsed)
	}
	parsed.Fragment, parsed.RawFragment = "", ""
	return parsed, nil
}

// place is the sort of address a blob's URL or a redirect names (the API page,
// "Getting a blob's bytes").
type place int

const (
	elsewhere place = iota // a host of bytes, as far as one can tell
	blobByID               // answers with a redirect
	content                // the bytes
	blocked                // a placeholder, never to be taken for the result
	archive                // a zip or tar made on the fly
	streaming              // a log, served while it grows
)

// placeOf reads the path with every encoding undone, as a server may.
func placeOf(u *url.URL) place {
	p := u.Path
	if !tidy(p) {
		for range 5 {
			next, err := url.PathUnescape(p)
			if err != nil || next == p {
				break
			}
			p = next
		}
		p = path.Clean("/" + strings.ReplaceAll(p, `\`, "/"))
	}
	p = strings.ToLower(p)
	switch {
	case within(p, "/blobs/blocked"):
		return blocked
	case within(p, "/blobs/content"):
		return content
	case within(p, "/blobs/archive"):
		return archive
	case within(p, "/consumer/streaming-blobs"):
		return streaming
	case within(p, "/consumer/blobs"):
		return blobByID
	}
	return elsewhere
}

// tidy tells a path, as most are, in which nothing is encoded or to be cleaned.
func tidy(p string) bool {
	return strings.HasPrefix(p, "/") && !strings.ContainsAny(p, `%\`) && !strings.Contains(p, "//") && !strings.Contains(p, "/.")
}

// within tells whether a path is that of a folder or of something in it.
func within(p, folder string) bool {
	i := strings.Index(p, folder)
	for i >= 0 {
		rest := p[i+len(folder):]
		if rest == "" || rest[0] == '/' {
			return true
		}
		next := strings.Index(rest, folder)
		if next < 0 {
			return false
		}
		i += len(folder) + next
	}
	return false
}
