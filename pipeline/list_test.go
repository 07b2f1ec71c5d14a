package pipeline

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"civitar/fetch"
	"civitar/manifest"
)

var start = time.Date(2026, 8, 1, 0, 0, 0, 0, time.UTC)

// grow adds n workflows of one blob each, some minutes apart.
func (b *bench) grow(n int, apart func() time.Duration) {
	for range n {
		i := len(b.source.workflows)
		at := start
		if i > 0 {
			at = b.source.workflows[i-1].Created.Add(apart())
		}
		b.source.workflows = append(b.source.workflows, workflow(i, at, fmt.Sprintf("blob-%d", i)))
	}
}

// TestNoHistoryLeavesAHole runs random histories: workflows appear, listings break off
// anywhere, pages have any size, the order changes. In the end one undisturbed run must
// have all, and another must find nothing to do with one page.
func TestNoHistoryLeavesAHole(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for seed := range uint64(300) {
			rng := rand.New(rand.NewPCG(seed, 1))
			b := newBench()
			apart := func() time.Duration { return time.Duration(rng.IntN(5400)) * time.Second }
			b.grow(rng.IntN(40), apart)
			for range 1 + rng.IntN(8) {
				b.source.pageSize = 1 + rng.IntN(8)
				b.source.breakAt = rng.IntN(9)
				oldest := rng.IntN(4) == 0
				if _, err := b.run(t, func(c *Config) { c.Filter.Oldest = oldest }); err != nil && !errors.Is(err, ErrListing) {
					t.Fatalf("seed %d: %v", seed, err)
				}
				b.grow(rng.IntN(12), apart)
			}
			b.source.breakAt = 0
			b.mustRun(t)
			for _, w := range b.source.workflows {
				if b.record.workflows[string(w.ID)] == nil || b.record.of(string(w.ID)).Blobs[string(w.Blobs[0].ID)].State != manifest.Kept {
					t.Fatalf("seed %d: %s was never kept", seed, w.ID)
				}
			}
			if s := b.mustRun(t); s.Kept != 0 || b.source.byID != 0 || (b.source.pages > 1 && b.source.pageSize > 1) {
				t.Fatalf("seed %d: a run with nothing new kept %d, asked for %d pages and %d workflows", seed, s.Kept, b.source.pages, b.source.byID)
			}
		}
	})
}

func TestInterruptedListingIsNotListedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench()
		b.grow(100, func() time.Duration { return time.Hour })
		b.source.breakAt = 15 // after 14 pages of 5
		if _, err := b.run(t); !errors.Is(err, ErrListing) || !errors.Is(err, fetch.ErrUnavailable) {
			t.Fatalf("got %v", err)
		}
		b.source.breakAt = 0
		b.mustRun(t)
		// One page on top, one to see that the cursor still leads there, then the rest.
		if b.source.pages > 2+7 {
			t.Errorf("%d pages were asked for, of which 6 are new", b.source.pages)
		}
	})
}

func TestCoverageOfAnotherAccountIsNotTrusted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench()
		b.grow(30, func() time.Duration { return time.Hour })
		b.mustRun(t)
		// The other account's workflows are all older than the first one's newest.
		b.source.workflows = nil
		for i := range 30 {
			b.source.workflows = append(b.source.workflows, workflow(1000+i, start.Add(time.Duration(i)*time.Hour), fmt.Sprint("other-", i)))
		}
		if s := b.mustRun(t); s.Kept != 30 {
			t.Errorf("kept %d of the other account's 30", s.Kept)
		}
	})
}

func TestServerThatListsInTheWrongOrderIsWalkedToTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench()
		b.grow(30, func() time.Duration { return time.Hour })
		wrong := func(c *Config) { c.Source = reversed{b.source} }
		b.mustRun(t, wrong)
		b.grow(10, func() time.Duration { return time.Hour })
		if s := b.mustRun(t, wrong); s.Kept != 10 {
			t.Errorf("kept %d of 10 new", s.Kept)
		}
	})
}

// reversed is a server that does the opposite of what ascending says.
type reversed struct{ *fakeSource }

func (r reversed) Pages(ctx context.Context, q fetch.Query) iter.Seq2[*fetch.Page, error] {
	q.Ascending = !q.Ascending
	return r.fakeSource.Pages(ctx, q)
}

