package pack

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"maps"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"civitar/internal/durable"
	"civitar/internal/verify"
	"civitar/manifest"
	"civitar/sink"
)

var everyByte = flag.Bool("everybyte", false, "TestTornTails cuts at every byte")

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// archive is a package and its record, held.
type archive struct {
	*Sink
	record *manifest.Manifest
}

func open(t testing.TB, place Place) archive {
	t.Helper()
	record, err := manifest.Open(t.Context(), place.Dir(), manifest.Options{Source: manifest.Sandbox})
	must(t, err)
	stage, err := sink.Open(place.Dir())
	must(t, err)
	s, err := Open(t.Context(), place, stage, record, Options{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		must(t, errors.Join(err, record.Close()))
	}
	return archive{s, record}
}

func (a archive) close(t testing.TB) {
	t.Helper()
	must(t, errors.Join(a.Sink.Close(), a.record.Close()))
}

func sumOfBytes(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// add adds a group of files; without told, the record is not told of them.
func (a archive) add(t testing.TB, told bool, group map[string][]byte) {
	t.Helper()
	var files []sink.File
	var lines []manifest.Line
	for _, path := range slices.Sorted(maps.Keys(group)) {
		w, err := a.Begin(path)
		must(t, err)
		_, err = w.Write(group[path])
		must(t, errors.Join(err, w.Finish()))
		files = append(files, sink.File{Writer: w, Path: path, Time: time.Date(2026, 8, 10, 12, 0, 1, 0, time.UTC)})
		lines = append(lines, manifest.Blob{Workflow: "w", Blob: path, State: manifest.Kept, Path: path, Size: int64(len(group[path])), SHA256: sumOfBytes(group[path])})
	}
	must(t, a.Commit(t.Context(), files))
	if told {
		must(t, a.record.Append(t.Context(), lines))
	}
}

// held are the files that the package holds as Files tells.
func (a archive) held(t testing.TB) map[string]string {
	t.Helper()
	files, err := a.place.Files(a.place.Dir())
	must(t, err)
	defer files.Close()
	all := map[string]string{}
	must(t, files.Each(t.Context(), func(name string) error {
		r, err := files.Open(t.Context(), name)
		if err != nil {
			return err
		}
		data, err := io.ReadAll(r)
		all[name] = sumOfBytes(data)
		return errors.Join(err, r.Close())
	}, func(name string, err error) { t.Errorf("%s: %v", name, err) }))
	return all
}

func places(t *testing.T, run func(t *testing.T, place Place)) {
	for _, name := range []string{"a.tar", "a.tar.zst", "a.zip"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			run(t, Place(filepath.Join(t.TempDir(), name)))
		})
	}
}

// TestTornTails cuts a package at every byte, and fills it up again with what a power cut can
// leave. What was recorded and not cut is there in the end, and nothing else; what was cut is
// told to the record as failed.
func TestTornTails(t *testing.T) {
	t.Parallel()
	places(t, func(t *testing.T, place Place) {
		first := map[string][]byte{"media/a.json": []byte(`{"a":1}`), "media/b.png": []byte("not smaller")}
		second := map[string][]byte{"media/c.png": bytes.Repeat([]byte("c"), 700), "media/d.json": []byte("{}")}
		a := open(t, place)
		a.add(t, true, first)
		a.add(t, true, second)
		a.add(t, false, map[string][]byte{"media/e.png": []byte("of which no line speaks")})
		a.close(t)
		data, err := os.ReadFile(place.Partial())
		must(t, err)
		a = open(t, place)
		recorded := a.end
		a.close(t)
		if recorded >= int64(len(data)) {
			t.Fatal("the member that no line speaks of was not cut off")
		}
		origin := filepath.Dir(string(place))
		for cut := len(data); cut >= 0; cut -= step(cut, recorded) {
			to := t.TempDir()
			must(t, os.CopyFS(to, os.DirFS(origin)))
			torn := slices.Clone(data[:cut])
			if cut%2 == 0 && int64(cut) >= recorded { // the size came to the disk, the bytes did not
				torn = append(torn, make([]byte, 600)...)
			}
			at := Place(filepath.Join(to, filepath.Base(string(place))))
			must(t, os.WriteFile(at.Partial(), torn, 0o666))
			if cut%3 == 0 {
				must(t, os.Remove(at.membersFile()))
			}
			checkTorn(t, at, int64(cut) >= recorded, first, second)
			must(t, os.RemoveAll(to))
		}
	})
}

// step is how far the next cut is: without -everybyte, many are passed over of what is not
// about to be the last member.
func step(cut int, recorded int64) int {
	if *everyByte || cut%512 < 2 || int64(cut) > recorded-12 && int64(cut) <= recorded+12 {
		return 1
	}
	return 61
}

