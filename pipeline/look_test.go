package pipeline

import (
	"context"
	"iter"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"civitar/fetch"
	"civitar/manifest"
	"civitar/policy"
)

// look makes a run a look that writes to a record which counts the lines.
func (b *bench) look(t *testing.T, l Look, change ...func(*Config)) (Summary, int) {
	t.Helper()
	lines := 0
	s := b.mustRun(t, append(change, func(c *Config) { c.Look, c.Record = &l, counted{b.record, &lines} })...)
	return s, lines
}

// counted is a record that counts the lines it gets.
type counted struct {
	*memoryRecord
	lines *int
}

func (c counted) Append(ctx context.Context, lines []manifest.Line) error {
	*c.lines += len(lines)
	return c.memoryRecord.Append(ctx, lines)
}

// open lets a workflow go on.
func (b *bench) open(n int) *fetch.Workflow {
	w := b.source.workflows[n]
	w.Status, w.Blobs[0].Available = "processing", false
	return w
}

func end(w *fetch.Workflow) { w.Status, w.Blobs[0].Available = "succeeded", true }

func TestLookWritesNothingForNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench()
		b.grow(30, func() time.Duration { return time.Hour })
		shown, deep := b.open(28), b.open(3)
		b.mustRun(t)
		for name, l := range map[string]Look{"at the newest": {}, "for one that goes on": {Again: []fetch.WorkflowID{deep.ID, shown.ID}}, "far down": {Down: deep.Created}} {
			if s, lines := b.look(t, l, func(c *Config) { c.Source = slow{b.source} }); lines != 0 || s.Kept != 0 {
				t.Errorf("a look %s wrote %d lines: %+v", name, lines, s)
			}
		}
		if b.look(t, Look{}); b.source.pages != 1 || b.source.byID != 0 {
			t.Errorf("%d pages, %d by id", b.source.pages, b.source.byID)
		}
		end(shown)
		end(deep)
		if s, _ := b.look(t, Look{}); s.Kept != 1 {
			t.Errorf("of what ended, the newest: %+v", s)
		}
		if s, _ := b.look(t, Look{Again: []fetch.WorkflowID{deep.ID}}); s.Kept != 1 {
			t.Errorf("of what ended, the one that is asked for: %+v", s)
		}
		b.grow(12, func() time.Duration { return time.Hour })
		if s, _ := b.look(t, Look{}); s.Kept != 12 {
			t.Errorf("of 12 new ones: %+v", s)
		}
		if _, lines := b.look(t, Look{}); lines != 0 {
			t.Errorf("%d lines were written when all was kept", lines)
		}
	})
}

// slow is a server of which each page takes a second.
type slow struct{ *fakeSource }

func (s slow) Pages(ctx context.Context, q fetch.Query) iter.Seq2[*fetch.Page, error] {
	return func(yield func(*fetch.Page, error) bool) {
		for p, err := range s.fakeSource.Pages(ctx, q) {
			if time.Sleep(time.Second); !yield(p, err) {
				return
			}
		}
	}
}

func TestLookGoesAsFarDownAsItIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench()
		b.grow(60, func() time.Duration { return time.Hour })
		w := b.open(35)
		b.mustRun(t)
		end(w)
		if s, _ := b.look(t, Look{Down: w.Created}); s.Kept != 1 || b.source.pages > 7 {
			t.Errorf("%+v, %d pages of 5", s, b.source.pages)
		}
	})
}

// TestLookCostsLittle holds looks to one page where a run lists more.
func TestLookCostsLittle(t *testing.T) {
	for name, change := range map[string]func(*Config){
		"levels can change":            func(c *Config) { c.Policy = policy.Policy{MaxLevel: "pg13", Unrated: policy.UnratedKeep} },
		"oldest first":                 func(c *Config) { c.Filter.Oldest, c.Source = true, dateless{c.Source.(*fakeSource)} },
		"a server that knows no order": func(c *Config) { c.Source = reversed{c.Source.(*fakeSource)} },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				time.Sleep(time.Until(start.Add(40 * time.Hour))) // fake time begins long before
				b := newBench()
				b.grow(40, func() time.Duration { return time.Hour })
				b.mustRun(t, change)
				if b.mustRun(t, change); b.source.pages != 8 {
					t.Fatalf("a run asks for %d pages: it is no example", b.source.pages)
				}
				if _, lines := b.look(t, Look{}, change); b.source.pages != 1 || lines != 0 {
					t.Errorf("%d pages, %d lines", b.source.pages, lines)
				}
				b.grow(1, func() time.Duration { return time.Hour })
				b.look(t, Look{}, change)
				if s := b.mustRun(t, change); s.Seen == 0 || len(b.sink.files) != 2*41 {
					t.Errorf("%d files are kept after all: %+v", len(b.sink.files), s)
				}
			})
		})
	}
}

