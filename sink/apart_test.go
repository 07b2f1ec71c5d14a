package sink

import (
	"encoding/json"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"civitar/internal/durable"
)

// bring writes data at a stretch of it, in pieces.
func bring(t *testing.T, p *partial, data []byte, s Span) {
	t.Helper()
	w := p.At(s.From)
	for at := s.From; at < s.To; {
		n := min(at+300_000, s.To)
		if got, err := w.Write(data[at:n]); err != nil || int64(got) != n-at {
			t.Errorf("wrote %d of %d bytes: %v", got, n-at, err)
			return
		}
		at = n
	}
}

// gatherAll moves the offset as far as it goes.
func gatherAll(t *testing.T, p *partial) {
	t.Helper()
	for before := int64(-1); before != p.Offset(); {
		before = p.Offset()
		if _, err := p.Gather(); err != nil {
			t.Fatal(err)
		}
	}
}

// fill brings what is missing of data, and commits it.
func fill(t *testing.T, d *Dir, p *partial, data []byte) {
	t.Helper()
	for _, s := range p.Missing() {
		bring(t, p, data, s)
	}
	gatherAll(t, p)
	complete(t, d, p, data)
	wantArchive(t, d.Path(), map[string][]byte{"a": data})
}

func wantMissing(t *testing.T, p *partial, want ...Span) {
	t.Helper()
	if got := p.Missing(); !slices.Equal(got, want) {
		t.Errorf("missing: %v, want %v", got, want)
	}
}

func TestBytesInAnyOrderMakeTheWhole(t *testing.T) {
	t.Parallel()
	const size = stretchSize + 5_000_001
	data := content(1, size)
	for seed := range uint64(3) {
		dir := t.TempDir()
		d := openDir(t, dir)
		p := begin(t, d, "key")
		expect(t, p, `"v"`, size)
		write(t, p, data[:777]) // as long as there is one connection
		r := rand.New(rand.NewPCG(seed, 1))
		cuts := []int64{777, size}
		for range 8 {
			cuts = append(cuts, 777+r.Int64N(size-777))
		}
		slices.Sort(cuts)
		var writers, gatherer sync.WaitGroup
		done := make(chan struct{})
		for _, i := range r.Perm(len(cuts) - 1) {
			writers.Go(func() { bring(t, p, data, Span{cuts[i], cuts[i+1]}) })
		}
		gatherer.Go(func() {
			for ended := false; !ended; {
				select {
				case <-done:
					ended = true
				default:
				}
				if _, err := p.Gather(); err != nil {
					t.Error(err)
				}
			}
		})
		writers.Wait()
		close(done)
		gatherer.Wait()
		gatherAll(t, p)
		wantMissing(t, p)
		if p.Offset() != size || p.Sum() != sumOf(data) {
			t.Fatalf("offset %d, hash %s; want %d, %s", p.Offset(), p.Sum(), size, sumOf(data))
		}
		must(t, p.Finish())
		commit(t, d, File{Writer: p, Path: "a"})
		wantArchive(t, dir, map[string][]byte{"a": data})
		if n := d.reserved.Load(); n != 0 {
			t.Errorf("%d bytes are reserved at the end", n)
		}
	}
}

// apartSize is a file of which leaveApart leaves some.
const apartSize = 8 << 20

// leaveApart leaves of data the first MiB, the third, and from the fifth on one and a half.
func leaveApart(t *testing.T, dir string, data []byte) {
	t.Helper()
	const mib = 1 << 20
	d, err := Open(dir)
	must(t, err)
	p := begin(t, d, "key")
	expect(t, p, `"v"`, int64(len(data)))
	bring(t, p, data, Span{0, mib})
	bring(t, p, data, Span{4 * mib, 5*mib + mib/2})
	bring(t, p, data, Span{2 * mib, 3 * mib})
	gatherAll(t, p)
	if p.Offset() != mib {
		t.Errorf("offset %d", p.Offset())
	}
	must(t, p.Suspend())
	must(t, d.Close())
}