func TestLateWorkflowIsFound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench()
		b.grow(30, func() time.Duration { return 10 * time.Minute })
		late := b.source.workflows[27]
		b.source.workflows = append(b.source.workflows[:27:27], b.source.workflows[28:]...)
		b.mustRun(t)
		b.source.workflows = append(b.source.workflows[:27:27], append([]*fetch.Workflow{late}, b.source.workflows[27:]...)...)
		if s := b.mustRun(t); s.Kept != 1 {
			t.Errorf("kept %d, want the late one", s.Kept)
		}
	})
}

func TestWorkflowSeenUnderSeveralFiltersIsCompletedUnderEach(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench()
		b.grow(30, func() time.Duration { return 2 * time.Hour })
		b.source.workflows[10].Status = "processing"
		b.source.workflows[10].Blobs[0].Available = false
		first := func(c *Config) { c.Filter.Text = "a" }
		b.mustRun(t, first)
		b.mustRun(t, func(c *Config) { c.Filter.Text = "b" })
		b.source.workflows[10].Status = "succeeded"
		b.source.workflows[10].Blobs[0].Available = true
		if s := b.mustRun(t, first); s.Kept != 1 {
			t.Errorf("%+v", s)
		}
	})
}

func TestWorkflowThatCannotBeHadKeepsNobodyFromTheOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench()
		b.grow(30, func() time.Duration { return 2 * time.Hour })
		open := b.source.workflows[3:8]
		for _, w := range open {
			w.Status, w.Blobs[0].Available = "processing", false
		}
		b.mustRun(t)
		for _, w := range open {
			w.Status, w.Blobs[0].Available = "succeeded", true
		}
		b.source.broken = open[0].ID
		if s := b.mustRun(t); s.Kept != 4 || s.Unasked != 1 {
			t.Errorf("%+v", s)
		}
		b.source.broken = ""
		if s := b.mustRun(t); s.Kept != 1 || s.Unasked != 0 {
			t.Errorf("the next run: %+v", s)
		}
	})
}

func TestLimitTakesTheNewestAndMovesNoCoverage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench()
		b.grow(30, func() time.Duration { return time.Hour })
		if s := b.mustRun(t, func(c *Config) { c.Limit = 7 }); s.Kept != 7 || s.Workflows != 7 {
			t.Errorf("kept %d of %d workflows, want 7", s.Kept, s.Workflows)
		}
		if s := b.mustRun(t); s.Kept != 23 {
			t.Errorf("the next run kept %d, want the other 23", s.Kept)
		}
	})
}

func TestFromEndsTheListing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench()
		b.grow(100, func() time.Duration { return time.Hour })
		s := b.mustRun(t, func(c *Config) { c.Filter.From = start.Add(90 * time.Hour) })
		if s.Kept != 10 || b.source.pages > 3 {
			t.Errorf("kept %d, want 10; asked for %d pages", s.Kept, b.source.pages)
		}
	})
}

func TestCoverUpTo(t *testing.T) {
	at := func(h int) time.Time { return start.Add(time.Duration(h) * time.Hour) }
	for _, c := range []struct {
		name   string
		before []manifest.Span
		upTo   int
		want   []manifest.Span
	}{
		{"nothing before", nil, 5, []manifest.Span{{Newest: at(5), Done: true}}},
		{"below what is done", []manifest.Span{{Newest: at(9), Done: true}}, 5, []manifest.Span{{Newest: at(9), Done: true}}},
		{"short of a span", []manifest.Span{{Newest: at(9), Oldest: at(7), Cursor: "c"}}, 5,
			[]manifest.Span{{Newest: at(9), Oldest: at(7), Cursor: "c"}, {Newest: at(5), Done: true}}},
		{"into a span", []manifest.Span{{Newest: at(9), Oldest: at(4), Cursor: "c"}}, 5, []manifest.Span{{Newest: at(9), Done: true}}},
		{"over a span", []manifest.Span{{Newest: at(4), Oldest: at(2), Cursor: "c"}}, 5, []manifest.Span{{Newest: at(5), Done: true}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := coverUpTo(c.before, at(c.upTo)); !sameSpans(got, c.want) {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
		})
	}
}
