package cli

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"

	"github.com/lmittmann/tint"
	"golang.org/x/term"
)

// outputFlags say how much is shown, and in which form.
type outputFlags struct {
	JSON      bool   `name:"json" help:"Write one JSON object a line to stdout."`
	Quiet     bool   `short:"q" help:"Show errors only."`
	LogLevel  string `enum:"auto,debug,info,warn,error" default:"auto" help:"Least log level: debug, info, warn, error (default warn, piped info)."`
	LogFormat string `enum:"text,json" default:"text" help:"Log lines as text or json."`
}

// screen is stderr: log lines and, on a terminal, a progress bar below them.
type screen struct {
	w        io.Writer
	terminal bool
	width    func() int

	mu  sync.Mutex
	bar []byte // what stands on the last line
}

func newScreen(w io.Writer) *screen {
	s := &screen{w: w, width: func() int { return 80 }}
	if f, ok := w.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		s.terminal = true
		s.width = func() int {
			if width, _, err := term.GetSize(int(f.Fd())); err == nil && width > 0 {
				return width
			}
			return 80
		}
	}
	return s
}

const eraseLine = "\r\x1b[K"

// Write writes whole lines above the bar.
func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.bar) == 0 {
		return s.w.Write(p)
	}
	if _, err := s.w.Write(bytes.Join([][]byte{[]byte(eraseLine), p, s.bar}, nil)); err != nil {
		return 0, err
	}
	return len(p), nil
}

// barWriter is where the progress bar draws itself.
type barWriter struct{ *screen }

func (b barWriter) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if trimmed := bytes.Trim(p, "\r "); len(trimmed) > 0 {
		b.bar = bytes.Clone(bytes.TrimLeft(p, "\r"))
	}
	return b.w.Write(p)
}

// stand shows a line where the bar would be.
func (s *screen) stand(line string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.bar = []byte(line[:min(len(line), max(s.width()-1, 0))])
	fmt.Fprintf(s.w, "%s%s", eraseLine, s.bar)
}

// clear takes the bar off the screen.
func (s *screen) clear() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.bar) > 0 {
		fmt.Fprint(s.w, eraseLine)
		s.bar = nil
	}
}

// logger logs to the screen as the flags say.
func (f *outputFlags) logger(w World, s *screen) *slog.Logger {
	level := slog.LevelInfo
	switch {
	case f.Quiet:
		level = slog.LevelError
	case f.LogLevel == "auto" && s.terminal:
		level = slog.LevelWarn
	case f.LogLevel != "auto":
		_ = level.UnmarshalText([]byte(f.LogLevel)) // kong has checked it
	}
	if f.LogFormat == "json" {
		return slog.New(slog.NewJSONHandler(s, &slog.HandlerOptions{Level: level}))
	}
	if s.terminal {
		return slog.New(printable{tint.NewTextHandler(s, &tint.Options{Level: level, NoColor: w.env("NO_COLOR") != "", TimeFormat: "15:04:05"})})
	}
	return slog.New(slog.NewTextHandler(s, &slog.HandlerOptions{Level: level}))
}

// printable keeps control characters that the server sent off the terminal; tint escapes
// only part of them.
type printable struct{ slog.Handler }

func (p printable) Handle(ctx context.Context, rec slog.Record) error {
	clean := slog.NewRecord(rec.Time, rec.Level, oneLine(rec.Message), rec.PC)
	rec.Attrs(func(a slog.Attr) bool {
		clean.AddAttrs(cleanAttr(a))
		return true
	})
	return p.Handler.Handle(ctx, clean)
}

func (p printable) WithAttrs(attrs []slog.Attr) slog.Handler {
	for i := range attrs {
		attrs[i] = cleanAttr(attrs[i])
	}
	return printable{p.Handler.WithAttrs(attrs)}
}

func (p printable) WithGroup(name string) slog.Handler { return printable{p.Handler.WithGroup(name)} }

func cleanAttr(a slog.Attr) slog.Attr {
	v := a.Value.Resolve()
	switch v.Kind() {
	case slog.KindString, slog.KindAny:
		return slog.String(a.Key, oneLine(v.String()))
	}
	return slog.Attr{Key: a.Key, Value: v}
}
