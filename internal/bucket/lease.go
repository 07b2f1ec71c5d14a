package bucket

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"civitar/manifest"
)

const (
	leaseFile = ".civitar/lease"
	// leaseFor is how long a lease lasts that nobody renews, and a third of it how often its
	// holder does. A run that was killed keeps other machines waiting for so long.
	leaseFor = 2 * time.Minute
)

// terms are what the lease's object says.
type terms struct {
	manifest.Holder
	Owner string    `json:"owner"` // whose copy of the record it is
	Until time.Time `json:"until"`
	// Held is false while one of several still looks whether it is alone.
	Held bool `json:"held,omitempty"`
}

// lease is the archive held.
type lease struct {
	store *Store
	owner string
	stop  context.CancelFunc
	ended chan struct{}
	// name is the lease's object: [leaseFile], or one of the run's own beside those of others
	// where the store knows no conditions.
	name   string
	beside bool

	mu    sync.Mutex
	terms terms
	etag  string
	lost  error
}

// Hold takes the archive's lease, and goes on renewing it until Release. dir is the local
// copy of the record, which the caller has to itself: a lease of an earlier run from there
// is taken over at once, another's when it has run out. Errors: [*manifest.LockedError].
func (s *Store) Hold(ctx context.Context, dir string) error {
	owner, err := ownerOf(dir)
	if err != nil {
		return err
	}
	host, err := os.Hostname()
	if err != nil {
		host = "unknown host"
	}
	l := &lease{store: s, name: leaseFile, owner: owner, ended: make(chan struct{})}
	l.terms = terms{Holder: manifest.Holder{PID: os.Getpid(), Host: host, Started: time.Now().UTC()}, Owner: owner}
	if err = l.take(ctx); errors.Is(err, errUnconditional) {
		err = l.takeBeside(ctx)
	}
	if err != nil {
		return err
	}
	renewing, stop := context.WithCancel(context.WithoutCancel(ctx))
	l.stop, s.lease = stop, l
	go l.renew(renewing) // until Release
	return nil
}

// take takes the one lease, on conditions that the store enforces. Errors: errUnconditional
// where it does not.
func (l *lease) take(ctx context.Context) error {
	err := l.write(ctx, "*")
	for errors.Is(err, errTaken) {
		var there *terms
		var etag string
		if there, etag, err = l.store.leased(ctx, l.name); err != nil {
			return err
		}
		switch {
		case there == nil: // given back just now
			err = l.write(ctx, "*")
		case !l.mine(there) && time.Now().Before(there.Until):
			return l.locked(there)
		default:
			err = l.write(ctx, etag)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	// What was taken is proof of nothing yet: some stores pass over a condition in silence.
	for _, unmet := range []string{"*", noTag} {
		if err == nil {
			err = l.unmet(ctx, unmet)
		}
	}
	return err
}

// mine tells whether a lease is of this copy of the record, which its run no longer has.
// Folders can be shared among hosts.
func (l *lease) mine(t *terms) bool { return t.Owner == l.owner && t.Host == l.terms.Host }

func (l *lease) locked(by *terms) error {
	return &manifest.LockedError{Path: l.store.String(), Holder: by.Holder, Until: by.Until}
}

// noTag is no object's.
const noTag = "00000000000000000000000000000000"

// unmet puts the lease once more on a condition that is not met, which must be refused.
func (l *lease) unmet(ctx context.Context, match string) error {
	switch err := l.write(ctx, match); {
	case err == nil:
		return errUnconditional
	case !errors.Is(err, errTaken):
		return err
	}
	return nil
}

// takeBeside takes the archive where the store knows no conditions. Each run puts a lease of
// its own, and then looks for others: of two that do so at once, the one that looks last
// sees both. Who sees another does not go on, so two never do. That one of them does, the
// lowest name waits while the others look, and withdraw.
func (l *lease) takeBeside(ctx context.Context) (err error) {
	if err := l.store.remove(ctx, leaseFile); err != nil { // where the try was not refused
		return err
	}
	l.name, l.beside = leaseFile+"-"+rand.Text(), true
	if err := l.write(ctx, ""); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, l.store.remove(context.WithoutCancel(ctx), l.name))
		}
	}()
	for look := 1; ; look++ {
		by, first, err := l.others(ctx)
		if err != nil {
			return err
		}
		if by == nil {
			l.terms.Held = true
			return l.write(ctx, "")
		}
		if by.Held || !first || look == looks {
			return l.locked(by)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(lookAgain):
		}
	}
}

const (
	// looks is how often the lowest of several names looks whether the others have withdrawn,
	// and lookAgain what lies between.
	looks     = 20
	lookAgain = time.Second
	// tolerance is what a store's times may be off.
	tolerance = 10 * time.Second
)

