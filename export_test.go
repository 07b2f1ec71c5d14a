package main

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"civitar/internal/sandbox"
)

// exported makes an archive to export from.
func exportedArchive(t *testing.T, workflows int, args ...string) (*account, string) {
	t.Helper()
	a := newAccount(t, sandbox.Options{Workflows: workflows})
	dest := filepath.Join(t.TempDir(), "archive")
	mustRun(t, a.archive(t, dest, args...), 0)
	return a, dest
}

// contents maps the files of a package to their content.
func contents(t *testing.T, name string) map[string][]byte {
	t.Helper()
	all := map[string][]byte{}
	take := func(name string, r io.Reader) {
		data, err := io.ReadAll(r)
		must(t, err)
		if _, twice := all[name]; twice {
			t.Errorf("%s is there twice", name)
		}
		all[name] = data
	}
	if strings.HasSuffix(name, ".zip") {
		z, err := zip.OpenReader(name)
		must(t, err)
		defer z.Close()
		for _, f := range z.File {
			if text := slices.Contains([]string{".json", ".xmp", ".txt"}, filepath.Ext(f.Name)); !text && f.Method != zip.Store {
				t.Errorf("%s is compressed in vain", f.Name)
			}
			r, err := f.Open()
			must(t, err)
			take(f.Name, r)
		}
		return all
	}
	f, err := os.Open(name)
	must(t, err)
	defer f.Close()
	var from io.Reader = f
	if strings.HasSuffix(name, ".zst") {
		z, err := zstd.NewReader(f)
		must(t, err)
		defer z.Close()
		from = z
	}
	for r := tar.NewReader(from); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return all
		}
		must(t, err)
		if h.Uid != 0 || h.Gid != 0 || h.Uname != "" || h.Mode != 0o644 {
			t.Errorf("%s tells of an owner: %+v", h.Name, h)
		}
		take(h.Name, r)
	}
}

// results are the files of an archive that are not the program's own.
func results(t *testing.T, dest string) map[string][]byte {
	t.Helper()
	all := files(t, dest)
	maps.DeleteFunc(all, func(name string, _ []byte) bool { return strings.HasPrefix(name, ".civitar/") })
	return all
}

func sameFiles(t *testing.T, what string, got, want map[string][]byte) {
	t.Helper()
	if len(want) == 0 {
		t.Fatal("nothing to compare with")
	}
	for name, data := range want {
		if there, ok := got[name]; !ok || !bytes.Equal(there, data) {
			t.Errorf("%s: %s is not there, or not the same", what, name)
		}
	}
	if len(got) != len(want) {
		t.Errorf("%s: %d files, want %d", what, len(got), len(want))
	}
}

func TestPackagesHoldTheArchive(t *testing.T) {
	t.Parallel()
	a, dest := exportedArchive(t, 60, "--sidecar=xmp")
	want := results(t, dest)
	dir := t.TempDir()
	for _, name := range []string{"a.zip", "a.tar", "a.tar.zst"} {
		out, again := filepath.Join(dir, name), filepath.Join(dir, "again", name)
		mustRun(t, a.program(t, "export", dest, "--out", out), 0)
		sameFiles(t, name, contents(t, out), want)
		mustRun(t, a.program(t, "export", dest, "--out", again), 0)
		if hashOf(t, out) != hashOf(t, again) {
			t.Errorf("%s: two exports of one archive differ", name)
		}
		sums, err := os.ReadFile(out + ".sha256")
		must(t, err)
		if string(sums) != hashOf(t, out)+"  "+name+"\n" {
			t.Errorf("%s: the checksum is %q", name, sums)
		}
		var listed struct {
			Files   int
			Entries []struct{ Path, SHA256 string }
		}
		text, err := os.ReadFile(out + ".manifest.json")
		must(t, err)
		must(t, json.Unmarshal(text, &listed))
		if listed.Files != len(want) || len(listed.Entries) != len(want) {
			t.Errorf("%s: the manifest tells of %d files and lists %d of %d", name, listed.Files, len(listed.Entries), len(want))
		}
		for _, e := range listed.Entries {
			if e.SHA256 != sum(want[e.Path]) {
				t.Errorf("%s: the manifest has %s with %s", name, e.Path, e.SHA256)
			}
		}
		var stdout bytes.Buffer
		cmd := a.program(t, "export", dest, "--out", "-", "--format", strings.TrimPrefix(name, "a."))
		cmd.Stdout = &stdout
		must(t, cmd.Run())
		if sum(stdout.Bytes()) != hashOf(t, out) {
			t.Errorf("%s: what comes to stdout differs", name)
		}
	}
	for name, tool := range map[string][]string{"a.zip": {"unzip", "-tq"}, "a.tar": {"bsdtar", "-tf"}, "a.tar.zst": {"zstd", "-tq"}} {
		t.Run(tool[0], func(t *testing.T) {
			if _, err := exec.LookPath(tool[0]); err != nil {
				t.Skipf("%s is not here", tool[0])
			}
			if out, err := exec.Command(tool[0], append(tool[1:], filepath.Join(dir, name))...).CombinedOutput(); err != nil {
				t.Errorf("%v: %s", err, out)
			}
		})
	}
	mustRun(t, a.program(t, "verify", dest), 0)
}