func apartMissing() []Span {
	const mib = 1 << 20
	return []Span{{mib, 2 * mib}, {3 * mib, 4 * mib}, {5*mib + mib/2, 8 * mib}}
}

func TestStretchesAreTakenUpByALaterRun(t *testing.T) {
	t.Parallel()
	data := content(1, apartSize)
	dir := t.TempDir()
	leaveApart(t, dir, data)
	for range 2 { // which notes them again
		d, err := Open(dir)
		must(t, err)
		p := begin(t, d, "key")
		wantMissing(t, p, apartMissing()...)
		if v, size := p.Resume(); v != `"v"` || size != apartSize || p.Offset() != 1<<20 {
			t.Errorf("resume %q, %d, offset %d", v, size, p.Offset())
		}
		expect(t, p, `"v"`, apartSize)
		if n := d.reserved.Load(); n != 4<<20+1<<19 {
			t.Errorf("%d bytes are reserved for what is missing", n)
		}
		must(t, p.Suspend())
		must(t, d.Close())
	}
	d := openDir(t, dir)
	p := begin(t, d, "key")
	expect(t, p, `"v"`, apartSize)
	fill(t, d, p, data)
}

// A program that knows no stretches sees the first bytes, and a note without any is one.
func TestNoteOfStretchesTellsOlderProgramsOfTheFirstBytes(t *testing.T) {
	t.Parallel()
	data := content(1, apartSize)
	dir := t.TempDir()
	leaveApart(t, dir, data)
	text, err := os.ReadFile(noteOf(dir, "key"))
	must(t, err)
	var old struct {
		Synced int64
		SHA256 string
	}
	must(t, json.Unmarshal(text, &old))
	if old.Synced != 1<<20 || old.SHA256 != sumOf(data[:1<<20]) {
		t.Errorf("%+v", old)
	}
}

func TestStretchesThatNothingProvesAreNotTakenUp(t *testing.T) {
	t.Parallel()
	const mib = 1 << 20
	data := content(1, apartSize)
	alter := func(at int64) func(*testing.T, string) {
		return func(t *testing.T, dir string) {
			f, err := os.OpenFile(bytesOf(dir, "key"), os.O_WRONLY, 0)
			must(t, err)
			_, err = f.WriteAt([]byte{data[at] ^ 1}, at)
			must(t, err)
			must(t, f.Close())
		}
	}
	first, second := Span{mib, 4 * mib}, []Span{{mib, 2 * mib}, {3 * mib, 8 * mib}} // missing without the one or the other
	only := func(s ...Span) []Span { return s }
	for name, c := range map[string]struct {
		damage func(*testing.T, string)
		want   []Span
	}{
		"a byte of the first is altered":  {alter(2*mib + 5), only(first, Span{5*mib + mib/2, 8 * mib})},
		"a byte of the second is altered": {alter(5 * mib), second},
		"a byte of a gap is altered":      {alter(3*mib + 5), apartMissing()},
		"a byte before is altered":        {alter(5), only(Span{0, 8 * mib})},
		"the end is cut off":              {func(t *testing.T, dir string) { must(t, os.Truncate(bytesOf(dir, "key"), 5*mib)) }, second},
		"a hash is missing":               {editNote(func(n *note) { n.Apart[1].SHA256 = "" }), second},
		"an end is beyond the file":       {editNote(func(n *note) { n.Apart[1].To = 9 * mib }), second},
		"an end is before its beginning":  {editNote(func(n *note) { n.Apart[1].To = 0 }), second},
		"a beginning is negative":         {editNote(func(n *note) { n.Apart[0].From = -1 }), only(first, Span{5*mib + mib/2, 8 * mib})},
		"one is told of twice":            {editNote(func(n *note) { n.Apart = append(n.Apart, n.Apart[1]) }), apartMissing()},
		"they are out of their order":     {editNote(func(n *note) { slices.Reverse(n.Apart) }), only(Span{mib, 4 * mib}, Span{5*mib + mib/2, 8 * mib})},
		"none are told of":                {editNote(func(n *note) { n.Apart = nil }), only(Span{mib, 8 * mib})},
		"the note is of another key":      {editNote(func(n *note) { n.Key = "other" }), only(Span{0, 8 * mib})},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			leaveApart(t, dir, data)
			c.damage(t, dir)
			d := openDir(t, dir)
			p := begin(t, d, "key")
			if p.size < 0 {
				expect(t, p, `"v"`, apartSize)
			}
			wantMissing(t, p, c.want...)
			fill(t, d, p, data)
		})
	}
}

