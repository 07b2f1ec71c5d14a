package manifest

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	sys "golang.org/x/sys/unix"
)

func TestFullDiskCostsOnlyTheGroupThatMetIt(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := sys.Mount("tmpfs", dir, "tmpfs", 0, "size=4m"); err != nil {
		t.Skipf("only root can mount a small file system: %v", err)
	}
	t.Cleanup(func() {
		if err := sys.Unmount(dir, sys.MNT_DETACH); err != nil {
			t.Errorf("unmount %s: %v", dir, err)
		}
	})
	m := open(t, dir)
	add(t, m, groups(3)...)

	filler := filepath.Join(dir, "filler")
	f, err := os.Create(filler)
	must(t, err)
	block := make([]byte, 4096)
	for err == nil {
		_, err = f.Write(block)
	}
	if !errors.Is(err, sys.ENOSPC) {
		t.Fatal(err)
	}
	must(t, f.Close())

	large := groupOf(3)
	large = append(large, Blob{Workflow: "w0003", Blob: "large", State: Failed, Reason: strings.Repeat("x", 50_000)})
	if err := m.Append(t.Context(), large); !errors.Is(err, sys.ENOSPC) {
		t.Errorf("Append: %v, want %v", err, sys.ENOSPC)
	}
	must(t, os.Remove(filler))
	if err := m.Append(t.Context(), groupOf(4)); err == nil {
		t.Error("appended after a failure")
	}
	must(t, m.Close())

	m = open(t, dir)
	known, err := m.Known(t.Context(), []string{"w0000", "w0001", "w0002", "w0003", "w0004"})
	must(t, err)
	if len(known) != 3 || known["w0002"] == nil {
		t.Errorf("known are %v, want the first three", known)
	}
	add(t, m, groupOf(5)...)
	must(t, m.Close())
	if _, damage := replayed(t, dir); damage != "" {
		t.Errorf("damage: %s", damage)
	}
	wantTruth(t, dir)
}
