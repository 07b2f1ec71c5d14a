package sink

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"civitar/internal/durable"
)

var errBroken = errors.New("the disk is broken")

// disk writes down the steps that change it, and breaks for good at one of them.
type disk struct {
	mu     sync.Mutex
	steps  []string // "op name"
	at     int      // the step that fails, and all after it; 0 none
	before func(op durable.Op, name string) error
}

func (k *disk) hook(op durable.Op, name string) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.steps = append(k.steps, fmt.Sprint(op, " ", name))
	if k.at > 0 && len(k.steps) >= k.at {
		return errBroken
	}
	if k.before != nil {
		return k.before(op, name)
	}
	return nil
}

func (k *disk) broken() bool { return k.at > 0 && len(k.steps) >= k.at }

// open opens the folder over the disk; what is open when the test ends is closed.
func (k *disk) open(t *testing.T, dir string) *Dir {
	t.Helper()
	d, err := Open(dir, WithHook(k.hook))
	must(t, err)
	t.Cleanup(func() { _ = d.Close() })
	return d
}

// atEveryStep does something over a disk that breaks at the first step, then over one
// that breaks at the second, and so on, until it is done without a fault. After each,
// check sees what is left, as the next run would.
func atEveryStep(t *testing.T, prepare func(t *testing.T, dir string), act func(t *testing.T, d *Dir) error, check func(t *testing.T, dir string, done bool)) {
	t.Helper()
	atEveryStepOf(t, func() *disk { return &disk{} }, prepare, act, check)
}

// atEveryStepOf is atEveryStep over disks of some kind.
func atEveryStepOf(t *testing.T, newDisk func() *disk, prepare func(t *testing.T, dir string), act func(t *testing.T, d *Dir) error, check func(t *testing.T, dir string, done bool)) {
	t.Helper()
	for at, done := 1, false; !done; at++ {
		dir := t.TempDir()
		prepare(t, dir)
		k := newDisk()
		d := k.open(t, dir)
		k.at = len(k.steps) + at
		err := act(t, d)
		done = !k.broken()
		if done != (err == nil) {
			t.Fatalf("broken at step %d (%v): %v", at, k.steps, err)
		}
		check(t, dir, done)
		if t.Failed() {
			t.Fatalf("broken at step %d of %v", at, k.steps)
		}
	}
}

func TestFilesHaveTheirTimesBeforeTheyAreSynced(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	k := &disk{}
	d := k.open(t, dir)
	at := time.Date(2026, 8, 10, 22, 37, 15, 0, time.UTC)
	timed, plain := finished(t, d, "timed", []byte("one")), finished(t, d, "plain", []byte("two"))
	began := time.Now()
	commit(t, d, File{Writer: timed, Path: "media/timed", Time: at}, File{Writer: plain, Path: "media/plain"})

	info, err := os.Stat(filepath.Join(dir, "media", "timed"))
	must(t, err)
	if !info.ModTime().Equal(at) {
		t.Errorf("modified at %v, want %v", info.ModTime(), at)
	}
	info, err = os.Stat(filepath.Join(dir, "media", "plain"))
	must(t, err)
	if age := began.Sub(info.ModTime()); age.Abs() > time.Minute {
		t.Errorf("a file without a time was modified %v before its Commit", age)
	}
	for _, p := range []*partial{timed, plain} {
		var ops []string
		for _, s := range k.steps {
			op, name, _ := strings.Cut(s, " ")
			if path.Base(name) == p.name || name == "media/"+p.key {
				ops = append(ops, op)
			}
		}
		want := []string{"create", "write", "settime", "sync", "rename"}
		if p == plain {
			want = slices.Delete(want, 2, 3)
		}
		if !slices.Equal(ops, want) {
			t.Errorf("the steps of %s are %v, want %v", p.key, ops, want)
		}
	}
}

func TestAFaultOfTheTimeIsTold(t *testing.T) {
	t.Parallel()
	k := &disk{before: func(op durable.Op, _ string) error {
		if op == durable.SetTime {
			return errBroken
		}
		return nil
	}}
	dir := t.TempDir()
	d := k.open(t, dir)
	p := finished(t, d, "key", nil)
	if err := d.Commit(context.Background(), []File{{Writer: p, Path: "a", Time: time.Unix(1, 0)}}); !errors.Is(err, errBroken) {
		t.Errorf("Commit: %v, want %v", err, errBroken)
	}
	wantFiles(t, dir, path.Join(partialDir, p.name))
}
