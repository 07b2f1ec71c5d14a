package manifest

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// TestDamagedIndexIsMadeAnew overwrites pages in the middle of the index, where opening it
// sees nothing wrong: the first question that meets the damage says so, and the next Open
// has all the answers again.
func TestDamagedIndexIsMadeAnew(t *testing.T) {
	ctx := t.Context()
	dir := t.TempDir()
	open := func() *Manifest {
		m, err := Open(ctx, dir, Options{Source: Sandbox})
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	m := open()
	var lines []Line
	for i := range 2000 {
		lines = append(lines, Blob{Workflow: fmt.Sprintf("w%05d", i), Blob: "b.jpg", State: Kept, Path: fmt.Sprintf("media/%05d.jpg", i), Size: 1})
	}
	if err := m.Append(ctx, lines); err != nil {
		t.Fatal(err)
	}
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, stateDir, indexFile)
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := len(data) / 3; i < len(data)*2/3; i++ {
		data[i] = 0xa5
	}
	if err := os.WriteFile(path, data, 0o666); err != nil {
		t.Fatal(err)
	}

	m = open()
	var found error
	for i := 0; i < 2000 && found == nil; i += 50 {
		_, found = m.Known(ctx, []string{fmt.Sprintf("w%05d", i)})
	}
	if !errors.Is(found, ErrIndex) {
		t.Fatalf("got %v, want ErrIndex", found)
	}
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	m = open()
	defer m.Close()
	known, err := m.Known(ctx, []string{"w00000", "w01000", "w01999"})
	if err != nil || len(known) != 3 {
		t.Fatalf("%d known, %v", len(known), err)
	}
}

func TestNewerSummaryIsRefused(t *testing.T) {
	dir := t.TempDir()
	m, err := Open(t.Context(), dir, Options{Source: Sandbox})
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, stateDir, summaryFile)
	newer := []byte(`{"format": 99, "more": true}`)
	if err := os.WriteFile(path, newer, 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), dir, Options{Source: Sandbox}); !errors.Is(err, ErrNewerFormat) {
		t.Errorf("got %v", err)
	}
	if data, err := os.ReadFile(path); err != nil || string(data) != string(newer) {
		t.Errorf("it was changed: %s, %v", data, err)
	}
}
