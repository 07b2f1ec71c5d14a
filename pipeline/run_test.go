package pipeline

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"civitar/fetch"
	"civitar/manifest"
	"civitar/sink"
)

// one makes a bench with one workflow of the blobs given.
func one(blobs ...string) *bench {
	b := newBench()
	b.source.workflows = append(b.source.workflows, workflow(0, start, blobs...))
	return b
}

func (b *bench) state(blob string) manifest.Blob { return b.record.of("wf-000000").Blobs[blob] }

func TestTransferThatBreaksGoesOnWhereItBroke(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := one("a.bin")
		data := bytes.Repeat([]byte("0123456789abcdef"), 1<<18) // 4 MiB
		var offsets []int64
		b.source.body = func(_ fetch.Location, r fetch.Resume) (*fetch.Body, error) {
			offsets = append(offsets, r.Offset)
			body := bodyOf(data, r.Offset)
			if len(offsets) <= 8 { // more often than there are tries: each makes headway
				body.ReadCloser = io.NopCloser(io.MultiReader(io.LimitReader(body.ReadCloser, 300<<10), brokenReader{}))
			}
			return body, nil
		}
		b.mustRun(t)
		if got := b.state("a.bin"); got.State != manifest.Kept || got.Size != int64(len(data)) {
			t.Fatalf("got %+v", got)
		}
		for i, off := range offsets {
			if off != int64(i)*300<<10 {
				t.Errorf("connection %d asked from %d", i, off)
			}
		}
	})
}

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, fetch.ErrUnavailable }

func TestTransferWithoutHeadwayFailsAfterItsTries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := one("a.bin")
		opened := 0
		b.source.body = func(fetch.Location, fetch.Resume) (*fetch.Body, error) {
			opened++
			return nil, fetch.ErrUnavailable
		}
		s := b.mustRun(t)
		if opened != 5 || s.Failed != 1 || s.Failures[Unreachable] != 1 {
			t.Errorf("%d tries, %+v", opened, s)
		}
		b.source.body = nil
		if s := b.mustRun(t); s.Kept != 1 {
			t.Errorf("the next run: %+v", s)
		}
	})
}

var proxy404 = &fetch.Error{Status: 404, Kind: fetch.ErrGone, Page: true}

// TestVerdicts says what becomes of a blob whose content URL, and then whose fresh one,
// answers as told.
func TestVerdicts(t *testing.T) {
	for _, c := range []struct {
		name           string
		resolve, first error
		renew, second  error
		want           manifest.State
		failure        Failure
	}{
		{name: "all well", want: manifest.Kept},
		{name: "resolve: withheld", resolve: fetch.ErrWithheld, want: manifest.Withheld},
		{name: "resolve: gone", resolve: fetch.ErrGone, want: manifest.Gone},
		{name: "resolve: down", resolve: fetch.ErrUnavailable, want: manifest.Failed, failure: Unreachable},
		{name: "resolve: limited", resolve: fetch.ErrRateLimited, want: manifest.Failed, failure: RateLimited},
		{name: "resolve: unauthorized", resolve: fetch.ErrUnauthorized, want: manifest.Failed, failure: Unauthorized},
		{name: "resolve: unsafe", resolve: fetch.ErrUnsafeURL, want: manifest.Failed, failure: Unsafe},
		{name: "content URL expired", first: fetch.ErrForbidden, want: manifest.Kept},
		{name: "content URL lost", first: fetch.ErrGone, want: manifest.Kept},
		{name: "gone twice", first: fetch.ErrGone, second: fetch.ErrGone, want: manifest.Gone},
		{name: "refused twice", first: fetch.ErrForbidden, second: fetch.ErrForbidden, want: manifest.Failed, failure: Refused},
		{name: "unauthorized twice", first: fetch.ErrUnauthorized, second: fetch.ErrUnauthorized, want: manifest.Failed, failure: Refused},
		{name: "a proxy's 404 twice", first: proxy404, second: proxy404, want: manifest.Failed, failure: Refused},
		{name: "gone, then gone by id", first: fetch.ErrGone, renew: fetch.ErrGone, want: manifest.Gone},
		{name: "gone, then the server down", first: fetch.ErrGone, renew: fetch.ErrUnavailable, want: manifest.Failed, failure: Unreachable},
		{name: "withheld by a redirect of the content", first: fetch.ErrWithheld, want: manifest.Withheld},
		{name: "too large", first: fetch.ErrTooLarge, want: manifest.Failed, failure: BadContent},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := one("a.bin")
				renewed := false
				b.source.resolve = func(fetch.Blob) (fetch.Location, error) { return fetch.Location{}, c.resolve }
				b.source.renew = func(fetch.Blob) (fetch.Location, error) { renewed = true; return fetch.Location{}, c.renew }
				b.source.body = func(fetch.Location, fetch.Resume) (*fetch.Body, error) {
					if err := map[bool]error{false: c.first, true: c.second}[renewed]; err != nil {
						return nil, err
					}
					return bodyOf([]byte("some bytes"), 0), nil
				}
				s := b.mustRun(t)
				if got := b.state("a.bin"); got.State != c.want || !got.Asked {
					t.Errorf("got %+v, want %s", got, c.want)
				}
				if c.failure != "" && s.Failures[c.failure] != 1 {
					t.Errorf("failures %v, want one %s", s.Failures, c.failure)
				}
				if c.want == manifest.Withheld || c.want == manifest.Gone {
					b.source.body = func(fetch.Location, fetch.Resume) (*fetch.Body, error) {
						t.Error("a verdict was asked for again")
						return nil, fetch.ErrGone
					}
					b.source.resolve = nil
					b.mustRun(t)
					b.source.body = nil
					if s := b.mustRun(t, func(c *Config) { c.Full = true }); s.Kept != 1 {
						t.Errorf("a full run does not ask again: %+v", s)
					}
				}
			})
		})
	}
}

