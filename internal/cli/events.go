package cli

import (
	"encoding/json"
	"io"
	"sync"

	"civitar/manifest"
	"civitar/pipeline"
)

// events writes what --json promises (README, "Events"): one object a line, each with a
// field "event" that names its kind.
type events struct {
	mu  sync.Mutex
	enc *json.Encoder
	err error // the first failed write
}

func newEvents(w io.Writer) *events {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	return &events{enc: enc}
}

func (e *events) write(v any) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if err := e.enc.Encode(v); err != nil && e.err == nil {
		e.err = err
	}
}

// blob tells the end of a blob: the journal's line about it.
func (e *events) blob(ev pipeline.Event) {
	e.write(struct {
		Event string `json:"event"`
		Known bool   `json:"known,omitempty"`
		manifest.Blob
	}{"blob", ev.Known, ev.Blob})
}

func (e *events) progress(p pipeline.Progress) {
	e.write(struct {
		Event string `json:"event"`
		pipeline.Progress
	}{"progress", p})
}

func (e *events) summary(archive string, s pipeline.Summary, err error) {
	line := struct {
		Event   string `json:"event"`
		Archive string `json:"archive"`
		Error   string `json:"error,omitempty"`
		pipeline.Summary
	}{Event: "summary", Archive: archive, Summary: s}
	if err != nil {
		line.Error = explain(err)
	}
	e.write(line)
}
