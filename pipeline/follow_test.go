package pipeline

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"civitar/fetch"
	"civitar/manifest"
)

// followed is an account whose workflows end at times, and what a follower asked of it.
type followed struct {
	mu      sync.Mutex
	began   time.Time
	created map[fetch.WorkflowID]time.Duration // from the beginning on
	ends    map[fetch.WorkflowID]time.Duration
	blunt   bool // the server ignores wait
	gone    fetch.WorkflowID
	round   func(n int, look *Look) (s Summary, e error) // what rounds end with

	looks   []*Look
	at      []time.Duration // of the rounds
	asked   int
	waiting int // now, and the most at once
	most    int
	kept    map[fetch.WorkflowID]time.Duration
}

// newFollowed makes n workflows, a minute apart, the last one created when it begins. They
// end between 10 and 280 seconds later.
func newFollowed(n int) *followed {
	a := &followed{created: map[fetch.WorkflowID]time.Duration{}, ends: map[fetch.WorkflowID]time.Duration{}, kept: map[fetch.WorkflowID]time.Duration{}}
	for i := range n {
		id := fetch.WorkflowID(fmt.Sprintf("wf-%05d", i))
		a.created[id], a.ends[id] = -time.Duration(n-1-i)*time.Minute, time.Duration(10+i*37%270)*time.Second
	}
	return a
}

func (a *followed) now() time.Duration { return time.Since(a.began) }

func (a *followed) unended(_ context.Context, n int) ([]manifest.Workflow, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	var open []manifest.Workflow
	for id, at := range a.created {
		if _, kept := a.kept[id]; !kept {
			open = append(open, manifest.Workflow{Workflow: string(id), Created: a.began.Add(at)})
		}
	}
	slices.SortFunc(open, func(x, y manifest.Workflow) int { return x.Created.Compare(y.Created) })
	return open[:min(n, len(open))], nil
}

func (a *followed) await(ctx context.Context, id fetch.WorkflowID, wait time.Duration) (*fetch.Workflow, error) {
	a.mu.Lock()
	a.asked++
	a.waiting++
	a.most = max(a.most, a.waiting)
	left := a.ends[id] - a.now()
	a.mu.Unlock()
	defer func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.waiting--
	}()
	if id == a.gone {
		return nil, fetch.ErrGone
	}
	if !a.blunt {
		if err := sleep(ctx, min(max(left, 0), wait)); err != nil {
			return nil, err
		}
		left -= wait
	}
	w := &fetch.Workflow{ID: id, Status: "processing"}
	if left <= 0 {
		w.Status = "succeeded"
	}
	return w, nil
}

// archive sees what the listing shows (a page of five, or further down) and who is asked for.
func (a *followed) archive(look *Look) (Summary, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.at, a.looks = append(a.at, a.now()), append(a.looks, look)
	newest := slices.SortedFunc(maps.Keys(a.created), func(x, y fetch.WorkflowID) int { return int(a.created[y] - a.created[x]) })
	for i, id := range newest {
		seen := look == nil || i < 5 || slices.Contains(look.Again, id) || !look.Down.IsZero() && !a.began.Add(a.created[id]).Before(look.Down)
		if _, kept := a.kept[id]; seen && !kept && a.ends[id] <= a.now() {
			a.kept[id] = a.now()
		}
	}
	if a.round == nil {
		return Summary{}, nil
	}
	return a.round(len(a.at), look)
}

// follow follows the account for a time.
func (a *followed) follow(t *testing.T, span time.Duration) error {
	t.Helper()
	a.began = time.Now()
	ctx, cancel := context.WithTimeout(t.Context(), span)
	defer cancel()
	f := Follower{Round: a.archive, Unended: a.unended, Await: a.await, Logger: slog.New(slog.DiscardHandler)}
	err := f.Run(ctx)
	if err == nil && a.now() != span {
		t.Errorf("ended after %s, was to after %s", a.now(), span)
	}
	return err
}

// runs are when rounds began that were no looks.
func (a *followed) runs() (at []time.Duration) {
	for i, look := range a.looks {
		if look == nil {
			at = append(at, a.at[i])
		}
	}
	return at
}

