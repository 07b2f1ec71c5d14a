package pipeline

import (
	"context"
	"time"

	"civitar/fetch"
)

// lingering is how long a run lingers: it must come to an end also where transfers never do.
const lingering = time.Hour

// Look says what a run asks for that only looks for what is new. It lists from the newest
// down to what is covered, whatever the policy goes by, asks by id for those that are named
// and no others, leaves alone what failed, and writes a line only where something has changed.
type Look struct {
	// Again are the workflows that are asked for by id.
	Again []fetch.WorkflowID
	// Down, unless it is zero, is down to when the listing goes, also where all is covered.
	Down time.Time
}

// settle waits until all that was listed has ended. A run that lingers looks meanwhile at what
// is new, so that nothing has to wait for a large transfer.
func (w *walk) settle(ctx context.Context) error {
	for began := time.Now(); ; {
		barrier := &page{ended: make(chan struct{})}
		if err := send(ctx, w.out, barrier); err != nil {
			return err
		}
		var again <-chan time.Time
		if w.Linger > 0 && time.Since(began) < lingering {
			again = time.After(w.Linger)
		}
		select {
		case <-barrier.ended:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		case <-again:
		}
		// What this run has come by is covered ground, whatever the record says as yet.
		later := &walk{run: w.run, out: w.out, look: &Look{}, later: true, newest: w.newest, spans: complete(w.newest)}
		err := later.downwards(ctx)
		if w.newest = later.newest; err != nil {
			return err
		}
	}
}
