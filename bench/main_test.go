package main

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

// tiny is a workload that is made in no time.
func tiny(t *testing.T, count int) *workload {
	t.Helper()
	w := &workload{name: "tiny", count: count, size: 1000, kind: "image"}
	dir := t.TempDir()
	c := &corpus{dir: filepath.Join(dir, "www"), made: make(map[int64]*workload)}
	if err := c.add(t.Context(), w); err != nil {
		t.Fatal(err)
	}
	w.lists = filepath.Join(dir, "lists")
	return w
}

func tinyListing(w *workload) listing {
	l := listing{w: w, newest: time.Date(2026, 8, 10, 12, 0, 0, 0, time.UTC)}
	l.link = func(id string) string { return signed(w.api, id, l.expires()) }
	return l
}

func read(t *testing.T, elem ...string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(elem...))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
