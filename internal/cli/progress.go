package cli

import (
	"fmt"
	"log/slog"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/schollz/progressbar/v3"

	"civitar/fetch"
	"civitar/pipeline"
)

const (
	barEvery   = 200 * time.Millisecond
	lineEvery  = 10 * time.Second
	eventEvery = time.Second
	// rateWindow is over how long the shown speed is averaged.
	rateWindow = 5 * time.Second
)

// progress shows a run as it goes on: a bar on a terminal, a log line now and then
// elsewhere, events with --json.
type progress struct {
	tally  *pipeline.Tally
	pace   func() fetch.Pace
	screen *screen
	log    *slog.Logger
	events *events // nil without --json
	quiet  bool
	calm   bool // nothing is shown before there is a transfer

	started time.Time
	samples []sample
}

type sample struct {
	at    time.Time
	bytes int64
	done  int64
}

// watch shows the run until the function it returns is called, and says what a first
// interrupt does.
func (p *progress) watch(drain <-chan struct{}) (stop func()) {
	ended, shown, calm := make(chan struct{}), make(chan struct{}), p.calm
	go func() { defer close(shown); p.show(ended) }()
	go func() {
		select {
		case <-ended:
		case <-drain:
			if calm && p.tally.Progress().Transfers == 0 {
				return
			}
			fmt.Fprintln(p.screen, "civitar: finishing the transfers in flight (10 s at most); interrupt again to stop now")
		}
	}()
	return func() { close(ended); <-shown }
}

// show runs until stop closes.
func (p *progress) show(stop <-chan struct{}) {
	p.started = time.Now()
	if p.quiet {
		return
	}
	tick := time.NewTicker(barEvery)
	defer tick.Stop()
	var bar *progressbar.ProgressBar
	told, sent := p.started, p.started
	for {
		select {
		case <-stop:
			return
		case now := <-tick.C:
			look := p.tally.Progress()
			p.sample(now, look)
			if p.calm = p.calm && look.Transfers == 0; p.calm {
				continue
			}
			if bar == nil && p.screen.terminal {
				bar = newBar(p.screen)
				defer p.screen.clear()
			}
			if bar != nil {
				p.draw(bar, look)
			}
			if due := now.Sub(told) >= lineEvery; due && bar == nil {
				told = now
				p.log.Info("progress", "done", look.Done, "found", look.Found, "failed", look.Failed, "workflows", look.Workflows,
					"received", humanize.IBytes(uint64(look.Received)), "rate", p.rate(), "listed", look.Listed)
			}
			if p.events != nil && now.Sub(sent) >= eventEvery {
				sent = now
				p.events.progress(look)
			}
		}
	}
}

func newBar(s *screen) *progressbar.ProgressBar {
	return progressbar.NewOptions64(1, progressbar.OptionSetWriter(barWriter{s}), progressbar.OptionSetWidth(16),
		progressbar.OptionSetPredictTime(false), progressbar.OptionSetElapsedTime(false), progressbar.OptionThrottle(0),
		progressbar.OptionUseANSICodes(true), progressbar.OptionSetTheme(progressbar.Theme{Saucer: "=", SaucerHead: ">", SaucerPadding: " ", BarStart: "[", BarEnd: "]"}))
}

func (p *progress) sample(now time.Time, look pipeline.Progress) {
	p.samples = append(p.samples, sample{now, look.Received, look.Done})
	for len(p.samples) > 2 && now.Sub(p.samples[0].at) > rateWindow {
		p.samples = p.samples[1:]
	}
}

func (p *progress) perSecond() (bytes, blobs float64) {
	if len(p.samples) < 2 {
		return 0, 0
	}
	a, b := p.samples[0], p.samples[len(p.samples)-1]
	seconds := b.at.Sub(a.at).Seconds()
	return float64(b.bytes-a.bytes) / seconds, float64(b.done-a.done) / seconds
}

func (p *progress) rate() string {
	bytes, _ := p.perSecond()
	return humanize.IBytes(uint64(bytes)) + "/s"
}

func (p *progress) draw(bar *progressbar.ProgressBar, look pipeline.Progress) {
	const room = 30 // for the bar itself
	text := p.text(look)
	if width := p.screen.width() - room; len(text) > width {
		text = text[:max(width, 0)]
	}
	bar.Describe(text)
	bar.ChangeMax64(max(look.Found, look.Done, 1))
	_ = bar.Set64(look.Done) // it fails only for more than the maximum
}

// text is the bar's line: blobs done of found, bytes, speed, time to go, and the pace when
// the server has asked for a slower one.
func (p *progress) text(look pipeline.Progress) string {
	if look.Stopping {
		return fmt.Sprintf("stopping: %s in flight  %s  %s", plural(look.Transfers, "transfer"), humanize.IBytes(uint64(look.Received)), p.rate())
	}
	s := fmt.Sprintf("%s/%s blobs  %s  %s", humanize.Comma(look.Done), humanize.Comma(look.Found),
		humanize.IBytes(uint64(look.Received)), p.rate())
	if look.Failed > 0 {
		s += fmt.Sprintf("  %d failed", look.Failed)
	}
	if _, blobs := p.perSecond(); look.Listed && blobs > 0 {
		left := time.Duration(float64(look.Found-look.Done) / blobs * float64(time.Second))
		s += "  ETA " + left.Round(time.Second).String()
	} else if !look.Listed {
		s += "  listing"
	}
	if pace := p.pace(); pace.Throttled {
		s += fmt.Sprintf("  throttled to %.1f/s", pace.Blob)
	}
	return s
}
