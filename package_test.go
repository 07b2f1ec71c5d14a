package main

import (
	"archive/tar"
	"bytes"
	"compress/flate"
	"encoding/binary"
	"flag"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
)

// packageMode makes the tests' archives lie in packages: its value is what their names end
// with.
const packageMode = "CIVITAR_TEST_IN_PACKAGE"

// inPackage has a command look for its archive in a package, where the tests run in package
// mode.
func inPackage(args []string) []string {
	ext := os.Getenv(packageMode)
	if ext == "" || len(args) < 2 || !filepath.IsAbs(args[1]) {
		return args
	}
	return append([]string{args[0], args[1] + ext}, args[2:]...)
}

// packaged is what files tells of an archive in a package, or of a folder of it, nil where there
// is none: its members, its record and its bytes.
func packaged(t testing.TB, dir string) map[string][]byte {
	t.Helper()
	ext := os.Getenv(packageMode)
	if ext == "" {
		return nil
	}
	for place, below := dir, ""; place != filepath.Dir(place); place, below = filepath.Dir(place), filepath.Base(place)+"/"+below {
		if _, err := os.Stat(place + ext + ".civitar"); err != nil {
			continue
		}
		all := map[string][]byte{}
		for _, name := range []string{place + ext, place + ext + ".partial"} {
			data, err := os.ReadFile(name)
			if err == nil {
				all[".civitar/package"] = data
				maps.Copy(all, members(t, ext, data))
			}
		}
		must(t, filepath.WalkDir(place+ext+".civitar", func(path string, d os.DirEntry, err error) error {
			if err != nil || !d.Type().IsRegular() {
				return err
			}
			data, err := os.ReadFile(path)
			rel, _ := strings.CutPrefix(path, place+ext+".civitar"+string(filepath.Separator))
			all[filepath.ToSlash(rel)] = data
			return err
		}))
		of := map[string][]byte{}
		for name, data := range all {
			if rel, ok := strings.CutPrefix(name, below); ok {
				of[rel] = data
			}
		}
		return of
	}
	return nil
}

// members maps the members of a package to their content, as other programs read it: of those
// of one name the last, and of a package that is not whole those that are.
func members(t testing.TB, ext string, data []byte) map[string][]byte {
	t.Helper()
	all := map[string][]byte{}
	take := func(name string, r io.Reader) bool {
		content, err := io.ReadAll(r)
		if err == nil && name != ".civitar/blank" {
			all[name] = content
		}
		return err == nil
	}
	if ext == ".zip" {
		heads(data, take)
		return all
	}
	var from io.Reader = bytes.NewReader(data)
	if ext == ".tar.zst" {
		z, err := zstd.NewReader(from)
		must(t, err)
		defer z.Close()
		from = z
	}
	for r := tar.NewReader(from); ; {
		h, err := r.Next()
		if err != nil || !take(h.Name, r) {
			return all
		}
	}
}

// heads goes from one member of a zip to the next, as a reader does that comes from its start.
func heads(data []byte, take func(string, io.Reader) bool) {
	for len(data) >= 30 && binary.LittleEndian.Uint32(data) == 0x04034b50 {
		packed, name, extra := int(binary.LittleEndian.Uint32(data[18:])), int(binary.LittleEndian.Uint16(data[26:])), int(binary.LittleEndian.Uint16(data[28:]))
		begin := 30 + name + extra
		if len(data) < begin+packed {
			return
		}
		var from io.Reader = bytes.NewReader(data[begin : begin+packed])
		if binary.LittleEndian.Uint16(data[8:]) == 8 {
			from = flate.NewReader(from)
		}
		if !take(string(data[30:30+name]), from) {
			return
		}
		data = data[begin+packed:]
	}
}

// suiteForms are the kinds of packages that the suite is run on: each takes minutes.
var suiteForms = flag.String("forms", "", "kinds of packages for the suite, separated by commas: .tar,.tar.zst,.zip")

// TestSuiteOnPackages runs the tests of archives once more for a kind of package, in a
// process in which they all lie in such ones.
func TestSuiteOnPackages(t *testing.T) {
	t.Parallel()
	if *suiteForms == "" {
		t.Skip("the suite takes minutes in packages: go test -run TestSuiteOnPackages -forms=.tar,.tar.zst,.zip .")
	}
	suite := []string{
		"TestArchiveHoldsWhatTheServerDelivers", "TestKilledRunsEndLikeAnUninterruptedOne", "TestSecondRunAsksForOnePage",
		"TestNextRunCompletesWhatHadNotEnded", "TestNextRunFindsNewWorkflows", "TestNextRunTriesFailedBlobsAgain",
		"TestListingThatBreaksOffIsTakenUpAgain", "TestOldestFirstHoldsTheSame", "TestFiltersKeepWhatTheySay", "TestPreviewsAndInputs",
		"TestInterrupts", "TestWrongTokenWritesNothing", "TestTokenThatExpiredLeavesTheArchiveAsItWas",
		"TestSecondRunAtOnceIsToldWhoHoldsTheArchive", "TestSecretsAreWrittenNowhere", "TestStatusTellsWhatIsThere",
		"TestNetworkFaultsEndInTheRightState", "TestEncryptedArchivesTellNothing", "TestSidecarsFollowTheirLevel", "TestHostileNamesStayInside",
		"TestCrashes", "TestDiskFaultsLoseNothing", "TestFullDiskLosesNothing",
	}
	exe, err := os.Executable()
	must(t, err)
	for ext := range strings.SplitSeq(*suiteForms, ",") {
		t.Run(ext, func(t *testing.T) {
			t.Parallel()
			cmd := exec.Command(exe, "-test.run=^("+strings.Join(suite, "|")+")$", "-test.v", "-test.parallel=4", "-kills=20")
			cmd.Env = append(os.Environ(), packageMode+"="+ext)
			out, err := cmd.CombinedOutput()
			passed := len(regexp.MustCompile(`(?m)^--- (PASS|SKIP: TestFullDisk)`).FindAll(out, -1))
			if err != nil || passed != len(suite) {
				t.Fatalf("%v: %d of %d passed in packages\n%s", err, passed, len(suite), out)
			}
			t.Logf("%d tests passed in packages", passed)
		})
	}
}