func checkTorn(t *testing.T, place Place, all bool, groups ...map[string][]byte) {
	t.Helper()
	a := open(t, place)
	defer a.close(t)
	known, err := a.record.Known(t.Context(), []string{"w"})
	must(t, err)
	lost := map[string][]byte{}
	for _, group := range groups {
		for path, data := range group {
			switch b := known["w"].Blobs[path]; b.State {
			case manifest.Failed:
				lost[path] = data
			case manifest.Kept:
			default:
				t.Errorf("%s: %q", path, b.State)
			}
		}
	}
	if all && len(lost) > 0 {
		t.Errorf("lost although nothing that is recorded was cut: %v", slices.Collect(maps.Keys(lost)))
	}
	if len(lost) > 0 {
		a.add(t, true, lost)
	}
	must(t, a.record.Summarize(t.Context(), time.Now()))
	must(t, a.Finish(t.Context()))
	got := a.held(t)
	for _, group := range groups {
		for path, data := range group {
			if got[path] != sumOfBytes(data) {
				t.Errorf("%s is missing or differs", path)
			}
		}
	}
	if len(got) != 4+2 { // and journal and summary
		t.Errorf("it holds %v", slices.Sorted(maps.Keys(got)))
	}
}

func TestSupersededMembersAreBlanked(t *testing.T) {
	t.Parallel()
	places(t, func(t *testing.T, place Place) {
		secret := []byte("Zx9-the-first-version-Qw7")
		a := open(t, place)
		a.add(t, true, map[string][]byte{"media/a.png": secret, "media/b.png": []byte("b")})
		a.add(t, true, map[string][]byte{"media/a.png": []byte("the second version")})
		must(t, a.record.Summarize(t.Context(), time.Now()))
		must(t, a.Finish(t.Context()))
		data, err := os.ReadFile(string(place))
		must(t, err)
		if bytes.Contains(data, secret) {
			t.Error("what was superseded is still there")
		}
		if got := a.held(t); got["media/a.png"] != sumOfBytes([]byte("the second version")) || got["media/b.png"] != sumOfBytes([]byte("b")) {
			t.Error(got)
		}
		// What the record lets go of goes likewise.
		must(t, a.Retire([]string{"media/b.png"}))
		must(t, a.Release(t.Context(), func(context.Context, []string) (map[string]bool, error) { return nil, nil }))
		must(t, a.Finish(t.Context()))
		if _, ok := a.held(t)["media/b.png"]; ok {
			t.Error("what was retired is still there")
		}
		a.close(t)
		x, _, err := openMembers(t.Context(), place.membersFile(), "durable")
		must(t, err)
		defer x.close()
		for m, err := range x.superseded(t.Context()) {
			t.Error("still known of: ", m, err)
		}
	})
}

// TestBlanksOfAnyLength blanks members of many lengths: what follows them is found.
func TestBlanksOfAnyLength(t *testing.T) {
	t.Parallel()
	for _, f := range []form{tarForm{}, &zstForm{}, &zipForm{}} {
		for _, size := range []int64{1, 2, 511, 512, 513, 70 << 10} {
			var b bytes.Buffer
			m := member{Length: tarBlock + (size+tarBlock-1)/tarBlock*tarBlock}
			must(t, f.blank(&b, m))
			r := bytes.NewReader(b.Bytes())
			end, err := walk(f, r, 0, r.Size(), nil, func(m member) error { return fmt.Errorf("%q is shown", m.Path) })
			if err != nil || end != m.Length || r.Size() != m.Length {
				t.Errorf("%T, %d bytes: ends at %d, %v", f, m.Length, end, err)
			}
		}
	}
	var b bytes.Buffer
	must(t, pieces(&b, 1000, 60, 100, func(n int64) error {
		if n < 60 || n > 100 {
			t.Errorf("a piece of %d", n)
		}
		return zeros(&b, n)
	}))
	if b.Len() != 1000 {
		t.Errorf("%d bytes of pieces", b.Len())
	}
}

// outFile is a file to write members to, and its name.
func outFile(t *testing.T) (*out, string) {
	t.Helper()
	dir := t.TempDir()
	folder, err := durable.Open(dir, nil)
	must(t, err)
	file, err := folder.OpenFile("a.zip", os.O_RDWR|os.O_CREATE, 0o666)
	must(t, err)
	t.Cleanup(func() { must(t, errors.Join(file.Close(), folder.Close())) })
	return &out{file: file}, filepath.Join(dir, "a.zip")
}

func each(all []member) iter.Seq2[member, error] {
	return also(func(func(member, error) bool) {}, all)
}