func TestWorkflowsAreKeptWithinAMinuteOfTheirEnd(t *testing.T) {
	for _, blunt := range []bool{false, true} {
		for _, n := range []int{1, 7, 10, 11, 60, 1200} {
			t.Run(fmt.Sprint(n, " blunt ", blunt), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					a := newFollowed(n)
					a.blunt = blunt
					a.created["stuck"], a.ends["stuck"] = -20*24*time.Hour, 20*24*time.Hour
					if err := a.follow(t, 10*time.Minute); err != nil {
						t.Fatal(err)
					}
					for id, at := range a.ends {
						if kept, ok := a.kept[id]; id != "stuck" && (!ok || kept-at > time.Minute) {
							t.Errorf("%s ended after %s and was kept after %s", id, at, kept)
						}
					}
					if a.most > awaited || a.asked > 600 || len(a.at) > 60 {
						t.Errorf("%d waits at once, asked %d times, with %d rounds, in 600 s", a.most, a.asked, len(a.at))
					}
				})
			})
		}
	}
}

// TestThoseThatEndTogetherShareALook has ten workflows end within ten seconds.
func TestThoseThatEndTogetherShareALook(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newFollowed(10)
		for i, id := range slices.Sorted(maps.Keys(a.ends)) {
			a.ends[id] = time.Duration(5+i) * time.Second
		}
		if err := a.follow(t, 80*time.Second); err != nil {
			t.Fatal(err)
		}
		if want := []time.Duration{0, 15 * time.Second, 45 * time.Second, 75 * time.Second}; !slices.Equal(a.at, want) || len(a.kept) != 10 {
			t.Errorf("rounds at %v, want %v; %d kept", a.at, want, len(a.kept))
		}
		for i, want := range []int{10, 10, 0} { // once more, for what lands late
			if got := len(a.looks[i+1].Again); got != want {
				t.Errorf("look %d asks for %d by id, want %d", i+1, got, want)
			}
		}
	})
}

func TestWorkflowThatIsGoneIsLookedAt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newFollowed(2)
		a.gone = "wf-00000"
		if err := a.follow(t, 20*time.Second); err != nil || len(a.looks) != 2 || !slices.Equal(a.looks[1].Again, []fetch.WorkflowID{a.gone}) {
			t.Errorf("%v, %v", err, a.looks)
		}
	})
}

// TestWorkflowsThatHangDoNotKeepTheListingDeep has as many old ones open as are waited for.
func TestWorkflowsThatHangDoNotKeepTheListingDeep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newFollowed(0)
		for i := range awaited + 5 {
			id := fetch.WorkflowID(fmt.Sprint("stuck-", i))
			a.created[id], a.ends[id] = -20*24*time.Hour, 20*24*time.Hour
		}
		if err := a.follow(t, 10*time.Minute); err != nil {
			t.Fatal(err)
		}
		for i, look := range a.looks[1:] {
			if back := a.at[i+1] - look.Down.Sub(a.began); back > farDown {
				t.Errorf("a look went back %s", back)
			}
		}
	})
}

func TestFollowingNothingIsQuiet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newFollowed(0)
		if err := a.follow(t, 24*time.Hour+time.Second); err != nil {
			t.Fatal(err)
		}
		if n := len(a.at); n != 2881 || len(a.runs()) != 25 || a.asked != 0 {
			t.Errorf("%d rounds in a day, of which %d were no looks; %d waits", n, len(a.runs()), a.asked)
		}
	})
}

func TestFollowingOutlastsAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newFollowed(0)
		a.round = func(n int, _ *Look) (Summary, error) {
			if n > 1 && n < 8 {
				return Summary{}, fmt.Errorf("%w: %w", ErrListing, fetch.ErrUnavailable)
			}
			return Summary{}, nil
		}
		if err := a.follow(t, 30*time.Minute); err != nil {
			t.Fatal(err)
		}
		var pauses []time.Duration
		for i := 1; i < 10; i++ {
			pauses = append(pauses, a.at[i]-a.at[i-1])
		}
		s := time.Second
		if want := []time.Duration{30 * s, 60 * s, 120 * s, 240 * s, 300 * s, 300 * s, 300 * s, 30 * s, 30 * s}; !slices.Equal(pauses, want) {
			t.Errorf("paused %v, want %v", pauses, want)
		}
		for i, look := range a.looks[2:8] {
			if look != nil {
				t.Errorf("round %d is a look, although the one before broke off", i+3)
			}
		}
	})
}

func TestWhatFailedIsTriedAgainLessAndLess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newFollowed(0)
		a.round = func(n int, look *Look) (Summary, error) {
			if n == 2 || n > 2 && look == nil { // a look meets it, and each run then
				return Summary{Failed: 1, Failures: map[Failure]int64{Other: 1}}, nil
			}
			return Summary{}, nil
		}
		if err := a.follow(t, 4*time.Hour); err != nil {
			t.Fatal(err)
		}
		var pauses []time.Duration
		for i, at := range a.runs()[1:] {
			pauses = append(pauses, (at - a.runs()[i]).Round(time.Minute))
		}
		m := time.Minute
		if want := []time.Duration{6 * m, 5 * m, 10 * m, 20 * m, 40 * m, 60 * m, 60 * m}; !slices.Equal(pauses, want) {
			t.Errorf("paused %v, want %v", pauses, want)
		}
	})
}

