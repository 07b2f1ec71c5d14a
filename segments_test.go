package main

import (
	"encoding/json"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"civitar/internal/sandbox"
)

// noted is how many bytes of unfinished downloads the notes of an archive vouch for, and of
// them how many are out of their order.
func noted(t *testing.T, dest string) (all, apart int64) {
	t.Helper()
	notes, err := filepath.Glob(filepath.Join(dest, ".civitar", "partial", "*.json"))
	must(t, err)
	for _, name := range notes {
		var n struct {
			Synced int64
			Apart  []struct{ From, To int64 }
		}
		data, err := os.ReadFile(name)
		must(t, err)
		must(t, json.Unmarshal(data, &n))
		for _, s := range n.Apart {
			apart += s.To - max(s.From, n.Synced)
		}
		all += n.Synced
	}
	return all + apart, apart
}

// killAt kills a run when the server has sent so many bytes, unless it ends before.
func (a *account) killAt(cmd *exec.Cmd, bytes int64, exited chan error) {
	look := time.NewTicker(5 * time.Millisecond)
	defer look.Stop()
	for a.Stats().ContentBytes < bytes {
		select {
		case err := <-exited:
			exited <- err
			return
		case <-look.C:
		}
	}
	_ = cmd.Process.Kill()
}

// TestKilledLargeBlobsGoOn kills runs that bring a large blob over several connections, and
// counts what the server sends: the next run asks for nothing that was noted.
func TestKilledLargeBlobsGoOn(t *testing.T) {
	t.Parallel()
	const (
		size   = 192 << 20
		perSec = 24 << 20 // of each connection
		slack  = 8 << 20  // that is on its way when a connection is closed
	)
	a := newAccount(t, sandbox.Options{Workflows: 1, Large: size, Faults: sandbox.Faults{BytesPerSecond: perSec}})
	dest := filepath.Join(t.TempDir(), "archive")
	kills, most := 0, int64(0)
	for ended := false; !ended; {
		has, apart := noted(t, dest)
		most = max(most, apart)
		before := a.Stats().ContentBytes
		cmd := a.archive(t, dest)
		must(t, cmd.Start())
		exited := make(chan error, 1)
		go func() { exited <- cmd.Wait() }()
		if kills < 4 {
			a.killAt(cmd, before+40<<20+rand.Int64N(60<<20), exited)
		}
		if ended = <-exited == nil; !ended {
			kills++
		}
		a.settle(t)
		if came := a.Stats().ContentBytes - before; came > size-has+slack {
			t.Errorf("%d bytes came, although %d of %d were noted", came, has, size)
		}
	}
	checkWhole(t, a, dest)
	wantClean(t, dest)
	if a.Stats().Ranges == 0 || kills == 0 || most == 0 {
		t.Errorf("%d parts were asked for, %d runs killed, %d bytes noted out of their order", a.Stats().Ranges, kills, most)
	}
	t.Logf("%d kills, %d MiB noted out of their order at most, %d bytes of %d came in vain", kills, most>>20, a.Stats().ContentBytes-size, size)
}
