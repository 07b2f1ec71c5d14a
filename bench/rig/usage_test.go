package rig

import (
	"os/exec"
	"runtime"
	"testing"
	"time"
)

// TestUsageIsOfTheCommandAlone starts a small command from a large process, whose memory it
// must not be given, and one that works, whose time it must.
func TestUsageIsOfTheCommandAlone(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows does not tell the peak memory of a process that has ended")
	}
	launcher, err := NewLauncher(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	large := make([]byte, 100<<20)
	for i := range large {
		large[i] = 1
	}
	small, err := launcher.Run(exec.Command("true"))
	if err != nil {
		t.Fatal(err)
	}
	if small.PeakMB() > 20 || small.Peak == 0 {
		t.Errorf("true had %.0f MB resident", small.PeakMB())
	}
	runtime.KeepAlive(large)

	busy, err := launcher.Run(exec.Command("sh", "-c", `sh -c 'i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done'`))
	if err != nil {
		t.Fatal(err)
	}
	if busy.CPU < 5*time.Millisecond || busy.Wall < busy.CPU/2 || time.Since(busy.Start) > time.Minute {
		t.Errorf("a busy grandchild took %+v", busy)
	}
}

func TestFailureIsTold(t *testing.T) {
	launcher, err := NewLauncher(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("sh", "-c", "exit 3")
	if _, err := launcher.Run(cmd); err == nil || cmd.ProcessState.ExitCode() != 3 {
		t.Errorf("a command that exits 3 ended with %v", err)
	}
}
