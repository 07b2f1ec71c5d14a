package pipeline

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestSlotsBoundWhatIsUnderWay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSlots(2)
		var at, most atomic.Int64
		for range 20 {
			go func() {
				if s.take(t.Context()) != nil {
					return
				}
				defer s.give()
				if n := at.Add(1); n > most.Load() {
					most.Store(n)
				}
				time.Sleep(time.Second) // of the fake clock
				at.Add(-1)
			}()
		}
		time.Sleep(1500 * time.Millisecond)
		if limit, reached := s.look(); limit != 2 || !reached || most.Load() != 2 {
			t.Errorf("limit %d, reached %t, at most %d at once", limit, reached, most.Load())
		}
		s.set(5)
		time.Sleep(900 * time.Millisecond)
		if at.Load() != 5 {
			t.Errorf("%d under way after the limit rose to 5", at.Load())
		}
		time.Sleep(10 * time.Second)
		if _, reached := s.look(); at.Load() != 0 || !reached {
			t.Errorf("%d under way at the end", at.Load())
		}
		if _, reached := s.look(); reached {
			t.Error("nothing is under way, and yet the limit holds things up")
		}
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		if err := s.take(ended); !errors.Is(err, context.Canceled) {
			t.Errorf("a slot for whoever has ended: %v", err)
		}
	})
}

// Who can do without a slot is told as often as others wait.
func TestSlotsAreGivenToThoseWhoWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSlots(4)
		for range 3 {
			if !s.takeSpare() {
				t.Fatal("no slot, though four are free")
			}
		}
		if s.yield() || !s.spare() {
			t.Error("a slot is wanted while one is free")
		}
		if !s.takeSpare() || s.takeSpare() || s.spare() {
			t.Error("there are other than four slots")
		}
		for range 2 {
			go func() { _ = s.take(t.Context()) }()
		}
		synctest.Wait()
		for n, want := range []bool{true, true, false} {
			if s.yield() != want {
				t.Errorf("two wait, and after %d that are promised another one is wanted: %v", n, !want)
			}
		}
		s.give()
		if synctest.Wait(); s.yield() || s.takeSpare() {
			t.Error("of two wanted slots one was given, the other is under way")
		}
		s.give()
		if synctest.Wait(); s.yield() || s.spare() {
			t.Error("nobody waits, and no slot is free")
		}
		s.set(3)
		if first, second := s.yield(), s.yield(); !first || second {
			t.Error("the bound has fallen by one, and other than one slot is wanted")
		}
		s.give()
	})
}

// A look at what came in, and the limit that must follow.
func TestTunerFindsHowManyPay(t *testing.T) {
	t.Parallel()
	type look struct {
		rate              float64
		reached, strained bool
		want              int
	}
	for name, looks := range map[string][]look{
		"more brings more, up to the most": {{100, true, false, 12}, {150, true, false, 18}, {220, true, false, 27}, {330, true, false, 32}, {400, true, false, 32}},
		"more brings nothing":              {{100, true, false, 12}, {101, true, false, 8}, {300, true, false, 8}},
		"what is not used is not raised":   {{100, false, false, 8}, {100, false, false, 8}},
		"the server asks for less":         {{100, true, false, 12}, {150, true, true, 6}, {150, true, true, 3}, {150, true, true, 2}, {150, true, true, 2}, {400, true, false, 2}},
	} {
		tn := &tuner{least: 2, most: 32, limit: 8}
		for i, l := range looks {
			if got := tn.next(l.rate, l.reached, l.strained); got != l.want {
				t.Errorf("%s: look %d: %d, want %d", name, i, got, l.want)
			}
		}
	}
	tn := &tuner{least: 2, most: 32, limit: 8}
	tn.next(100, true, true)
	for range tuneRest {
		tn.next(100, true, false)
	}
	if tn.limit <= 4 {
		t.Errorf("after a rest the limit stays at %d", tn.limit)
	}
}
