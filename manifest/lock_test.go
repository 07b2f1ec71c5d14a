package manifest

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

func wantLocked(t *testing.T, dir string, pid int) {
	t.Helper()
	m, err := Open(t.Context(), dir, Options{Source: source})
	if err == nil {
		t.Fatal("opened an archive that another holds", m.Close())
	}
	var locked *LockedError
	if !errors.As(err, &locked) {
		t.Fatalf("%v, want a LockedError", err)
	}
	host, herr := os.Hostname()
	must(t, herr)
	if h := locked.Holder; h.PID != pid || h.Host != host || time.Since(h.Started) > time.Hour {
		t.Errorf("the holder is %+v, want process %d on %s", h, pid, host)
	}
	if !strings.Contains(err.Error(), strconv.Itoa(pid)) || !strings.Contains(err.Error(), host) {
		t.Errorf("the error names no holder: %v", err)
	}
}

func TestArchiveHasOneWriterAtATime(t *testing.T) {
	t.Parallel()
	dir := archive(t, groupOf(0)...)
	m := open(t, dir)
	wantLocked(t, dir, os.Getpid())
	add(t, m, groupOf(1)...) // not disturbed
	must(t, m.Close())
	wantTruth(t, dir)
}

func TestArchiveHeldByAnotherProcessCanBeReadOnly(t *testing.T) {
	t.Parallel()
	dir := archive(t, groups(2)...)
	child, _ := process(t, "hold", dir)
	before := readFile(t, segmentPath(dir, 1))
	wantLocked(t, dir, child.Process.Pid)
	totals, err := read(t, dir).Totals(t.Context())
	if err != nil || totals.Workflows != 2 {
		t.Errorf("read %+v, %v", totals, err)
	}
	if string(readFile(t, segmentPath(dir, 1))) != string(before) {
		t.Error("the journal was changed under its holder")
	}
	wantLocked(t, dir, child.Process.Pid) // also after a reader has looked
}

func TestKilledWriterLosesNothingThatItReported(t *testing.T) {
	t.Parallel()
	for _, last := range []int{0, 1, 7, 40} {
		dir := archive(t)
		child, lines := process(t, "append", dir)
		for i := 0; i <= last; i++ {
			if !lines.Scan() || lines.Text() != strconv.Itoa(i) {
				t.Fatalf("the writer says %q, want %d", lines.Text(), i)
			}
		}
		must(t, child.Process.Kill())
		reported := last
		for lines.Scan() { // what it still said
			reported++
		}
		_ = child.Wait()

		want := truth(t, dir)
		wantDump(t, "Read", dump(t, read(t, dir).index), want)
		m := open(t, dir) // the lock ended with its process
		wantDump(t, "Open", dump(t, m.index), want)
		totals, err := m.index.Totals(t.Context())
		must(t, err)
		if n := totals.States[Kept].Blobs; n < int64(reported+1) {
			t.Errorf("%d groups are there of %d reported", n, reported+1)
		}
		must(t, m.Close())
	}
}

func TestCancelledOpenIsNoLockedError(t *testing.T) {
	t.Parallel()
	dir := archive(t)
	open(t, dir)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := Open(ctx, dir, Options{Source: source})
	var locked *LockedError
	if !errors.Is(err, context.Canceled) || errors.As(err, &locked) {
		t.Errorf("%v, want %v", err, context.Canceled)
	}
}

func TestHolderThatIsNotWrittenDownIsUnknown(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "garbage", " {\"pid\":\"x\"}"} {
		dir := archive(t)
		l, err := takeLock(t.Context(), statePath(dir, lockFile), kernelLock, slog.New(slog.DiscardHandler))
		must(t, err)
		must(t, os.WriteFile(statePath(dir, lockFile), []byte(text), 0o666))
		_, err = Open(t.Context(), dir, Options{Source: source})
		var locked *LockedError
		if !errors.As(err, &locked) || locked.Holder != (Holder{}) || !strings.Contains(err.Error(), "another process") {
			t.Errorf("%q: %v", text, err)
		}
		must(t, l.release())
	}
}

// What a run that died leaves without a line is told from what is foreign by this.
func TestLockTellsSinceWhenRunsHaveNotEndedInOrder(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "archive")
	hold := func() (since time.Time, m *Manifest) {
		t.Helper()
		m = open(t, dir)
		return readHolder(statePath(dir, lockFile)).since(), m
	}
	since := func() time.Time { return readHolder(statePath(dir, lockFile)).since() }
	first, m := hold()
	must(t, m.Close())
	if got := since(); first.IsZero() || !got.Equal(first) {
		t.Fatalf("after a run that did not settle: %v, want %v", got, first)
	}
	again, m := hold()
	m.Settle(false) // over a part of the account only
	must(t, m.Close())
	if !again.Equal(first) || !since().Equal(first) {
		t.Errorf("the next run is held since %v, then %v; want %v", again, since(), first)
	}
	_, m = hold()
	m.Settle(true)
	must(t, m.Close())
	if !since().IsZero() {
		t.Errorf("after a run that settled: %v", since())
	}
	_, m = hold()
	m.Settle(false) // nothing was left to it
	must(t, m.Close())
	if !since().IsZero() {
		t.Errorf("after a part that settled: %v", since())
	}

	// Several runs of one holder: the last one counts, and what a whole one has settled stays so.
	began, m := hold()
	m.Settle(true)
	m.Unsettle()
	must(t, m.Close())
	if !since().Equal(began) {
		t.Errorf("after a second run that did not settle: %v, want %v", since(), began)
	}
	_, m = hold()
	m.Settle(true)
	m.Unsettle()
	m.Settle(false)
	must(t, m.Close())
	if !since().IsZero() {
		t.Errorf("after a whole run and a part that settled: %v", since())
	}
}

// fakeLock is a lock of a network file system.
type fakeLock struct{ err error }

func (f fakeLock) TryLock() (bool, error)                                      { return f.err == nil, f.err }
func (f fakeLock) TryLockContext(context.Context, time.Duration) (bool, error) { return f.TryLock() }
func (f fakeLock) Unlock() error                                               { return nil }

func TestFileSystemWithoutLocksIsToldAndUsed(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		lock  locker
		warns bool
	}{
		"grants every lock": {fakeLock{}, true},
		"has none":          {fakeLock{syscall.ENOLCK}, true},
		"supports none":     {fakeLock{syscall.ENOTSUP}, true},
		"keeps them":        {nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), lockFile)
			locks := kernelLock
			if c.lock != nil {
				locks = func(string) locker { return c.lock }
			}
			var log bytes.Buffer
			l, err := takeLock(t.Context(), path, locks, slog.New(slog.NewTextHandler(&log, nil)))
			must(t, err)
			if got := strings.Contains(log.String(), "keeps no locks"); got != c.warns {
				t.Errorf("the log says %q", log.String())
			}
			if readHolder(path).PID != os.Getpid() {
				t.Error("the holder is not written down")
			}
			must(t, l.release())
		})
	}
}
