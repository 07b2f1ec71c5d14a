package manifest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"syscall"
	"time"

	"github.com/gofrs/flock"
)

// LockedError says that another process holds the archive. Holder's fields are zero when
// it has not written them down.
type LockedError struct {
	Path   string
	Holder Holder
	// Until is when a lease ends that nobody renews; zero is a lock that ends with its process.
	Until time.Time
}

// Holder is the process that holds an archive.
type Holder struct {
	PID     int       `json:"pid"`
	Host    string    `json:"host"`
	Started time.Time `json:"started"`
	// Since is when the first run began of those, up to this one, that did not end in
	// order: files younger than it can be ones that no line speaks of yet.
	Since time.Time `json:"since,omitzero"`
}

func (e *LockedError) Error() string {
	if e.Holder.PID == 0 {
		return fmt.Sprintf("%s: held by another process", e.Path)
	}
	return fmt.Sprintf("%s: held by process %d on %s since %s", e.Path, e.Holder.PID, e.Holder.Host,
		e.Holder.Started.UTC().Format(time.RFC3339))
}

// lock is a lock of the kernel, which ends with the process whatever happens to it. The
// file's content only tells who holds it, and, when nobody does, who did not end in order.
type lock struct {
	f         locker
	path      string
	inherited bool // an earlier holder did not end in order
	settled   bool // this one did
}

// locker is what takeLock asks of a [flock.Flock].
type locker interface {
	TryLock() (bool, error)
	TryLockContext(ctx context.Context, every time.Duration) (bool, error)
	Unlock() error
}

func kernelLock(path string) locker { return flock.New(path) }

// takeLock tries for a moment, because a reader may just be looking whether it is held. A
// file system that keeps no locks is told to the logger; the lock is then only a text.
func takeLock(ctx context.Context, path string, locks func(string) locker, log *slog.Logger) (*lock, error) {
	f := locks(path)
	try, cancel := context.WithTimeout(ctx, 300*time.Millisecond)
	defer cancel()
	ok, err := f.TryLockContext(try, 50*time.Millisecond)
	if lockless(err) {
		ok, err = true, nil
		warnLockless(log, path)
	} else if ok && !excludes(locks(path)) {
		warnLockless(log, path)
	}
	if err != nil && (ctx.Err() != nil || !errors.Is(err, context.DeadlineExceeded)) {
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	if !ok {
		return nil, &LockedError{Path: path, Holder: readHolder(path)}
	}
	host, err := os.Hostname()
	if err != nil {
		host = "unknown host"
	}
	me := Holder{PID: os.Getpid(), Host: host, Started: time.Now().UTC()}
	before := readHolder(path).since()
	me.Since = me.Started
	if !before.IsZero() && before.Before(me.Since) {
		me.Since = before
	}
	data, err := json.Marshal(me)
	if err == nil {
		err = writeHolder(path, data)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("lock %s: %w", path, err), f.Unlock())
	}
	return &lock{f: f, path: path, inherited: !before.IsZero()}, nil
}

// lockless tells the errors of file systems that have no locks.
func lockless(err error) bool {
	return errors.Is(err, errors.ErrUnsupported) || errors.Is(err, syscall.ENOLCK)
}

// excludes tells whether a lock that is held keeps another one out: some network file
// systems grant every lock.
func excludes(second locker) bool {
	ok, err := second.TryLock()
	return err != nil || !ok || second.Unlock() != nil
}

func warnLockless(log *slog.Logger, path string) {
	log.Warn("this file system keeps no locks, as some network file systems do: see to it that one run at a time writes the archive", "lock", path)
}

// writeHolder puts a new text in the place of the old by one write: a process that is
// killed here must not take away what the old one told.
func writeHolder(path string, data []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE, 0o666)
	if err != nil {
		return err
	}
	info, err := f.Stat()
	if err == nil {
		// Windows locks the first byte against readers: the text starts at the second.
		text := append([]byte(" "), data...)
		for int64(len(text)) < info.Size() {
			text = append(text, ' ')
		}
		_, err = f.WriteAt(text, 0)
	}
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// isHeld tells whether somebody holds the lock. An error counts as held.
func isHeld(path string) bool {
	f := flock.New(path)
	ok, err := f.TryRLock() // shared: two that ask at once do not take each other for a holder
	return err != nil || !ok || f.Unlock() != nil
}

func readHolder(path string) Holder {
	var h Holder
	f, err := os.Open(path)
	if err != nil {
		return h
	}
	defer f.Close()
	buf := make([]byte, 1024)
	n, _ := f.ReadAt(buf, 1)
	if json.Unmarshal(buf[:n], &h) != nil {
		return Holder{}
	}
	return h
}

// since is when what is not settled began; zero where all is.
func (h Holder) since() time.Time {
	if h.Since.IsZero() {
		return h.Started
	}
	return h.Since
}

func (l *lock) release() error {
	var err error
	if l.settled {
		err = os.WriteFile(l.path, nil, 0o666)
	}
	return errors.Join(err, l.f.Unlock())
}
