package sink

import (
	"errors"
	"fmt"
	"math"
	"sync"
	"time"
)

const (
	// keepFree is room that transfers leave for the journal and the index, so that a
	// full disk can still be written down.
	keepFree = 8 << 20
	// smallFile is a size whose transfer asks for free space only when space is short.
	smallFile = 1 << 20
	// ample is the free space above which small files are not worth a system call.
	ample    = 1 << 30
	spaceAge = time.Second
)

// spaceCache remembers the free space for a moment: asking is a system call, and small
// blobs come by the thousand.
type spaceCache struct {
	mu   sync.Mutex
	at   time.Time
	free uint64
}

func (c *spaceCache) get(path string, small bool) (uint64, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.at.IsZero() && time.Since(c.at) < spaceAge && small && c.free > ample {
		return c.free, nil
	}
	free, err := freeSpace(path)
	if err != nil {
		return 0, err
	}
	c.at, c.free = time.Now(), free
	return free, nil
}

// reserve sets n bytes aside for this writer, or says that they cannot fit beside what
// the other transfers in flight have yet to write.
func (p *partial) reserve(n int64) error {
	if n <= 0 {
		return nil
	}
	others := p.dir.reserved.Add(n) - n
	p.reserved = n
	err := p.dir.fits(n, others)
	if err != nil {
		p.release(n)
	}
	return err
}

// Room tells whether n more bytes fit on the disk beside what the transfers in flight have
// yet to write: it returns a [*SpaceError] when they do not.
func (d *Dir) Room(n int64) error { return d.fits(n, d.reserved.Load()) }

func (d *Dir) fits(n, others int64) error {
	free, err := d.space.get(d.path, n < smallFile)
	if errors.Is(err, errors.ErrUnsupported) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("free space of %s: %w", d.path, err)
	}
	others = max(others, 0)
	if need := uint64(n) + uint64(others) + keepFree; need > free {
		room := int64(min(free, math.MaxInt64)) - others - keepFree
		return &SpaceError{Path: d.path, Need: uint64(n), Free: uint64(max(room, 0))}
	}
	return nil
}

func (p *partial) release(n int64) {
	n = min(n, p.reserved)
	p.reserved -= n
	p.dir.reserved.Add(-n)
}

// Full tells an error of a disk that is full.
func Full(err error) bool { return err != nil && isFull(err) }

// spaceOr gives a full disk its own name.
func spaceOr(err error) error {
	if Full(err) {
		return fmt.Errorf("%w: %w", ErrNoSpace, err)
	}
	return err
}