func TestFollowingEndsWithWhatDoesNotPass(t *testing.T) {
	for name, c := range map[string]struct {
		err  error
		ends bool
	}{
		"token refused":               {fmt.Errorf("%w: %w", ErrListing, fetch.ErrUnauthorized), true},
		"token refused for all blobs": {fmt.Errorf("%w: %w", ErrOutage, fetch.ErrUnauthorized), true},
		"not permitted":               {&fetch.Error{Status: 403, Kind: fetch.ErrForbidden}, true},
		"the disk":                    {errDisk, true},
		"a proxy's page":              {fmt.Errorf("%w: %w", ErrListing, &fetch.Error{Status: 403, Kind: fetch.ErrForbidden, Page: true}), false},
		"slower pace":                 {fmt.Errorf("%w: %w", ErrListing, fetch.ErrRateLimited), false},
		"blobs cannot be reached":     {fmt.Errorf("%w: %w", ErrOutage, fetch.ErrUnavailable), false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := newFollowed(3)
				a.round = func(n int, _ *Look) (Summary, error) {
					if n == 3 {
						return Summary{}, c.err
					}
					return Summary{}, nil
				}
				err := a.follow(t, time.Hour)
				if c.ends && (!errors.Is(err, c.err) || len(a.at) != 3) || !c.ends && err != nil {
					t.Errorf("%v after %d rounds", err, len(a.at))
				}
			})
		})
	}
}

// TestFollowingDoesNotGrow follows an account for a day, with a record on a disk: some hundred
// rounds find something, the others leave everything as it is. (A goroutine that outlived its
// round would end the test.)
func TestFollowingDoesNotGrow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		record, err := manifest.Open(t.Context(), dir, manifest.Options{Source: manifest.Sandbox})
		if err != nil {
			t.Fatal(err)
		}
		defer record.Close()
		b := newBench()
		b.grow(50, func() time.Duration { return time.Hour })
		b.open(2)
		var journal int64
		heap := map[int]uint64{}
		rounds := 0
		round := func(look *Look) (Summary, error) {
			rounds++
			busy := rounds > 1000 && rounds <= 1400
			if busy {
				b.grow(1, func() time.Duration { return time.Minute })
			}
			s, err := b.run(t, func(c *Config) { c.Look, c.Record = look, record })
			before := journal
			if journal = sizeOf(t, dir, "journal", "000001.jsonl"); look != nil && !busy && journal != before {
				t.Errorf("round %d wrote %d bytes for nothing", rounds, journal-before)
			}
			if wal := sizeOf(t, dir, "index.db-wal"); wal > 8<<20 {
				t.Errorf("after %d rounds, the index's own journal has %d bytes", rounds, wal)
			}
			if rounds == 500 || rounds == 2500 {
				var m runtime.MemStats
				runtime.GC()
				runtime.ReadMemStats(&m)
				heap[rounds] = m.HeapAlloc
			}
			return s, err
		}
		ctx, cancel := context.WithTimeout(t.Context(), 24*time.Hour)
		defer cancel()
		f := Follower{Round: round, Logger: slog.New(slog.DiscardHandler)}
		f.Await = func(ctx context.Context, id fetch.WorkflowID, _ time.Duration) (*fetch.Workflow, error) {
			return b.source.Workflow(ctx, id)
		}
		f.Unended = func(ctx context.Context, n int) ([]manifest.Workflow, error) { return record.Unended(ctx, "", n) }
		if err := f.Run(ctx); err != nil || rounds < 2500 {
			t.Errorf("%v after %d rounds", err, rounds)
		}
		if totals, err := record.Totals(t.Context()); err != nil || totals.States[manifest.Kept].Blobs != 449 || totals.Open != 1 {
			t.Errorf("%+v, %v", totals, err)
		}
		if heap[2500] > heap[500]+4<<20 {
			t.Errorf("%d bytes are in use after 2500 rounds, %d were after 500", heap[2500], heap[500])
		}
	})
}

func sizeOf(t *testing.T, dir string, name ...string) int64 {
	t.Helper()
	info, err := os.Stat(filepath.Join(dir, ".civitar", filepath.Join(name...)))
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}
