package sink

import (
	"errors"
	"testing"
	"time"
)

func TestExpectRefusesWhatCannotFit(t *testing.T) {
	t.Parallel()
	d := openDir(t, t.TempDir())
	p := begin(t, d, "key")
	err := p.Expect("v", 1<<60)
	var full *SpaceError
	if !errors.As(err, &full) || !errors.Is(err, ErrNoSpace) {
		t.Fatalf("Expect: %v, want a SpaceError", err)
	}
	if full.Need != 1<<60 || full.Free == 0 || full.Path != d.Path() {
		t.Errorf("%+v", full)
	}
	if n := d.reserved.Load(); n != 0 {
		t.Errorf("%d bytes are reserved for a file that was refused", n)
	}
	expect(t, p, "v", 10) // a smaller one has its room
}

func TestRoomIsSetAsideForWhatIsYetToBeWritten(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		act  func(*testing.T, *partial)
		want int64
	}{
		{"expected", func(*testing.T, *partial) {}, 1000},
		{"some written", func(t *testing.T, p *partial) { write(t, p, make([]byte, 400)) }, 600},
		{"all written", func(t *testing.T, p *partial) { write(t, p, make([]byte, 1000)) }, 0},
		{"more written than expected", func(t *testing.T, p *partial) {
			write(t, p, make([]byte, 900))
			write(t, p, make([]byte, 900))
		}, 0},
		{"finished early", func(t *testing.T, p *partial) { must(t, p.Finish()) }, 0},
		{"suspended", func(t *testing.T, p *partial) { must(t, p.Suspend()) }, 0},
		{"discarded", func(t *testing.T, p *partial) { must(t, p.Discard()) }, 0},
		{"expected anew", func(t *testing.T, p *partial) { expect(t, p, "v", 300) }, 300},
		{"expected anew, for the rest", func(t *testing.T, p *partial) {
			write(t, p, make([]byte, 100))
			expect(t, p, "v", 300)
		}, 200},
		{"expected anew, less than there is", func(t *testing.T, p *partial) {
			write(t, p, make([]byte, 400))
			expect(t, p, "v", 300)
		}, 0},
		{"expected anew, unknown", func(t *testing.T, p *partial) { expect(t, p, "v", -1) }, 0},
		{"reset and expected anew", func(t *testing.T, p *partial) {
			write(t, p, make([]byte, 400))
			must(t, p.Reset())
			expect(t, p, "w", 700)
		}, 700},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := openDir(t, t.TempDir())
			other := begin(t, d, "other")
			expect(t, other, "v", 50)
			p := begin(t, d, "key")
			expect(t, p, "v", 1000)
			tt.act(t, p)
			if n := d.reserved.Load() - 50; n != tt.want {
				t.Errorf("%d bytes are reserved, want %d", n, tt.want)
			}
			_ = p.Discard() // the second end of some, which releases nothing twice
			must(t, other.Discard())
			if n := d.reserved.Load(); n != 0 {
				t.Errorf("%d bytes are reserved at the end", n)
			}
		})
	}
}

func TestRoomCountsTheOtherTransfersInFlight(t *testing.T) {
	t.Parallel()
	d := openDir(t, t.TempDir())
	const free = ample + 1
	d.space.at, d.space.free = time.Now().Add(time.Hour), free // asked a moment ago, for as long as the test takes
	tests := []struct {
		name   string
		others int64
		size   int64
		fits   bool
	}{
		{"alone", 0, 1000, true},
		{"exactly", free - keepFree - 1000, 1000, true},
		{"a byte too much", free - keepFree - 1000, 1001, false},
		{"nothing left", 2 * free, 1, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := begin(t, d, "key")
			d.reserved.Add(tt.others)
			err := p.Expect("v", tt.size)
			if tt.fits != (err == nil) || !tt.fits && !errors.Is(err, ErrNoSpace) {
				t.Errorf("Expect: %v, want it to fit: %v", err, tt.fits)
			}
			d.reserved.Add(-tt.others)
			must(t, p.Discard())
			if n := d.reserved.Load(); n != 0 {
				t.Errorf("%d bytes are reserved at the end", n)
			}
		})
	}
}