// A note tells of a stretch that begins among the first bytes: what has been hashed since it
// began counts once.
func TestStretchThatBeginsAmongTheFirstBytes(t *testing.T) {
	t.Parallel()
	const size = gatherSize + 3<<20
	data := content(1, size)
	dir := t.TempDir()
	d, err := Open(dir)
	must(t, err)
	p := begin(t, d, "key")
	expect(t, p, `"v"`, size)
	bring(t, p, data, Span{0, size - 1})
	if n, err := p.Gather(); n != gatherSize || err != nil {
		t.Fatalf("gathered %d, %v", n, err)
	}
	must(t, p.Suspend())
	must(t, d.Close())
	d = openDir(t, dir)
	p = begin(t, d, "key")
	wantMissing(t, p, Span{size - 1, size})
	if p.Offset() != gatherSize {
		t.Errorf("offset %d", p.Offset())
	}
	fill(t, d, p, data)
}

func TestOtherEntitiesAndPlainWritesForgetStretches(t *testing.T) {
	t.Parallel()
	data := content(1, apartSize)
	for name, c := range map[string]struct {
		act    func(*testing.T, *partial)
		offset int64
	}{
		"another validator": {func(t *testing.T, p *partial) { expect(t, p, `"w"`, apartSize) }, 1 << 20},
		"another size":      {func(t *testing.T, p *partial) { expect(t, p, `"v"`, apartSize-1) }, 1 << 20},
		"bytes in order":    {func(t *testing.T, p *partial) { write(t, p, data[1<<20:2<<20]) }, 2 << 20},
		"a new start":       {func(t *testing.T, p *partial) { must(t, p.Reset()) }, 0},
	} {
		dir := t.TempDir()
		leaveApart(t, dir, data)
		d := openDir(t, dir)
		p := begin(t, d, "key")
		c.act(t, p)
		if got := p.Missing(); p.Offset() != c.offset || len(got) > 1 {
			t.Errorf("%s: offset %d, missing %v", name, p.Offset(), got)
		}
		if info, err := os.Stat(bytesOf(dir, "key")); err != nil || info.Size() != c.offset {
			t.Errorf("%s: the partial: %v, %v", name, info, err)
		}
		write(t, p, data[p.Offset():])
		if p.Sum() != sumOf(data) {
			t.Errorf("%s: the whole has another hash", name)
		}
		must(t, p.Discard())
	}
}

func TestNotesOfStretchesAreBounded(t *testing.T) {
	t.Parallel()
	const every, size = 100_000, 3 * mostProofs * 100_000
	data := content(1, size)
	dir := t.TempDir()
	d, err := Open(dir)
	must(t, err)
	p := begin(t, d, "key")
	expect(t, p, `"v"`, size)
	for at := int64(every); at < size; at += 2 * every {
		bring(t, p, data, Span{at, at + every/2})
	}
	must(t, p.Suspend())
	must(t, d.Close())
	if info, err := os.Stat(noteOf(dir, "key")); err != nil || info.Size() > 10_000 {
		t.Errorf("the note: %v, %v", info, err)
	}
	d = openDir(t, dir)
	p = begin(t, d, "key")
	missing := p.Missing()
	if want := (Span{0, every}); len(missing) != mostProofs+1 || missing[0] != want {
		t.Errorf("%d gaps, the first %v", len(missing), missing[0])
	}
	must(t, p.Discard())
}

