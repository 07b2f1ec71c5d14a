package fetch

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"testing"
)

func TestEveryErrorRow(t *testing.T) {
	html := "<!doctype html><html><head><title>Just a\nmoment…</title></head><body>" + testToken + "</body></html>"
	for status, row := range map[int]struct {
		body  string
		kind  error
		tries int
		says  string
	}{
		400: {`{"title":"Bad","errors":{"take":["too many","really"],"x":"one"}}`, ErrInvalid, 1, "take: too many, really: x: one"},
		422: {`{"errors":["a","b"]}`, ErrInvalid, 1, "errors: a, b"},
		401: {`{"title":"Unauthorized","status":401,"detail":"token ` + testToken + ` expired"}`, ErrUnauthorized, 1, "token [redacted] expired"},
		403: {`tier too low`, ErrForbidden, 1, "tier too low"},
		404: {`"no such workflow"`, ErrGone, 1, "no such workflow"},
		410: {``, ErrGone, 1, "gone (410)"},
		409: {`{"detail":null,"message":"busy"}`, ErrConflict, 1, "busy"},
		418: {`[]`, ErrInvalid, 1, "invalid"},
		408: {``, ErrUnavailable, 5, "unavailable (408)"},
		500: {`{"title":"Oops","detail":"https://o.test/v2/consumer/blobs/a?sig=SECRETx"}`, ErrUnavailable, 5, "oops"},
		502: {html, ErrUnavailable, 5, "an html page: just a moment…"},
		304: {``, ErrUnavailable, 5, "unavailable (304)"},
	} {
		fakeTime(t, func(t *testing.T) {
			c, transport := client(t, answer(status, row.body))
			_, err := c.Workflow(background, "w1")
			var e *Error
			if !errors.As(err, &e) || e.Status != status {
				t.Fatalf("%d: %#v", status, err)
			}
			wantKind(t, err, row.kind)
			if transport.count() != row.tries {
				t.Errorf("%d: %d tries, want %d", status, transport.count(), row.tries)
			}
			text := err.Error()
			if !strings.Contains(strings.ToLower(text), row.says) || !strings.HasPrefix(text, "get workflow w1: ") || strings.ContainsAny(text, "\n\r\x1b") {
				t.Errorf("%d: %q does not say %q", status, text, row.says)
			}
			noSecret(t, "error", text+e.Title+e.Detail)
		})
	}
}

func TestErrorTextIsTame(t *testing.T) {
	c, _ := client(t, answer(400, `{"detail":"a\u001b[31m\u0007b\r\nc\u202e `+strings.Repeat("long ", 5000)+`"}`))
	_, err := c.Workflow(background, WorkflowID("w\n\x1b"+testToken))
	text := err.Error()
	if len(text) > maxMessage+10 || strings.ContainsAny(text, "\n\r\x1b\a\u202e") {
		t.Errorf("%q", text)
	}
	noSecret(t, "error", text)
}

func TestOutagesAreNotAnswers(t *testing.T) {
	for name, h := range map[string]http.HandlerFunc{
		"html":       func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "<html><title>Hi</title>") },
		"cut":        answer(200, `{"items":[{"id":"a"`),
		"nothing":    answer(200, ""),
		"no content": answer(204, ""),
		"no list":    answer(200, `{"error":"x"}`),
		"items text": answer(200, `{"items":"x","next":null}`),
		"a word":     answer(200, `"x"`),
		"null":       answer(200, `null`),
		"connection": func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("X-Test-Break", "1") },
	} {
		fakeTime(t, func(t *testing.T) {
			c, transport := client(t, h, func(cfg *Config) { cfg.Retries = 3 })
			for _, err := range c.Pages(background, Query{Cursor: "sig=SECRETSECRET"}) {
				wantKind(t, err, ErrUnavailable)
				noSecret(t, name, err.Error())
			}
			if transport.count() != 3 {
				t.Errorf("%s: %d tries", name, transport.count())
			}
		})
	}
}

func TestTroubleHidesAddressesAndKeepsCauses(t *testing.T) {
	c, _ := client(t, nil)
	raw := &url.Error{Op: "Get", URL: "https://o.test/x?sig=SECRETx", Err: syscall.ECONNREFUSED}
	err := c.trouble(background, "open blob b", raw)
	wantKind(t, err, ErrUnavailable)
	wantKind(t, err, syscall.ECONNREFUSED)
	noSecret(t, "error", err.Error())
	var inner *url.Error
	if errors.As(err, &inner) {
		t.Error("the address can be had from the chain")
	}

	ctx, cancel := context.WithCancelCause(background)
	cause := errors.New("the user said so")
	cancel(cause)
	err = c.trouble(ctx, "open blob b", raw)
	wantKind(t, err, context.Canceled)
	wantKind(t, err, cause)
	if errors.Is(err, ErrUnavailable) {
		t.Error("a cancelled call tells of an outage")
	}
}

func TestNewChecks(t *testing.T) {
	for _, base := range []string{"", "api.test", "ftp://api.test", "https://", "https://u:SECRETp@api.test", "https://api.test?x=SECRET",
		"https://api.test/#", "https://api.test/#x", "https://api.test?", "https:api.test", "https://api.test:x\n"} {
		if _, err := New(Config{BaseURL: base}); err == nil {
			t.Errorf("%q accepted", base)
		} else {
			noSecret(t, "error", err.Error())
		}
	}
	for _, token := range []string{"SECRET\n", "a SECRET", "SECRET\x7f", "SECRETé"} {
		if _, err := New(Config{BaseURL: "https://api.test", Token: token}); err == nil {
			t.Errorf("%q accepted", token)
		} else {
			noSecret(t, "error", err.Error())
		}
	}
	for base, want := range map[string]string{
		"https://api.test/": "https://api.test/v2/consumer/workflows/a%2Fb", "http://api.test:81/pre/fix//": "http://api.test:81/pre/fix/v2/consumer/workflows/a%2Fb",
		"https://api.test//evil.test": "https://api.test//evil.test/v2/consumer/workflows/a%2Fb",
	} {
		var got string
		c, _ := client(t, func(w http.ResponseWriter, r *http.Request) { got = r.URL.String(); io.WriteString(w, "{}") }, func(cfg *Config) { cfg.BaseURL = base })
		if w, err := c.Workflow(background, "a/b"); err != nil || w.ID != "a/b" || got != want {
			t.Errorf("%s: asked %s, %v", base, got, err)
		}
	}
	c, _ := client(t, nil)
	for _, id := range []WorkflowID{"", ".", ".."} {
		_, err := c.Workflow(background, id)
		wantKind(t, err, ErrInvalid)
	}
}
