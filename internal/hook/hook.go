// Package hook tells others how a run went: a command, or a URL.
package hook

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os/exec"
	"strings"
	"time"

	"github.com/cenkalti/backoff/v5"
)

const (
	tries = 3
	// patience is how long one try at a URL may take.
	patience = 10 * time.Second
	// told is how much of what a failed command said is told, in bytes.
	told = 300
)

// IsURL tells a hook that is a URL from one that is a command.
func IsURL(hook string) bool {
	return strings.HasPrefix(hook, "http://") || strings.HasPrefix(hook, "https://")
}

// Name is a hook as it may be shown: a URL's path and query can be secrets.
func Name(hook string) string {
	if !IsURL(hook) {
		word, _, _ := strings.Cut(strings.TrimSpace(hook), " ")
		return word
	}
	u, err := url.Parse(hook)
	if err != nil {
		return "a URL that cannot be read"
	}
	return u.Scheme + "://" + u.Host
}

// Call runs a command with body as its stdin and env as its environment, or posts body to a
// URL. Its error is one sentence, without the secrets of a URL.
func Call(ctx context.Context, hook string, env []string, body []byte, media string) error {
	var err error
	if IsURL(hook) {
		err = post(ctx, hook, body, media)
	} else {
		err = command(ctx, hook, env, body)
	}
	if err != nil {
		return fmt.Errorf("the hook %s failed: %w", Name(hook), err)
	}
	return nil
}

func command(ctx context.Context, line string, env []string, body []byte) error {
	name, args := shell(line)
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env, cmd.Stdin = env, bytes.NewReader(body)
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = io.Discard, &limited{&said, told}
	alone(cmd)
	cmd.WaitDelay = time.Second // a child that it left behind may hold its pipes
	err := cmd.Run()
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return errors.New("it took longer than --hook-timeout and was ended")
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, exec.ErrWaitDelay):
		return nil
	case err != nil && said.Len() > 0:
		return fmt.Errorf("%w (%s)", err, strings.TrimSpace(said.String()))
	}
	return err
}

// limited takes everything and keeps the beginning.
type limited struct {
	w    *bytes.Buffer
	most int
}

func (l *limited) Write(p []byte) (int, error) {
	if left := l.most - l.w.Len(); left > 0 {
		l.w.Write(p[:min(left, len(p))])
	}
	return len(p), nil
}

// post sends body, and again where the fault can pass.
func post(ctx context.Context, to string, body []byte, media string) error {
	client := &http.Client{Timeout: patience}
	defer client.CloseIdleConnections()
	_, err := backoff.Retry(ctx, func() (struct{}, error) {
		request, err := http.NewRequestWithContext(ctx, http.MethodPost, to, bytes.NewReader(body))
		if err != nil {
			return struct{}{}, backoff.Permanent(errors.New("its URL cannot be read"))
		}
		request.Header.Set("Content-Type", media)
		request.Header.Set("User-Agent", "civitar")
		answer, err := client.Do(request)
		if err != nil {
			var bare *url.Error
			if errors.As(err, &bare) { // it would quote the URL
				err = bare.Err
			}
			return struct{}{}, err
		}
		defer answer.Body.Close()
		_, _ = io.Copy(io.Discard, io.LimitReader(answer.Body, 64<<10)) // the connection can be used again then
		switch {
		case answer.StatusCode < 300:
			return struct{}{}, nil
		case answer.StatusCode >= 500 || answer.StatusCode == http.StatusTooManyRequests || answer.StatusCode == http.StatusRequestTimeout:
			return struct{}{}, fmt.Errorf("it answered %s", answer.Status)
		}
		return struct{}{}, backoff.Permanent(fmt.Errorf("it answered %s", answer.Status))
	}, backoff.WithMaxTries(tries))
	return err
}