// others finds a run that has a lease, too: one that holds the archive, if there is one; nil
// if there is none at all. It tells whether this run's name comes before all of theirs. A
// lease that has run out by the store's own clock is removed.
func (l *lease) others(ctx context.Context) (by *terms, first bool, err error) {
	var all []object
	var own *object
	for o, err := range l.store.list(ctx, leaseFile+"-") {
		switch {
		case err != nil:
			return nil, false, err
		case o.name == l.name:
			own = &o
		default:
			all = append(all, o)
		}
	}
	if own == nil {
		return nil, false, &Error{Place: l.store.URL(l.name), Why: "the store does not list what was just put there, nor does it know conditional writes, so two runs could not be kept apart: use another store"}
	}
	first = true
	for _, o := range all {
		there, _, err := l.store.leased(ctx, o.name)
		switch {
		case err != nil:
			return nil, false, err
		case there == nil: // given back just now
		case l.mine(there) || own.modified.Sub(o.modified) > leaseFor+tolerance:
			if err := l.store.remove(ctx, o.name); err != nil {
				return nil, false, err
			}
		default:
			if by == nil || there.Held {
				by = there
			}
			first = first && l.name < o.name
		}
	}
	return by, first, nil
}

// isLease tells whether the path, relative to the archive, is a run's lease.
func isLease(name string) bool {
	return name == leaseFile || strings.HasPrefix(name, leaseFile+"-")
}

// write puts the lease, and with it begins its time anew.
func (l *lease) write(ctx context.Context, match string) error {
	t := l.terms
	t.Until = time.Now().UTC().Round(0).Add(leaseFor) // by the clock on the wall, which goes on while a machine sleeps
	data, err := json.Marshal(t)
	if err != nil {
		return err
	}
	etag, err := l.store.put(ctx, l.name, append(data, '\n'), "application/json", match)
	if err == nil {
		l.terms, l.etag = t, etag
	}
	return err
}

// leased reads a lease, nil where there is none.
func (s *Store) leased(ctx context.Context, name string) (*terms, string, error) {
	data, etag, err := s.get(ctx, name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, "", nil
	}
	if err != nil {
		return nil, "", err
	}
	t := &terms{}
	if json.Unmarshal(data, t) != nil {
		t = &terms{Held: true} // damaged: by itself it has run out, beside others it is somebody's
	}
	return t, etag, nil
}

// Holder is the run that holds the archive, from wherever; zero is none.
func (s *Store) Holder(ctx context.Context) (manifest.Holder, error) {
	for o, err := range s.list(ctx, leaseFile) {
		if err != nil {
			return manifest.Holder{}, err
		}
		if !isLease(o.name) {
			continue
		}
		t, _, err := s.leased(ctx, o.name)
		if err != nil {
			return manifest.Holder{}, err
		}
		if t != nil && time.Now().Before(t.Until) {
			return t.Holder, nil
		}
	}
	return manifest.Holder{}, nil
}

// renew keeps the lease. What cannot be renewed because the store cannot be reached is
// tried again; what another has taken is lost.
func (l *lease) renew(ctx context.Context) {
	defer close(l.ended)
	tick := time.NewTicker(leaseFor / 3)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		l.mu.Lock()
		_ = l.again(ctx)
		l.mu.Unlock()
	}
}

// again renews the lease once, unless it is lost.
func (l *lease) again(ctx context.Context) (err error) {
	if l.lost != nil {
		return nil
	}
	taken := false
	if l.beside {
		taken, err = l.againBeside(ctx)
	} else {
		err = l.write(ctx, l.etag)
		taken = errors.Is(err, errTaken) || errors.Is(err, fs.ErrNotExist)
	}
	if taken {
		l.lost = fmt.Errorf("%s: another run has taken the archive over while this one could not renew its lease: run the same command again when that has ended", l.store.Location)
	}
	return err
}

// againBeside tells whether another run has come in since this one's lease ran out, if it did.
func (l *lease) againBeside(ctx context.Context) (taken bool, err error) {
	before := l.terms
	if err := l.write(ctx, ""); err != nil || time.Now().Before(before.Until) {
		return false, err
	}
	by, _, err := l.others(ctx)
	if err != nil {
		l.terms = before // nobody has looked yet
	}
	if by != nil { // this run's must not stand in the way of those that come
		err = l.store.remove(ctx, l.name)
	}
	return by != nil, err
}

// holds is nil as long as the archive is still this run's, for all it knows.
func (l *lease) holds(ctx context.Context) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.beside && !time.Now().Before(l.terms.Until) {
		if err := l.again(ctx); err != nil {
			return err
		}
	}
	return l.lost
}

// until is when the lease runs out that nobody renews.
func (l *lease) until() time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.terms.Until
}

// Release gives the lease back, if it is held.
func (s *Store) Release(ctx context.Context) error {
	l := s.lease
	if l == nil {
		return nil
	}
	s.lease = nil
	l.stop()
	<-l.ended
	if l.beside {
		return s.remove(ctx, l.name)
	}
	if l.lost != nil {
		return nil
	}
	there, etag, err := s.leased(ctx, l.name)
	if err != nil || there == nil || etag != l.etag {
		return err
	}
	return s.remove(ctx, leaseFile)
}

// ownerOf is the mark of a copy of the record, made when it is first asked for.
func ownerOf(dir string) (string, error) {
	name := filepath.Join(dir, "owner")
	data, err := os.ReadFile(name)
	if err == nil && len(data) > 0 {
		return string(data), nil
	}
	owner := rand.Text()
	return owner, os.WriteFile(name, []byte(owner), 0o666)
}