// TestZipOfLargeMembers has members beyond 4 GiB, in a file that is mostly holes.
func TestZipOfLargeMembers(t *testing.T) {
	t.Parallel()
	o, name := outFile(t)
	const large = 5 << 30
	var all []member
	add := func(path string, data []byte) {
		m, err := (&zipForm{}).add(o, content{path, int64(len(data)), time.Now()}, bytes.NewReader(data))
		must(t, err)
		all = append(all, m)
	}
	add("media/before.png", []byte("before"))
	hole := member{At: o.at, Path: "media/large.safetensors", Size: large, Packed: large, Method: zip.Store, CRC: 1, Modified: time.Unix(1786363200, 0)}
	hole.Head = int64(len(hole.zipHead()))
	hole.Length = hole.Head + large
	_, err := o.Write(hole.zipHead())
	must(t, errors.Join(err, o.flush()))
	o.at = hole.end()
	all = append(all, hole)
	add("media/after.json", []byte(`{"after":true}`))
	end := o.at
	must(t, errors.Join((&zipForm{}).finish(o, o.at, each(all)), o.flush()))

	var walked []string
	got, err := walk(&zipForm{}, o.file, 0, o.at, nil, func(m member) error { walked = append(walked, m.Path); return nil })
	if err != nil || got != end || len(walked) != 3 {
		t.Errorf("a walk finds %v up to %d (%d), %v", walked, got, end, err)
	}
	z, err := zip.NewReader(o.file, o.at)
	must(t, err)
	if len(z.File) != 3 || z.File[1].UncompressedSize64 != large || z.File[1].CompressedSize64 != large {
		t.Fatalf("%+v", z.File)
	}
	r, err := z.Open("media/after.json")
	must(t, err)
	data, err := io.ReadAll(r)
	if err != nil || string(data) != `{"after":true}` {
		t.Errorf("%q, %v", data, err)
	}
	for _, tool := range [][]string{{"unzip", "-tq", name, "media/before.png", "media/after.json"}, {"bsdtar", "-tf", name}} {
		if _, err := exec.LookPath(tool[0]); err != nil {
			t.Logf("NOT TRIED: %s is not here", tool[0])
			continue
		}
		if out, err := exec.Command(tool[0], tool[1:]...).CombinedOutput(); err != nil {
			t.Errorf("%v: %v\n%s", tool, err, out)
		}
	}
}

// TestZipOfManyMembers has more of them than the old directory counts.
func TestZipOfManyMembers(t *testing.T) {
	t.Parallel()
	o, name := outFile(t)
	var all []member
	for i := range math.MaxUint16 + 10 {
		m, err := (&zipForm{}).add(o, content{fmt.Sprintf("media/%d.png", i), 1, time.Now()}, bytes.NewReader([]byte{byte(i)}))
		must(t, err)
		all = append(all, m)
	}
	must(t, errors.Join((&zipForm{}).finish(o, o.at, each(all)), o.flush()))
	z, err := zip.NewReader(o.file, o.at)
	must(t, err)
	if len(z.File) != len(all) {
		t.Errorf("%d members", len(z.File))
	}
	if _, err := exec.LookPath("unzip"); err != nil {
		t.Skip("unzip is not here")
	}
	if out, err := exec.Command("unzip", "-tq", name).CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
}

// FuzzNext reads heads out of any bytes: it ends, and tells of nothing outside of them.
func FuzzNext(f *testing.F) {
	for _, form := range []form{tarForm{}, &zstForm{}, &zipForm{}} {
		var b bytes.Buffer
		must(f, form.blank(&b, member{Length: 1024}))
		f.Add(b.Bytes())
	}
	f.Add(append(member{Path: "media/a.png", Size: 3, Packed: 3, Modified: time.Unix(1786363200, 0)}.zipHead(), "abc"...))
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, form := range []form{tarForm{}, &zstForm{}, &zipForm{}} {
			r := bytes.NewReader(data)
			end, err := walk(form, r, 0, r.Size(), nil, func(m member) error {
				if m.Length <= 0 || m.end() > r.Size() || m.Size < 0 || checkPath(0, m.Path) != nil {
					t.Errorf("%T: %+v", form, m)
				}
				if from, err := form.open(r, m); err == nil {
					_, _ = io.Copy(io.Discard, io.LimitReader(from, 1<<20))
					must(t, from.Close())
				}
				return nil
			})
			if end > r.Size() || err != nil && !errors.As(err, new(*DamageError)) {
				t.Errorf("%T: ends at %d of %d, %v", form, end, r.Size(), err)
			}
		}
	})
}

var _ verify.Files = (*files)(nil)