func TestBagsAreValid(t *testing.T) {
	t.Parallel()
	a, dest := exportedArchive(t, 40)
	dir := t.TempDir()
	bag := filepath.Join(dir, "a-bag")
	mustRun(t, a.program(t, "export", dest, "--format=bagit", "--out", bag), 0)
	checkBag(t, bag)
	sameFiles(t, "the payload", files(t, filepath.Join(bag, "data")), results(t, dest))
	for _, ext := range []string{".zip", ".tar", ".tar.zst"} { // section 4: one folder, of the package's name
		mustRun(t, a.program(t, "export", dest, "--format=bagit", "--out", filepath.Join(dir, "packed"+ext)), 0)
		unpacked := filepath.Join(dir, "unpacked"+ext)
		for name, data := range contents(t, filepath.Join(dir, "packed"+ext)) {
			below, ok := strings.CutPrefix(name, "packed/")
			if !ok {
				t.Errorf("%s is outside of the bag's folder", name)
			}
			must(t, os.MkdirAll(filepath.Dir(filepath.Join(unpacked, below)), 0o777))
			must(t, os.WriteFile(filepath.Join(unpacked, below), data, 0o666))
		}
		checkBag(t, unpacked)
	}
	if left, err := filepath.Glob(filepath.Join(dir, "*.partial")); err != nil || len(left) > 0 {
		t.Error(left, err)
	}
}

func TestTablesListResults(t *testing.T) {
	t.Parallel()
	a, dest := exportedArchive(t, 60)
	want := map[string]string{}
	for name, data := range results(t, dest) {
		if !strings.HasPrefix(name, "workflows/") {
			want[name] = sum(data)
		}
	}
	r := mustRun(t, a.program(t, "export", dest, "--format=csv", "--out=-"), 0)
	rows, err := csv.NewReader(strings.NewReader(r.stdout)).ReadAll()
	must(t, err)
	column := func(name string) int { return slices.Index(rows[0], name) }
	prompts := 0
	for _, row := range rows[1:] {
		if want[row[column("path")]] != row[column("sha256")] {
			t.Errorf("%s has %s", row[column("path")], row[column("sha256")])
		}
		if row[column("prompt")] != "" {
			prompts++
		}
	}
	r = mustRun(t, a.program(t, "export", dest, "--format=jsonl", "--out=-"), 0)
	lines := slices.Collect(strings.Lines(r.stdout))
	for _, line := range lines {
		var f struct{ Path, SHA256 string }
		must(t, json.Unmarshal([]byte(line), &f))
		if want[f.Path] != f.SHA256 {
			t.Errorf("%s has %s", f.Path, f.SHA256)
		}
	}
	if len(rows)-1 != len(want) || len(lines) != len(want) || prompts < len(want)/2 {
		t.Errorf("%d rows, %d lines, %d prompts of %d results", len(rows)-1, len(lines), prompts, len(want))
	}
}

