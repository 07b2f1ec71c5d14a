package cli

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"

	"civitar/fetch"
)

// lookFlags are those of the commands that look things up.
type lookFlags struct {
	addressFlags
	Rate    float64 `default:"5" placeholder:"N" hidden:"" help:"API requests a second, 0 for no limit (default ${default})."`
	Retries int     `default:"5" placeholder:"N" hidden:"" help:"Tries of a request (default ${default})."`
}

// client makes the client that asks.
func (f *lookFlags) client(s *session) (*fetch.Client, access, error) {
	if !(f.Rate >= 0) { // NaN is neither
		return nil, access{}, usagef("--rate must not be negative; 0 means no limit")
	}
	if f.Retries < 1 || f.Retries > 100 {
		return nil, access{}, usagef("--retries must be from 1 to 100")
	}
	a, err := f.access(s.World)
	if err != nil {
		return nil, a, err
	}
	c, err := fetch.New(fetch.Config{
		BaseURL: a.url, Token: a.token, UserAgent: "civitar/" + version(), Rate: f.Rate,
		Retries: f.Retries, Logger: slog.New(notes{s.Stderr}),
	})
	return c, a, err
}

// ask gives a command that looks something up its client, and a context that the first
// signal ends.
func (f *lookFlags) ask(s *session, look func(context.Context, *fetch.Client) error) error {
	c, _, err := f.client(s)
	if err != nil {
		return err
	}
	defer c.Close()
	ctx, cancel := s.drainable()
	defer cancel()
	return look(ctx, c)
}

// notes logs the few things that a person who looks something up is to know of, such as
// that the server asks for a pause.
type notes struct{ w io.Writer }

func (n notes) Enabled(_ context.Context, level slog.Level) bool { return level >= slog.LevelInfo }

func (n notes) Handle(_ context.Context, r slog.Record) error {
	var more []string
	r.Attrs(func(a slog.Attr) bool {
		more = append(more, a.Key+" "+a.Value.String())
		return true
	})
	text := r.Message
	if len(more) > 0 {
		text += " (" + strings.Join(more, ", ") + ")"
	}
	_, err := fmt.Fprintf(n.w, "civitar: %s\n", oneLine(text))
	return err
}

func (n notes) WithAttrs([]slog.Attr) slog.Handler { return n }
func (n notes) WithGroup(string) slog.Handler      { return n }
