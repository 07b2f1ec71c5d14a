// Package metrics tells monitoring how archives are, in the text format that Prometheus reads
// (https://prometheus.io/docs/instrumenting/exposition_formats/): over HTTP, or as a file for
// the node exporter's textfile collector. The format is small and frozen, and a dozen gauges
// do not need the client's registry and its dependencies.
package metrics

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"civitar/internal/durable"
)

// Figures are those of an archive. Zero times are left out.
type Figures struct {
	LastRun, LastSuccess time.Time
	Blobs                map[string]int64 // of the last run, by state
	Received             int64            // bytes, of the last run
	Throttled            int64            // 429s of the API, of the last run
	Waiting              int64            // not kept yet
	NextExpiry           time.Time        // of anything that is not kept yet
}

// Registry holds the figures of archives, by their names. Its methods may be called from many
// goroutines.
type Registry struct {
	mu  sync.Mutex
	all map[string]Figures
}

// Set replaces an archive's figures. A success that is not told anew stays.
func (r *Registry) Set(archive string, f Figures) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.all == nil {
		r.all = map[string]Figures{}
	}
	if f.LastSuccess.IsZero() {
		f.LastSuccess = r.all[archive].LastSuccess
	}
	r.all[archive] = f
}

// WriteText writes all figures.
func (r *Registry) WriteText(w io.Writer, now time.Time) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	var b strings.Builder
	family := func(name, kind, help string, samples func(archive string, f Figures, say func(labels string, v float64))) {
		fmt.Fprintf(&b, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, kind)
		for _, archive := range slices.Sorted(maps.Keys(r.all)) {
			label := "archive=" + quoted(archive)
			samples(archive, r.all[archive], func(labels string, v float64) {
				fmt.Fprintf(&b, "%s{%s%s} %s\n", name, label, labels, strconv.FormatFloat(v, 'f', -1, 64))
			})
		}
	}
	seconds := func(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }
	family("civitar_last_run_timestamp_seconds", "gauge", "When the last run ended.", func(_ string, f Figures, say func(string, float64)) {
		if !f.LastRun.IsZero() {
			say("", seconds(f.LastRun))
		}
	})
	family("civitar_last_success_timestamp_seconds", "gauge", "When the last run ended that had no faults.", func(_ string, f Figures, say func(string, float64)) {
		if !f.LastSuccess.IsZero() {
			say("", seconds(f.LastSuccess))
		}
	})
	family("civitar_last_run_blobs", "gauge", "What became of the blobs of the last run, by state.", func(_ string, f Figures, say func(string, float64)) {
		for _, state := range slices.Sorted(maps.Keys(f.Blobs)) {
			say(",state="+quoted(state), float64(f.Blobs[state]))
		}
	})
	family("civitar_last_run_received_bytes", "gauge", "Bytes that came in the last run.", func(_ string, f Figures, say func(string, float64)) { say("", float64(f.Received)) })
	family("civitar_last_run_throttled_requests", "gauge", "Answers 429 in the last run.", func(_ string, f Figures, say func(string, float64)) { say("", float64(f.Throttled)) })
	family("civitar_waiting_blobs", "gauge", "Blobs that are not kept yet and may be.", func(_ string, f Figures, say func(string, float64)) { say("", float64(f.Waiting)) })
	family("civitar_next_expiry_seconds", "gauge", "Seconds until the first blob expires that is not kept yet.", func(_ string, f Figures, say func(string, float64)) {
		if !f.NextExpiry.IsZero() {
			say("", f.NextExpiry.Sub(now).Seconds())
		}
	})
	_, err := io.WriteString(w, b.String())
	return err
}

func quoted(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(s) + `"`
}

// WriteFile replaces a file by the figures, whole.
func (r *Registry) WriteFile(name string, now time.Time) error {
	var b strings.Builder
	if err := r.WriteText(&b, now); err != nil {
		return err
	}
	dir, err := durable.Open(filepath.Dir(name), nil)
	if err != nil {
		return err
	}
	err = dir.Replace(filepath.Base(name), []byte(b.String()), 0o644)
	if cerr := dir.Close(); err == nil {
		err = cerr
	}
	return err
}

// Serve answers at http://address/metrics until the function it returns is called.
func (r *Registry) Serve(ctx context.Context, address string) (stop func(), err error) {
	var config net.ListenConfig
	l, err := config.Listen(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
		_ = r.WriteText(w, time.Now()) // whoever hung up asks again
	})
	s := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: time.Minute}
	ended := make(chan struct{})
	go func() { // until stop
		defer close(ended)
		_ = s.Serve(l)
	}()
	return func() { _ = s.Close(); <-ended }, nil
}