func TestWhatCannotBeAResultIsNotKept(t *testing.T) {
	for name, answer := range map[string]string{
		"nothing":    "",
		"a web page": "<!DOCTYPE html><html><body>Bad Gateway</body></html>",
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := one("a.png")
				bad := true
				b.source.body = func(fetch.Location, fetch.Resume) (*fetch.Body, error) {
					if bad {
						return bodyOf([]byte(answer), 0), nil
					}
					return bodyOf([]byte("\x89PNG\r\n\x1a\n and so on"), 0), nil
				}
				if s := b.mustRun(t); s.Failures[BadContent] != 1 || len(b.sink.files) != 1 {
					t.Errorf("%+v, %d files", s, len(b.sink.files))
				}
				bad = false
				if s := b.mustRun(t); s.Kept != 1 {
					t.Errorf("the next run: %+v", s)
				}
			})
		})
	}
}

func TestEntityThatChangedIsStartedOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := one("a.bin")
		opened := 0
		b.source.body = func(_ fetch.Location, r fetch.Resume) (*fetch.Body, error) {
			if opened++; opened == 1 {
				body := bodyOf(bytes.Repeat([]byte("old "), 1000), 0)
				body.ReadCloser = io.NopCloser(io.MultiReader(io.LimitReader(body.ReadCloser, 100), brokenReader{}))
				return body, nil
			}
			return bodyOf([]byte("the new entity"), 0), nil // If-Range failed: from the start
		}
		b.mustRun(t)
		for path, data := range b.sink.files {
			if strings.HasPrefix(path, "media/") && string(data) != "the new entity" {
				t.Errorf("kept %q", data)
			}
		}
	})
}

func TestShortBodyIsNotKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := one("a.bin")
		b.source.body = func(_ fetch.Location, r fetch.Resume) (*fetch.Body, error) {
			body := bodyOf([]byte("half"), r.Offset)
			body.Size = 8
			return body, nil
		}
		if s := b.mustRun(t); s.Failed != 1 || b.state("a.bin").State != manifest.Failed {
			t.Errorf("%+v", s)
		}
	})
}

func TestOutageStopsTheRunAndIsNoVerdict(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench()
		b.grow(500, func() time.Duration { return time.Minute })
		b.source.resolve = func(fetch.Blob) (fetch.Location, error) { return fetch.Location{}, fetch.ErrUnavailable }
		s, err := b.run(t)
		if !errors.Is(err, ErrOutage) {
			t.Fatalf("got %v", err)
		}
		if s.Gone != 0 || s.Failed < outage || s.Failed > outage+20 {
			t.Errorf("%+v", s)
		}
		b.source.resolve = nil
		b.mustRun(t)
		for _, w := range b.source.workflows {
			if b.record.of(string(w.ID)).Blobs[string(w.Blobs[0].ID)].State != manifest.Kept {
				t.Fatalf("%s was not kept by the run after the outage", w.ID)
			}
		}
	})
}

func TestDiskFaultEndsTheRun(t *testing.T) {
	for name, inject := range map[string]func(*bench){
		"commit":  func(b *bench) { b.sink.commit = func([]sink.File) error { return errDisk } },
		"journal": func(b *bench) { b.record.append = func([]manifest.Line) error { return errDisk } },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench()
				b.grow(200, func() time.Duration { return time.Minute })
				inject(b)
				if s, err := b.run(t); !errors.Is(err, errDisk) || s.Kept != 0 {
					t.Fatalf("got %v, %+v", err, s)
				}
				b.sink.commit, b.record.append = nil, nil
				if s := b.mustRun(t); s.Kept != 200 {
					t.Errorf("the next run: %+v", s)
				}
			})
		})
	}
}

func TestDrainLetsTransfersInFlightEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench()
		b.grow(100, func() time.Duration { return time.Minute })
		drain := make(chan struct{})
		var opened atomic.Int64
		b.source.body = func(fetch.Location, fetch.Resume) (*fetch.Body, error) {
			if opened.Add(1) == 10 {
				close(drain)
			}
			body := bodyOf([]byte("slow bytes"), 0)
			body.ReadCloser = slowly{body.ReadCloser}
			return body, nil
		}
		s := b.mustRun(t, func(c *Config) { c.Drain = drain })
		if !s.Interrupted || s.Kept != opened.Load() || s.Unfinished == 0 {
			t.Errorf("%d opened, %+v", opened.Load(), s)
		}
		b.source.body = nil
		if s := b.mustRun(t); s.Kept+opened.Load() != 100 {
			t.Errorf("the next run: %+v", s)
		}
	})
}

// Nothing follows that a last group could share its cost with.
func TestRunEndsWithItsLastTransfer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := one("a.bin", "b.bin")
		b.source.body = func(fetch.Location, fetch.Resume) (*fetch.Body, error) {
			return &fetch.Body{ReadCloser: slowly{io.NopCloser(strings.NewReader("slow bytes"))}, Size: 10}, nil
		}
		began := time.Now()
		b.mustRun(t, func(c *Config) { c.Workers = 1 })
		if took := time.Since(began); took != 4*time.Second { // of two reads each
			t.Errorf("the run took %v, its transfers 4 s", took)
		}
	})
}

// slowly takes a second for each read.
type slowly struct{ io.ReadCloser }

func (s slowly) Read(p []byte) (int, error) {
	<-time.After(time.Second) // of fake time
	return s.ReadCloser.Read(p)
}

func TestListedTwiceIsFetchedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench()
		b.grow(20, func() time.Duration { return time.Minute })
		b.source.workflows = append(b.source.workflows, b.source.workflows[10:]...)
		var opened atomic.Int64
		b.source.body = func(loc fetch.Location, _ fetch.Resume) (*fetch.Body, error) {
			opened.Add(1)
			return bodyOf([]byte("x"+string(loc.Blob)), 0), nil
		}
		if s := b.mustRun(t); s.Seen != 20 || opened.Load() != 20 {
			t.Errorf("%d transfers, %+v", opened.Load(), s)
		}
	})
}

func TestNamesAreNeverShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := one("IMG.png", "img.png", "../img.png", "img.PNG")
		b.source.body = func(loc fetch.Location, _ fetch.Resume) (*fetch.Body, error) {
			return bodyOf([]byte("\x89PNG\r\n\x1a\n"+string(loc.Blob)), 0), nil
		}
		b.mustRun(t)
		folded := map[string]bool{}
		for path := range b.sink.files {
			folded[sink.Fold(path)] = true
		}
		if len(folded) != 5 {
			t.Errorf("4 blobs and a sidecar have %d names: %v", len(folded), folded)
		}
	})
}

func TestBlobsLargerThanAllowedAreSkipped(t *testing.T) {
	t.Parallel()
	for name, size := range map[string]int64{"announced": 2000, "not announced": -1} {
		t.Run(name, func(t *testing.T) {
			b := newBench()
			w := workflow(1, time.Date(2026, 8, 10, 0, 0, 0, 0, time.UTC), "big", "small")
			b.source.workflows = append(b.source.workflows, w)
			opened, read := 0, 0
			b.source.body = func(loc fetch.Location, r fetch.Resume) (*fetch.Body, error) {
				if loc.Blob != "big" {
					return bodyOf(make([]byte, 1000), 0), nil
				}
				opened++
				return &fetch.Body{ReadCloser: io.NopCloser(readerFunc(func(p []byte) (int, error) { // without end
					read += min(len(p), 100)
					return min(len(p), 100), nil
				})), Size: size}, nil
			}
			limit := func(c *Config) { c.Policy.MaxSize = 1000 }
			s := b.mustRun(t, limit)
			if s.Kept != 1 || s.Skipped != 1 || read > 1100 || len(b.sink.partials) > 0 {
				t.Errorf("%+v, %d bytes read, %d partials left", s, read, len(b.sink.partials))
			}
			if got := b.record.of(string(w.ID)).Blobs["big"]; got.Reason != "larger than 1,000 bytes" {
				t.Errorf("the reason is %q", got.Reason)
			}
			if b.mustRun(t, limit); opened != 1 {
				t.Errorf("asked %d times for what is known to be too large", opened)
			}
			b.mustRun(t, limit, func(c *Config) { c.Full = true })
			if opened != 2 {
				t.Errorf("a full run did not ask again")
			}
		})
	}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }
