package main

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestCorpusIsTheSameEachTime(t *testing.T) {
	a, b := tiny(t, 9), tiny(t, 9)
	seen := make(map[string]bool)
	for i, id := range a.blobs {
		content := read(t, a.dir, id)
		if id != b.blobs[i] || content != read(t, b.dir, id) {
			t.Errorf("blob %d is another one the second time", i)
		}
		if int64(len(content)) != a.size || seen[content] || seen[id] || len(id) != len(a.blobs[0]) {
			t.Errorf("blob %s: %d bytes, or not the only one", id, len(content))
		}
		seen[content], seen[id] = true, true
		if got := http.DetectContentType([]byte(content)); got != a.mediaType() {
			t.Errorf("blob %s is taken for %s", id, got)
		}
	}
	if a.bytes() != 9000 {
		t.Errorf("%d bytes in all", a.bytes())
	}
}

func TestVideosAreVideos(t *testing.T) {
	w := workload{kind: "video"}
	if got := http.DetectContentType(append(w.head(), make([]byte, 100)...)); got != w.mediaType() {
		t.Errorf("a video is taken for %s", got)
	}
}

func TestWorkloadsOfOneSizeShareTheirBlobs(t *testing.T) {
	c := &corpus{dir: t.TempDir(), made: make(map[int64]*workload)}
	near := &workload{name: "near", count: 8, size: 100}
	far := &workload{name: "far", count: 5, size: 100}
	more := &workload{name: "more", count: 9, size: 100}
	for _, w := range []*workload{near, far, more} {
		if err := c.add(t.Context(), w); err != nil {
			t.Fatal(err)
		}
	}
	if far.dir != near.dir || len(far.blobs) != 5 || far.blobs[4] != near.blobs[4] {
		t.Errorf("far has %d blobs of its own", len(far.blobs))
	}
	if more.dir == near.dir || len(more.blobs) != 9 {
		t.Error("a larger workload was given a smaller one's blobs")
	}
}

func TestScale(t *testing.T) {
	for scale, want := range map[float64][]int{1: {20_000, 3_000, 24, 2_000, 2_000}, 0.1: {2_000, 300, 4, 200, 200}} {
		for i, w := range workloads(scale) {
			if w.count != want[i] {
				t.Errorf("%s at %g: %d blobs, want %d", w.name, scale, w.count, want[i])
			}
		}
	}
}

func TestListsHoldEveryBlob(t *testing.T) {
	w := tiny(t, 3)
	if err := writeLists(w, func(id string) string { return "http://host/" + id + "?a=b&c=d" }); err != nil {
		t.Fatal(err)
	}
	id := w.blobs[2]
	for name, want := range map[string]string{
		urlList:   "http://host/" + id + "?a=b&c=d\n",
		nameList:  id + "\n",
		curlList:  "url = \"http://host/" + id + "?a=b&c=d\"\noutput = \"" + id + "\"\n",
		nullList:  "url = \"http://host/" + id + "?a=b&c=d\"\noutput = \"" + os.DevNull + "\"\n",
		aria2List: "http://host/" + id + "?a=b&c=d\n  out=" + id + "\n",
	} {
		text := read(t, w.lists, name)
		if !strings.HasSuffix(text, want) {
			t.Errorf("%s ends with %q, want %q", name, text[max(0, len(text)-len(want)):], want)
		}
		if got, each := strings.Count(text, "\n"), strings.Count(want, "\n"); got != 3*each {
			t.Errorf("%s has %d lines, want %d", name, got, 3*each)
		}
	}
}

func TestCheckWantsEveryBlob(t *testing.T) {
	w := tiny(t, 20)
	fill := func(t *testing.T) string {
		dest := t.TempDir()
		if err := os.CopyFS(filepath.Join(dest, "media"), os.DirFS(w.dir)); err != nil {
			t.Fatal(err)
		}
		// What civitar makes of a name, and a file of its own.
		old, now := filepath.Join(dest, "media", w.blobs[0]), filepath.Join(dest, "media", "8484131-2026_"+w.blobs[0])
		if err := os.Rename(old, now); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dest, "a-file-that-is-no-blob-but-has-a-name-as-long-as-one.json"), nil, 0o644); err != nil {
			t.Fatal(err)
		}
		return dest
	}
	if err := check(w, fill(t)); err != nil {
		t.Errorf("a whole run: %v", err)
	}
	for name, spoil := range map[string]func(path string) error{
		"missing":   os.Remove,
		"cut short": func(path string) error { return os.Truncate(path, 999) },
		"altered":   func(path string) error { return os.WriteFile(path, make([]byte, 1000), 0o644) },
		"twice": func(path string) error {
			return os.Link(path, filepath.Join(filepath.Dir(path), "2_"+filepath.Base(path)))
		},
	} {
		t.Run(name, func(t *testing.T) {
			dest := fill(t)
			// The first of those whose bytes are looked at, but for the renamed one.
			if err := spoil(filepath.Join(dest, "media", w.blobs[w.count/spots])); err != nil {
				t.Fatal(err)
			}
			if err := check(w, dest); err == nil {
				t.Error("taken for whole")
			}
		})
	}
}

func TestGiveBackLeavesTheFiles(t *testing.T) {
	dir := t.TempDir()
	for name, size := range map[string]int{"large": emptyFrom, "small": emptyFrom - 1} {
		if err := os.WriteFile(filepath.Join(dir, name), make([]byte, size), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := giveBack(dir); err != nil {
		t.Fatal(err)
	}
	if large, small := len(read(t, dir, "large")), len(read(t, dir, "small")); large != 0 || small != emptyFrom-1 {
		t.Errorf("large has %d bytes, small %d", large, small)
	}
}
