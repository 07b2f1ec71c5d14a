package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// hostileNames are ids that want to be more than names.
func hostileNames() []string {
	return []string{
		"../../../outside", "..", ".", "/etc/passwd", `C:\Windows\x`, `\\server\share`, "a/b/c.png", "..\\..\\x.png",
		"nul\x00byte.png", "line\nfeed.png", "tab\tand\rreturn", "CON", "con.png", "NUL.txt", "COM1", "lpt9.jpg", "aux.", "CONIN$",
		strings.Repeat("x", 5000) + ".png", strings.Repeat("é", 2500), "\u202egnp.exe", "a\u200fb", "e\u0301", "é", "ß", "ss",
		"Case.png", "case.png", "CASE.PNG", "-rf", "--help", ".hidden", "~", "$HOME", "a b ", "trailing.", "trailing ", "*?<>|\":.png",
		".civitar", "%2e%2e%2fx", "{}", "\U0001F600.png", "a\x7fb", "\ufeffbom",
	}
}

// hostileServer lists a workflow for each name, with a blob of each of three names.
func hostileServer(t *testing.T) (*httptest.Server, int) {
	t.Helper()
	all := hostileNames()
	mux := http.NewServeMux()
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	type blob map[string]any
	var items []any
	blobs := 0
	for i, id := range all {
		var images []blob
		for _, n := range []int{i, (i + 7) % len(all), (i + 19) % len(all)} {
			images = append(images, blob{"type": "image", "id": all[n], "available": true, "width": 1,
				"url": fmt.Sprintf("%s/v2/consumer/blobs/content/%d-%d?sig=s3cr3t&exp=2099-01-01T00:00:00Z", s.URL, i, n)})
			blobs++
		}
		items = append(items, map[string]any{"id": id, "status": "succeeded", "createdAt": "2026-08-10T12:00:00Z", "completedAt": "2026-08-10T12:01:00Z",
			"steps": []any{map[string]any{"$type": "imageGen", "name": id, "status": "succeeded", "output": map[string]any{"images": images}}}})
	}
	mux.HandleFunc("GET /v2/consumer/workflows", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]any{"items": items, "next": nil})
	})
	mux.HandleFunc("GET /v2/consumer/blobs/content/{token}", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "\x89PNG\r\n\x1a\nthe bytes of %s", r.PathValue("token"))
	})
	return s, blobs
}

func TestHostileNamesStayInside(t *testing.T) {
	t.Parallel()
	server, blobs := hostileServer(t)
	a := &account{url: server.URL, token: testToken}
	top := t.TempDir()
	dest := filepath.Join(top, "in", "archive")
	must(t, os.MkdirAll(filepath.Dir(dest), 0o777))
	s := summaryOf(t, mustRun(t, a.archive(t, dest, "--json"), 0))
	t.Logf("%d names, %d blobs", len(hostileNames()), blobs)
	if s.Kept != int64(blobs) {
		t.Errorf("kept %d of %d blobs", s.Kept, blobs)
	}
	wantClean(t, dest)
	media := files(t, filepath.Join(dest, "media"))
	if len(media) != blobs || len(files(t, filepath.Join(dest, "workflows"))) != len(hostileNames()) {
		t.Errorf("%d files and %d sidecars", len(media), len(files(t, filepath.Join(dest, "workflows"))))
	}
	folded, bytes := map[string]string{}, map[string]bool{}
	for name, data := range media {
		if other, ok := folded[strings.ToLower(name)]; ok {
			t.Errorf("%s and %s are one file where case does not count", name, other)
		}
		folded[strings.ToLower(name)] = name
		bytes[string(data)] = true
	}
	if len(bytes) != blobs {
		t.Errorf("%d different contents of %d blobs", len(bytes), blobs)
	}
	for name := range files(t, top) {
		if !strings.HasPrefix(name, "in/archive/media/2026-08-10/") && !strings.HasPrefix(name, "in/archive/workflows/2026-08-10/") && !strings.HasPrefix(name, "in/archive/.civitar/") &&
			!(os.Getenv(packageMode) != "" && strings.HasPrefix(name, "in/archive"+os.Getenv(packageMode))) {
			t.Errorf("written outside: %s", name)
		}
	}
	mustRun(t, a.archive(t, dest), 0)
	wantClean(t, dest)
}

func TestPlantedLinksLeadNowhere(t *testing.T) {
	t.Parallel()
	server, _ := hostileServer(t)
	a := &account{url: server.URL, token: testToken}
	for _, link := range []string{"media", "workflows", "media/2026-08-10", "workflows/2026-08-10", ".civitar", ".civitar/journal",
		".civitar/partial", ".civitar/lock", ".civitar/index.db", ".civitar/manifest.json", ".civitar/manifest.json.new"} {
		t.Run(link, func(t *testing.T) {
			t.Parallel()
			top := t.TempDir()
			dest, outside := filepath.Join(top, "archive"), filepath.Join(top, "outside")
			must(t, os.MkdirAll(filepath.Dir(filepath.Join(dest, link)), 0o777))
			must(t, os.Mkdir(outside, 0o777))
			target := outside
			if strings.Contains(link, ".json") || strings.HasSuffix(link, "lock") || strings.HasSuffix(link, ".db") {
				target = filepath.Join(outside, "file")
				must(t, os.WriteFile(target, []byte("theirs"), 0o666))
			}
			if err := os.Symlink(target, filepath.Join(dest, link)); err != nil {
				t.Skipf("this system or user makes no symbolic links: %v", err)
			}
			r := run(t, a.archive(t, dest))
			if r.code == 1 {
				oneSentence(t, r)
			}
			for name, data := range files(t, outside) {
				if string(data) != "theirs" {
					t.Errorf("written through %s: %s (exit code %d)\n%s", link, name, r.code, r.stderr)
				}
			}
		})
	}
}