// dateless is a server that does not support the dates of a query.
type dateless struct{ *fakeSource }

func (d dateless) Pages(ctx context.Context, q fetch.Query) iter.Seq2[*fetch.Page, error] {
	q.From = time.Time{}
	return d.fakeSource.Pages(ctx, q)
}

func TestLookLeavesWhatFailedToRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := one("a.bin")
		opened := 0
		b.source.body = func(fetch.Location, fetch.Resume) (*fetch.Body, error) {
			opened++
			return nil, fetch.ErrUnavailable
		}
		if s, _ := b.look(t, Look{}); s.Failures[Unreachable] != 1 {
			t.Errorf("what is new is tried: %+v", s)
		}
		opened = 0
		var events []Event
		observe := func(c *Config) { c.Observe = func(e Event) { events = append(events, e) } }
		if s, lines := b.look(t, Look{}, observe); opened != 0 || lines != 0 || s.Failed != 1 || len(s.Failures) != 0 || !events[0].Same {
			t.Errorf("asked %d times, wrote %d lines: %+v, %+v", opened, lines, s, events)
		}
		if b.mustRun(t, observe); opened == 0 || !events[1].Same {
			t.Errorf("a run asked %d times: %+v", opened, events)
		}
		b.source.body = nil
		if s := b.mustRun(t, observe); s.Kept != 1 || events[2].Same {
			t.Errorf("%+v, %+v", s, events)
		}
	})
}

// TestLargeTransferKeepsNobodyWaiting has one transfer take ten minutes, while workflows appear
// and another ends.
func TestLargeTransferKeepsNobodyWaiting(t *testing.T) {
	for name, change := range map[string]func(*Config){"in a run": func(*Config) {}, "in a look": func(c *Config) { c.Look = &Look{} }} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				time.Sleep(time.Until(start.Add(100 * time.Hour))) // fake time begins long before
				b := newBench()
				b.source.pageSize = 8
				b.grow(30, func() time.Duration { return time.Hour })
				b.open(12)
				b.mustRun(t)
				b.grow(2, func() time.Duration { return time.Hour })
				large, ends := b.source.workflows[30].Blobs[0].ID, b.open(31)
				b.source.body = func(l fetch.Location, _ fetch.Resume) (*fetch.Body, error) {
					if l.Blob == large {
						time.Sleep(10 * time.Minute)
					}
					return bodyOf([]byte("bytes"), 0), nil
				}
				later := &fakeSource{workflows: slices.Clone(b.source.workflows), pageSize: 8}
				grown := bench{source: later}
				grown.grow(7, func() time.Duration { return time.Minute })
				ended := *ends
				ended.Blobs, ended.JSON = slices.Clone(ends.Blobs), []byte(`{"id":"`+string(ends.ID)+`","ended":true}`)
				end(&ended)
				later.workflows[31] = &ended

				began, when := time.Now(), map[fetch.BlobID]time.Duration{}
				source := &changing{fakeSource: b.source, later: later, at: began.Add(time.Minute)}
				s := b.mustRun(t, change, func(c *Config) {
					c.Linger, c.Source = 30*time.Second, source
					c.Observe = func(e Event) {
						if e.Blob.State == manifest.Kept && !e.Known {
							when[fetch.BlobID(e.Blob.Blob)] = time.Since(began)
						}
					}
				})
				for _, w := range later.workflows[31:] {
					if at := when[w.Blobs[0].ID]; at < time.Minute || at > 2*time.Minute {
						t.Errorf("%s appeared or ended after a minute, and was kept after %s", w.ID, at)
					}
				}
				if when[large] < 10*time.Minute || s.Kept != 9 || s.Seen > 50 || b.source.pages+later.pages > 30 {
					t.Errorf("%d pages, kept at %v: %+v", b.source.pages+later.pages, when, s)
				}
				s, lines := b.look(t, Look{}, func(c *Config) { c.Source = later })
				if lines != 0 || s.Kept != 0 {
					t.Errorf("what is covered is not: %d lines, %+v", lines, s)
				}
			})
		})
	}
}

func TestLingeringEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := one("a.bin")
		b.source.body = func(fetch.Location, fetch.Resume) (*fetch.Body, error) {
			time.Sleep(5 * time.Hour)
			return bodyOf([]byte("bytes"), 0), nil
		}
		if b.mustRun(t, func(c *Config) { c.Linger = time.Minute }); b.source.pages != 61 {
			t.Errorf("%d pages in five hours, want one a minute in the first", b.source.pages)
		}
	})
}

// changing is an account that is another one from a time on.
type changing struct {
	*fakeSource
	later *fakeSource
	at    time.Time
}

func (c *changing) Pages(ctx context.Context, q fetch.Query) iter.Seq2[*fetch.Page, error] {
	if time.Now().Before(c.at) {
		return c.fakeSource.Pages(ctx, q)
	}
	return c.later.Pages(ctx, q)
}
