package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"filippo.io/age"

	"civitar/internal/sandbox"
)

// The oracle of what is kept: the API page and the README in other words than the program's.

var ladder = []string{"pg", "pg13", "r", "x", "xxx"}

// ratingOf is the level that counts, "" for unrated.
func ratingOf(e sandbox.Expected) string {
	for _, l := range []string{strings.ToLower(e.Level), strings.ToLower(e.WorkflowLevel)} {
		if slices.Contains(ladder, l) {
			return l
		}
	}
	return ""
}

type keeping struct {
	maxLevel, unrated string
	hideMature        bool
	mature            string
}

func (k keeping) String() string {
	return fmt.Sprintf("max %s, unrated %s, hide %t, mature %s", k.maxLevel, k.unrated, k.hideMature, k.mature)
}

func (k keeping) flags(recipient string) []string {
	var flags []string
	if k.maxLevel != "" {
		flags = append(flags, "--max-nsfw="+k.maxLevel)
	}
	if k.unrated != "" {
		flags = append(flags, "--unrated="+k.unrated)
	}
	if k.hideMature {
		flags = append(flags, "--hide-mature")
	}
	if k.mature != "same" {
		flags = append(flags, "--mature="+k.mature)
	}
	if k.mature == "encrypt" {
		flags = append(flags, "--recipient="+recipient)
	}
	return flags
}

func (k keeping) keeps(e sandbox.Expected) bool {
	rating := ratingOf(e)
	switch own := strings.ToLower(e.Level); {
	case e.Disposition != "deliverable":
		return false
	case k.hideMature && slices.Index(ladder, own) >= 2:
		return false
	case rating == "":
		return k.unrated == "keep" || k.unrated == "" && k.maxLevel == ""
	}
	return k.maxLevel == "" || slices.Index(ladder, rating) <= slices.Index(ladder, strings.ToLower(k.maxLevel))
}

// sensitive tells what belongs apart: mature, or rated by nobody.
func sensitive(rating string) bool { return rating == "" || slices.Index(ladder, rating) >= 2 }

// everyKeeping is every combination of the flags.
func everyKeeping() []keeping {
	var all []keeping
	for i, level := range []string{"", "pg", "PG13", "r", "X", "xxx"} {
		for _, unrated := range []string{"", "keep", "skip"} {
			for _, hide := range []bool{false, true} {
				for _, mature := range []string{"same", "separate", "encrypt"} {
					if i%2 == 0 {
						level = strings.ToLower(level)
					}
					all = append(all, keeping{level, unrated, hide, mature})
				}
			}
		}
	}
	return all
}

// Every level and none, of the workflow and of the blob, in both capitalisations, with every
// verdict, meets every combination of the flags: what the truth says must be kept is there,
// byte for byte and in its place, and nothing else is.
func TestEveryLevelMeetsEveryFlag(t *testing.T) {
	t.Parallel()
	a := newAccount(t, sandbox.Options{Catalogue: sandbox.CatalogueLevels})
	truth := slices.Collect(a.Truth())
	identity, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	for i, k := range everyKeeping() {
		if !*thorough && i%5 > 0 {
			continue
		}
		t.Run(k.String(), func(t *testing.T) {
			t.Parallel()
			dest := filepath.Join(t.TempDir(), "archive")
			mustRun(t, a.archive(t, dest, append(k.flags(identity.Recipient().String()), "--quiet", "--workers=16")...), 0)
			k.check(t, truth, files(t, dest), identity)
		})
	}
}

func (k keeping) check(t *testing.T, truth []sandbox.Expected, left map[string][]byte, identity age.Identity) {
	t.Helper()
	mature := map[string]bool{}
	for _, e := range truth {
		if e.Disposition != "preview" && e.Disposition != "input" {
			mature[e.Workflow] = mature[e.Workflow] || sensitive(ratingOf(e))
		}
	}
	for _, e := range truth {
		day := e.Created.UTC().Format("2006-01-02")
		root, ext := "workflows", ".json"
		if mature[e.Workflow] && k.mature == "separate" {
			root = "mature/workflows"
		}
		if mature[e.Workflow] && k.mature == "encrypt" {
			ext += ".age"
		}
		sidecar := path.Join(root, day, e.Workflow+ext)
		if data, ok := left[sidecar]; ok && !bytes.Contains(opened(t, sidecar, data, identity), []byte(e.Workflow)) {
			t.Errorf("%s does not hold its workflow", sidecar)
		}
		delete(left, sidecar)
		if !k.keeps(e) {
			continue
		}
		root = "media"
		if sensitive(ratingOf(e)) && k.mature == "separate" {
			root = "mature"
		}
		name := path.Join(root, day, e.Workflow+"_"+e.Blob)
		if sensitive(ratingOf(e)) && k.mature == "encrypt" {
			name += ".age"
		}
		if data, ok := left[name]; !ok || sum(opened(t, name, data, identity)) != e.SHA256 {
			t.Errorf("%s (%s of %s, %s) is not there, or not whole: %t", name, e.Level, e.WorkflowLevel, e.Recipe, ok)
		}
		delete(left, name)
	}
	for name := range left {
		if !strings.HasPrefix(name, ".civitar/") {
			t.Errorf("should not be there: %s", name)
		}
	}
}

// opened is what a file holds, in the clear.
func opened(t *testing.T, name string, data []byte, identity age.Identity) []byte {
	t.Helper()
	if !strings.HasSuffix(name, ".age") || len(data) == 0 {
		return data
	}
	r, err := age.Decrypt(bytes.NewReader(data), identity)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	clear, err := io.ReadAll(r)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return clear
}

// withheld is what no archive may hold, by hash and by name.
type withheld struct {
	once sync.Once
	sums map[string]string // of bytes, to what they are
	ids  []string
}

// checkNothingWithheld looks through an archive, whatever test made it, for the placeholder
// and for what is blocked. Hidden inside of age files there would be nothing to be seen; the
// test of encryption looks there.
func (a *account) checkNothingWithheld(t testing.TB, dest string) {
	t.Helper()
	a.withheld.once.Do(func() {
		a.withheld.sums = map[string]string{a.PlaceholderSHA256(): "the placeholder"}
		for e := range a.Truth() {
			if e.Disposition != "blocked" && e.Disposition != "late" && e.Disposition != "placeholder" {
				continue
			}
			a.withheld.ids = append(a.withheld.ids, e.Blob)
			if data, ok := a.Bytes(e.Blob); ok {
				a.withheld.sums[sum(data)] = "the " + e.Disposition + " blob " + e.Blob
			}
		}
	})
	if info, err := os.Stat(dest); err != nil || !info.IsDir() {
		return // the test was about that
	}
	for name, data := range files(t, dest) {
		if strings.HasPrefix(name, ".civitar/") && !strings.HasPrefix(name, ".civitar/partial/") {
			continue
		}
		if what, ok := a.withheld.sums[sum(data)]; ok {
			t.Errorf("%s is %s", name, what)
		}
		if id := blobIn(name, a.withheld.ids); id != "" {
			t.Errorf("%s is named after the withheld blob %s", name, id)
		}
	}
}

func blobIn(name string, ids []string) string {
	for _, id := range ids {
		if strings.Contains(path.Base(name), strings.TrimSuffix(id, path.Ext(id))) {
			return id
		}
	}
	return ""
}