// A note tells only of what is durable: at whichever step the disk breaks, and loses what
// was not synced, the next run takes up all that the note tells of.
func TestNotesTellOfStretchesThatAreDurable(t *testing.T) {
	t.Parallel()
	const size, piece = noteEvery + 8<<20, 4 << 20
	data := content(1, size)
	var folder string
	var synced []byte // what is durable of the partial
	newDisk := func() *disk {
		synced = nil
		return &disk{before: func(op durable.Op, name string) error {
			if op == durable.Sync && name == partialName("key") {
				synced, _ = os.ReadFile(bytesOf(folder, "key"))
			}
			return nil
		}}
	}
	act := func(t *testing.T, d *Dir) error {
		folder = d.Path()
		w, err := d.Begin("key")
		if err != nil {
			return err
		}
		p := w.(*partial)
		defer p.file.Close()
		if err := p.Expect(`"v"`, size); err != nil {
			return err
		}
		lead, ahead := p.At(0), p.At(5*piece)
		for n := int64(0); n < 4*piece; n += piece {
			_, err := lead.Write(data[n : n+piece])
			if err == nil {
				_, err = ahead.Write(data[5*piece+n : 6*piece+n])
			}
			if err == nil {
				_, err = p.Gather()
			}
			if err != nil {
				return err
			}
		}
		return p.Suspend()
	}
	stretches := 0
	check := func(t *testing.T, dir string, done bool) {
		var n note
		text, err := os.ReadFile(noteOf(dir, "key"))
		if err == nil {
			must(t, json.Unmarshal(text, &n))
			must(t, os.WriteFile(bytesOf(dir, "key"), synced, 0o666))
		}
		stretches += len(n.Apart)
		d, err := Open(dir)
		must(t, err)
		defer d.Close()
		p := begin(t, d, "key")
		if p.size < 0 {
			expect(t, p, `"v"`, size)
		}
		left := int64(size) - n.Synced
		for _, one := range n.Apart {
			left -= one.To - max(one.From, n.Synced)
		}
		for _, s := range p.Missing() {
			left -= s.To - s.From
		}
		if left != 0 {
			t.Errorf("missing %v, and the note is %s", p.Missing(), text)
		}
		wantThere(t, p, data, p.Missing())
		if done {
			wantMissing(t, p, Span{4 * piece, 5 * piece}, Span{9 * piece, size})
		}
		must(t, p.Discard())
	}
	atEveryStepOf(t, newDisk, func(*testing.T, string) {}, act, check)
	if stretches == 0 {
		t.Error("no note told of a stretch")
	}
}

// wantThere compares all that is not missing with data.
func wantThere(t *testing.T, p *partial, data []byte, missing []Span) {
	t.Helper()
	at := int64(0)
	for _, s := range append(missing, Span{p.size, p.size}) {
		got := make([]byte, s.From-at)
		if _, err := p.file.ReadAt(got, at); err != nil && err != io.EOF || sumOf(got) != sumOf(data[at:s.From]) {
			t.Errorf("from %d up to %d the bytes are others: %v", at, s.From, err)
		}
		at = s.To
	}
}

func TestGatherTellsOfBytesThatAreGone(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	d := openDir(t, dir)
	p := begin(t, d, "key")
	expect(t, p, `"v"`, apartSize)
	bring(t, p, content(1, apartSize), Span{0, apartSize})
	must(t, os.Truncate(filepath.Join(dir, path.Join(partialDir, p.name)), 1<<20))
	if _, err := p.Gather(); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("Gather: %v", err)
	}
}

func TestNoteWithoutStretchesIsAsItWas(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	suspended(t, dir, "key", content(1, 2*noteFrom))
	text, err := os.ReadFile(noteOf(dir, "key"))
	must(t, err)
	if strings.Contains(string(text), "apart") {
		t.Errorf("%s", text)
	}
}
