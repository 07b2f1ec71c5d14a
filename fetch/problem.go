package fetch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"time"
)

const (
	maxProblem = 64 << 10 // bytes read of an error's body
	maxWords   = 400      // bytes kept of one text in it
	maxFields  = 20
)

var htmlTitle = regexp.MustCompile(`(?is)<title[^>]*>(.*?)</title`)

// refusal makes an error of an answer that is not a success: RFC 7807 problem
// details, plain text, or an HTML page of the edge proxy (the API page, "Base, auth,
// errors"). It reads and closes the body.
func (c *Client) refusal(op string, resp *http.Response) *Error {
	e := &Error{
		Op:         op,
		Status:     resp.StatusCode,
		Kind:       kindOf(resp.StatusCode),
		RetryAfter: retryAfter(resp.Header.Get("Retry-After"), time.Now()),
	}
	defer resp.Body.Close()
	slow := time.AfterFunc(c.stall, func() { resp.Body.Close() })
	defer slow.Stop()
	// A body that cannot be read takes nothing from what the status says.
	body, _ := io.ReadAll(io.LimitReader(resp.Body, maxProblem))
	c.readWords(e, body)
	return e
}

func (c *Client) readWords(e *Error, body []byte) {
	text := strings.TrimSpace(string(body))
	if strings.HasPrefix(text, "<") {
		e.Title, e.Page = "an HTML page", true
		if m := htmlTitle.FindStringSubmatch(text); m != nil {
			e.Detail = c.scrubber.words(html.UnescapeString(m[1]), maxWords)
		}
		return
	}
	var problem map[string]json.RawMessage
	if json.Unmarshal(body, &problem) != nil {
		var plain string
		if json.Unmarshal(body, &plain) == nil {
			text = plain
		}
		e.Detail = c.scrubber.words(text, maxWords)
		return
	}
	word := func(key string) string {
		var s string
		_ = json.Unmarshal(problem[key], &s) // another type counts as absent
		return c.scrubber.words(s, maxWords)
	}
	e.Title = word("title")
	for _, key := range []string{"detail", "message", "error", "reason"} {
		if e.Detail == "" {
			e.Detail = word(key)
		}
	}
	if reason := word("blockedReason"); reason != "" {
		e.Detail = strings.TrimPrefix(e.Detail+": "+reason, ": ")
	}
	e.Fields = c.fieldWords(problem["errors"])
}

// fieldWords reads the errors map of a 400 or 422. Its values are lists of messages,
// but a single message, or a list without parameters, tells as much.
func (c *Client) fieldWords(raw json.RawMessage) map[string][]string {
	var byName map[string]json.RawMessage
	if json.Unmarshal(raw, &byName) != nil {
		byName = map[string]json.RawMessage{"errors": raw}
	}
	fields := make(map[string][]string)
	for name, value := range byName {
		var list []any
		if json.Unmarshal(value, &list) != nil {
			list = []any{string(value)}
			var one string
			if json.Unmarshal(value, &one) == nil {
				list[0] = one
			}
		}
		var words []string
		for _, item := range list[:min(len(list), maxFields)] {
			if text := c.scrubber.words(fmt.Sprint(item), maxWords); text != "" {
				words = append(words, text)
			}
		}
		if len(words) > 0 && len(fields) < maxFields {
			fields[c.scrubber.words(name, maxWords)] = words
		}
	}
	if len(fields) == 0 {
		return nil
	}
	return fields
}

// trouble makes an error of a call that got no answer, or only a part of one.
func (c *Client) trouble(ctx context.Context, op string, err error) *Error {
	e := &Error{Op: op}
	var known *Error
	switch {
	case errors.As(err, &known):
		return known
	case ctx.Err() != nil:
		e.Err = contextError(ctx)
		return e
	case errors.Is(err, ErrUnsafeURL):
		e.Kind = ErrUnsafeURL
	case errors.Is(err, ErrTooLarge):
		e.Kind = ErrTooLarge
	default:
		e.Kind = ErrUnavailable
	}
	e.Err = c.mute(err)
	return e
}

// contextError keeps both what happened and why.
func contextError(ctx context.Context) error {
	err, cause := ctx.Err(), context.Cause(ctx)
	if cause == nil || errors.Is(cause, err) {
		return err
	}
	return fmt.Errorf("%w: %w", err, cause)
}

// muted is an error whose text was scrubbed. The original stays behind: its chain
// could tell what its text no longer does, as *url.Error tells the whole address.
type muted struct {
	text string
	is   []error
}

func (m *muted) Error() string   { return m.text }
func (m *muted) Unwrap() []error { return m.is }

// mute keeps of an error its text without secrets, and the plain causes callers ask for.
func (c *Client) mute(err error) error {
	m := &muted{}
	for _, plain := range []error{io.ErrUnexpectedEOF, context.DeadlineExceeded, context.Canceled, errStalled} {
		if errors.Is(err, plain) {
			m.is = append(m.is, plain)
		}
	}
	var number syscall.Errno
	if errors.As(err, &number) {
		m.is = append(m.is, number)
	}
	var withURL *url.Error
	for errors.As(err, &withURL) {
		err = withURL.Err
	}
	m.text = c.scrubber.words(err.Error(), maxWords)
	if len(m.is) == 1 && slices.Contains(m.is, err) {
		return err
	}
	return m
}