func TestVolumesAreWholePackages(t *testing.T) {
	t.Parallel()
	a, dest := exportedArchive(t, 80)
	for _, format := range []string{"zip", "tar", "tar.zst", "bagit"} {
		out := filepath.Join(t.TempDir(), "v."+format)
		if format == "bagit" {
			out = filepath.Join(filepath.Dir(out), "v.tar")
		}
		mustRun(t, a.program(t, "export", dest, "--format", format, "--out", out, "--split=2MiB"), 0)
		volumes, err := filepath.Glob(filepath.Join(filepath.Dir(out), "v-[0-9][0-9][0-9].*"))
		must(t, err)
		all := map[string][]byte{}
		for _, v := range volumes {
			in := contents(t, v)
			if info, err := os.Stat(v); err != nil || info.Size() > 2<<20 && len(in) > 1 {
				t.Errorf("%s: %v, %d bytes", v, err, info.Size())
			}
			base := strings.TrimSuffix(filepath.Base(v), ".tar") + "/data/"
			for name, data := range in {
				if format == "bagit" {
					if name = strings.TrimPrefix(name, base); strings.Contains(name, strings.TrimSuffix(base, "data/")) {
						continue // a tag file
					}
				}
				all[name] = data
			}
		}
		if len(volumes) < 3 {
			t.Errorf("%s: %d volumes", format, len(volumes))
		}
		sameFiles(t, format, all, results(t, dest))
	}
}

func TestSelectionsOfAnExport(t *testing.T) {
	t.Parallel()
	a, dest := exportedArchive(t, 80)
	rows := func(args ...string) [][]string {
		r := mustRun(t, a.program(t, append([]string{"export", dest, "--format=csv", "--out=-"}, args...)...), 0)
		all, err := csv.NewReader(strings.NewReader(r.stdout)).ReadAll()
		must(t, err)
		return all
	}
	all := rows()
	created, media, nsfw, workflow := slices.Index(all[0], "created"), slices.Index(all[0], "media"), slices.Index(all[0], "nsfw"), slices.Index(all[0], "workflow")
	for _, c := range []struct {
		args []string
		want func(row []string) bool
	}{
		{[]string{"--from=2026-11-01"}, func(r []string) bool { return r[created] >= "2026-11-01" }},
		{[]string{"--to=2026-11-01"}, func(r []string) bool { return r[created] < "2026-11-02" }},
		{[]string{"--media=video"}, func(r []string) bool { return strings.HasPrefix(r[media], "video/") }},
		{[]string{"--max-nsfw=pg13"}, func(r []string) bool { return r[nsfw] == "pg" || r[nsfw] == "pg13" }},
		{[]string{"--workflow=" + all[1][workflow]}, func(r []string) bool { return r[workflow] == all[1][workflow] }},
	} {
		var want [][]string
		for _, row := range all[1:] {
			if c.want(row) {
				want = append(want, row)
			}
		}
		if got := rows(c.args...); len(want) == 0 || len(want) == len(all)-1 || !slices.EqualFunc(got[1:], want, slices.Equal[[]string]) {
			t.Errorf("%v: %d rows, want %d of %d", c.args, len(got)-1, len(want), len(all)-1)
		}
	}
}

func TestExportsThatCannotBe(t *testing.T) {
	t.Parallel()
	a, dest := exportedArchive(t, 20)
	dir := t.TempDir()
	out := filepath.Join(dir, "a.tar")
	must(t, os.WriteFile(out, []byte("mine"), 0o666))
	oneSentence(t, mustRun(t, a.program(t, "export", dest, "--out", out), 1), "--overwrite")
	if data, err := os.ReadFile(out); err != nil || string(data) != "mine" {
		t.Error("a file that was there was touched")
	}
	mustRun(t, a.program(t, "export", dest, "--out", out, "--overwrite"), 0)
	oneSentence(t, mustRun(t, a.program(t, "export", filepath.Join(dir, "none"), "--out", out), 1), "holds no archive")
	for _, args := range [][]string{{"--out=x"}, {"--out=-", "--format=bagit"}, {"--out=-", "--format=tar", "--split=4MiB"}, {"--out=a.zip", "--split=3"}, {"--out=a.rar"}, {}} {
		oneSentence(t, mustRun(t, a.program(t, append([]string{"export", dest}, args...)...), 2))
	}
	// What the record does not vouch for is not exported.
	for name, data := range results(t, dest) {
		if strings.HasPrefix(name, "media/") && len(data) > 100 {
			data[50] ^= 1
			must(t, os.WriteFile(filepath.Join(dest, filepath.FromSlash(name)), data, 0o666))
			break
		}
	}
	for _, name := range []string{"b.zip", "b.tar", "b.tar.zst"} {
		oneSentence(t, mustRun(t, a.program(t, "export", dest, "--out", filepath.Join(dir, name)), 1), "SHA-256", "repair")
	}
	if left, err := filepath.Glob(filepath.Join(dir, "b.*")); err != nil || len(left) > 0 {
		t.Error(left, err)
	}
}
