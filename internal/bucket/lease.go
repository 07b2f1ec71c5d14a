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
}

// lease is the archive held.
type lease struct {
	store *Store
	owner string
	stop  context.CancelFunc
	ended chan struct{}

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
	l := &lease{store: s, owner: owner, ended: make(chan struct{})}
	l.terms = terms{Holder: manifest.Holder{PID: os.Getpid(), Host: host, Started: time.Now().UTC()}, Owner: owner}
	if err := l.take(ctx); err != nil {
		return err
	}
	renewing, stop := context.WithCancel(context.WithoutCancel(ctx))
	l.stop, s.lease = stop, l
	go l.renew(renewing) // until Release
	return nil
}

func (l *lease) take(ctx context.Context) error {
	err := l.write(ctx, "*")
	for errors.Is(err, errTaken) {
		var there *terms
		var etag string
		if there, etag, err = l.store.leased(ctx); err != nil {
			return err
		}
		switch {
		case there == nil: // given back just now
			err = l.write(ctx, "*")
		case (there.Owner != l.owner || there.Host != l.terms.Host) && time.Now().Before(there.Until): // folders can be shared
			return &manifest.LockedError{Path: l.store.String(), Holder: there.Holder, Until: there.Until}
		default:
			err = l.write(ctx, etag)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	return err
}

func (l *lease) write(ctx context.Context, match string) error {
	l.terms.Until = time.Now().UTC().Add(leaseFor)
	data, err := json.Marshal(l.terms)
	if err != nil {
		return err
	}
	etag, err := l.store.put(ctx, leaseFile, append(data, '\n'), "application/json", match)
	if err == nil {
		l.etag = etag
	}
	return err
}

// leased reads the lease, nil where nobody holds the archive.
func (s *Store) leased(ctx context.Context) (*terms, string, error) {
	data, etag, err := s.get(ctx, leaseFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, "", nil
	}
	if err != nil {
		return nil, "", err
	}
	t := &terms{}
	if json.Unmarshal(data, t) != nil {
		t = &terms{} // damaged: it has run out
	}
	return t, etag, nil
}

// Holder is the run that holds the archive, from wherever; zero is none.
func (s *Store) Holder(ctx context.Context) (manifest.Holder, error) {
	t, _, err := s.leased(ctx)
	if err != nil || t == nil || time.Now().After(t.Until) {
		return manifest.Holder{}, err
	}
	return t.Holder, nil
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
		if err := l.write(ctx, l.etag); errors.Is(err, errTaken) || errors.Is(err, fs.ErrNotExist) {
			l.lost = fmt.Errorf("%s: another run has taken the archive over while this one could not renew its lease: run the same command again when that has ended", l.store.Location)
		}
		l.mu.Unlock()
	}
}

// holds is nil as long as the archive is still this run's, for all it knows.
func (l *lease) holds() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.lost
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
	if l.lost != nil {
		return nil
	}
	there, etag, err := s.leased(ctx)
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
