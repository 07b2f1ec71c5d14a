package main

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// checkBag holds a folder to RFC 8493, section 3 ("Complete and Valid Bags"), and to the rules
// of section 2 that it refers to. It is written from the RFC and shares no code with what
// makes bags.
func checkBag(t *testing.T, dir string) {
	t.Helper()
	read := func(name string) string {
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Errorf("section 3, rule 1: a required element is missing: %v", err)
		}
		return string(data)
	}
	// 2.1.1: exactly two lines, UTF-8 without a byte-order mark.
	if got := read("bagit.txt"); got != "BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n" {
		t.Errorf("2.1.1: bagit.txt is %q", got)
	}
	// 2.1.2: the payload folder.
	if info, err := os.Stat(filepath.Join(dir, "data")); err != nil || !info.IsDir() {
		t.Error("2.1.2: there is no payload folder data/")
	}
	there := map[string]bool{}
	must(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			rel, rerr := filepath.Rel(dir, path)
			there[filepath.ToSlash(rel)] = true
			return rerr
		}
		return err
	}))
	// 2.1.3: manifests.
	payload := bagManifest(t, read("manifest-sha256.txt"))
	tags := bagManifest(t, read("tagmanifest-sha256.txt"))
	var octets, streams int64
	for name, want := range payload {
		if !strings.HasPrefix(name, "data/") {
			t.Errorf("2.1.3: the payload manifest lists %q, which is no payload", name)
		}
		info, err := os.Stat(filepath.Join(dir, filepath.FromSlash(name)))
		if err != nil {
			t.Errorf("section 3, rule 2: listed and not present: %v", err)
			continue
		}
		octets, streams = octets+info.Size(), streams+1
		if got := hashOf(t, filepath.Join(dir, filepath.FromSlash(name))); got != want {
			t.Errorf("section 3, valid: %s has checksum %s, listed with %s", name, got, want)
		}
	}
	for name, want := range tags {
		if strings.HasPrefix(name, "data/") || strings.HasPrefix(name, "tagmanifest-") {
			t.Errorf("2.2.1: the tag manifest lists %q", name)
		}
		if got := hashOf(t, filepath.Join(dir, filepath.FromSlash(name))); got != want {
			t.Errorf("section 3, valid: %s has checksum %s, listed with %s", name, got, want)
		}
	}
	for name := range there {
		if strings.HasPrefix(name, "data/") && payload[name] == "" {
			t.Errorf("section 3, rule 3: payload that no manifest lists: %s", name)
		}
	}
	for _, name := range []string{"manifest-sha256.txt", "bagit.txt", "bag-info.txt"} { // 2.2.1: payload manifests must be, others should
		if tags[name] == "" {
			t.Errorf("2.2.1: the tag manifest does not list %s", name)
		}
	}
	// 2.2.2: metadata elements.
	labels := map[string]string{}
	for line := range strings.Lines(read("bag-info.txt")) {
		label, value, ok := strings.Cut(strings.TrimRight(line, "\r\n"), ": ")
		if !ok || label == "" || strings.ContainsAny(label, ":\r\n") || strings.TrimSpace(label) != label {
			t.Errorf("2.2.2: %q is no element", line)
		}
		labels[strings.ToLower(label)] = value
	}
	if want := fmt.Sprintf("%d.%d", octets, streams); labels["payload-oxum"] != want {
		t.Errorf("2.2.2: Payload-Oxum is %q, the payload %s", labels["payload-oxum"], want)
	}
	if _, err := time.Parse(time.DateOnly, labels["bagging-date"]); err != nil {
		t.Errorf("2.2.2: Bagging-Date: %v", err)
	}
	// 2.2.3: fetch.txt is not needed where everything is here; 2.2.4: no others are made.
	for name := range there {
		if !strings.HasPrefix(name, "data/") && tags[name] == "" && name != "tagmanifest-sha256.txt" {
			t.Errorf("a file that belongs to no part of a bag: %s", name)
		}
	}
}

// bagManifest reads lines of a checksum, white space, and a path (2.1.3).
func bagManifest(t *testing.T, text string) map[string]string {
	t.Helper()
	if !utf8.ValidString(text) || strings.HasPrefix(text, "\ufeff") {
		t.Error("2.1.3: a manifest that is no UTF-8, or begins with a byte-order mark")
	}
	line := regexp.MustCompile(`^([0-9a-fA-F]{64})[ \t]+\*?(.+)$`)
	all := map[string]string{}
	folded := map[string]bool{}
	lines := bufio.NewScanner(strings.NewReader(text))
	for lines.Scan() {
		m := line.FindStringSubmatch(lines.Text())
		if m == nil {
			t.Errorf("2.1.3: %q is no line of a manifest", lines.Text())
			continue
		}
		name := strings.NewReplacer("%0D", "\r", "%0A", "\n", "%0d", "\r", "%0a", "\n", "%25", "%").Replace(m[2])
		if all[name] != "" || folded[strings.ToLower(name)] {
			t.Errorf("2.1.3: %q is listed twice", name)
		}
		if filepath.IsAbs(name) || !filepath.IsLocal(filepath.FromSlash(name)) || strings.HasPrefix(name, "~") {
			t.Errorf("2.1.3 and 5.3: %q leads out of the bag", name)
		}
		all[name], folded[strings.ToLower(name)] = strings.ToLower(m[1]), true
	}
	return all
}

func hashOf(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Error(err)
		return ""
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}
