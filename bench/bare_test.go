package main

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"civitar/internal/durable"
)

func TestBareFetchesAll(t *testing.T) {
	w := tiny(t, 2*bareGroup+3)
	s := httptest.NewServer(http.FileServer(http.Dir(w.dir)))
	defer s.Close()
	list, dest := filepath.Join(t.TempDir(), "urls"), t.TempDir()
	write := func(names ...string) {
		t.Helper()
		if err := os.WriteFile(list, []byte(s.URL+"/"+strings.Join(names, "\n"+s.URL+"/")+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(w.blobs...)
	if !syncsAll(t, dest) {
		t.Skip("files are not synced in groups on this system")
	}
	if err := runBare(list, dest); err != nil {
		t.Fatal(err)
	}
	if err := check(w, dest); err != nil {
		t.Error(err)
	}
	write("nothing")
	if err := runBare(list, t.TempDir()); err == nil || !strings.Contains(err.Error(), "404") {
		t.Errorf("of what is not there: %v", err)
	}
}

func syncsAll(t *testing.T, dir string) bool {
	t.Helper()
	root, err := durable.Open(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	h, err := root.Handle(".")
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	return h.SyncsAll()
}
