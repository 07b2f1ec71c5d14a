package verify

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	_ "modernc.org/sqlite"

	"civitar/manifest"
	"civitar/sink"
)

const source = "https://orchestration.example"

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// keeper is an archive that a run writes.
type keeper struct {
	t   testing.TB
	dir string
	m   *manifest.Manifest
	s   *sink.Dir
}

func newKeeper(t testing.TB) *keeper {
	k := &keeper{t: t, dir: filepath.Join(t.TempDir(), "archive")}
	k.open()
	return k
}

func (k *keeper) open() {
	k.t.Helper()
	var err error
	k.m, err = manifest.Open(context.Background(), k.dir, manifest.Options{Source: source})
	must(k.t, err)
	k.s, err = sink.Open(k.dir)
	must(k.t, err)
}

func (k *keeper) close(settle bool) {
	k.t.Helper()
	if settle {
		k.m.Settle(true)
	}
	must(k.t, k.m.Summarize(context.Background(), time.Now()))
	must(k.t, k.s.Close())
	must(k.t, k.m.Close())
}

// old is when the workflows ended, which is the modification time that their files have.
var old = time.Date(2026, 8, 10, 22, 37, 15, 0, time.UTC)

// file brings a file to rest, without a line about it.
func (k *keeper) file(name, data string) (size int64, sum string) {
	k.t.Helper()
	w, err := k.s.Begin(name)
	must(k.t, err)
	_, err = w.Write([]byte(data))
	must(k.t, err)
	must(k.t, w.Finish())
	must(k.t, k.s.Commit(context.Background(), []sink.File{{Writer: w, Path: name, Time: old}}))
	return w.Offset(), w.Sum()
}

// keep records workflow n with one blob.
func (k *keeper) keep(n int) {
	k.t.Helper()
	id := fmt.Sprintf("w%03d", n)
	b := manifest.Blob{Time: time.Now().UTC(), Workflow: id, Blob: "b.jpg", State: manifest.Kept, Path: "media/d/" + id + "_b.jpg"}
	b.Size, b.SHA256 = k.file(b.Path, "the bytes of "+id)
	w := manifest.Workflow{Time: time.Now().UTC(), Workflow: id, Status: "succeeded", Sidecar: "workflows/d/" + id + ".json", Print: "p"}
	w.Size, w.SHA256 = k.file(w.Sidecar, `{"id": "`+id+`"}`)
	must(k.t, k.m.Append(context.Background(), []manifest.Line{b, w}))
}

func archive(t testing.TB, n int) string {
	t.Helper()
	k := newKeeper(t)
	for i := range n {
		k.keep(i)
	}
	k.close(true)
	return k.dir
}

// found is what a verification finds, as "kind path".
func found(t testing.TB, dir string, o Options) ([]string, Report) {
	t.Helper()
	var all []string
	r, err := Run(context.Background(), dir, o, func(f Finding) {
		if f.What == "" || strings.Contains(f.What, "\n") {
			t.Errorf("a finding does not say what is wrong in one line: %+v", f)
		}
		all = append(all, string(f.Kind)+" "+f.Path)
	})
	must(t, err)
	slices.Sort(all)
	if n := len(all); (n == 0) != r.Clean() {
		t.Errorf("%d findings, clean is %v", n, r.Clean())
	}
	return all, r
}

func wantFound(t testing.TB, dir string, o Options, want ...string) {
	t.Helper()
	if got, _ := found(t, dir, o); !slices.Equal(got, want) {
		t.Errorf("found\n\t%s\nwant\n\t%s", strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
	}
}

func write(t testing.TB, dir, name, data string) {
	t.Helper()
	must(t, os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o777))
	must(t, os.WriteFile(filepath.Join(dir, name), []byte(data), 0o666))
}

// altered changes a byte and leaves size and time as they were.
func altered(t testing.TB, dir, name string) {
	t.Helper()
	full := filepath.Join(dir, name)
	info, err := os.Stat(full)
	must(t, err)
	data, err := os.ReadFile(full)
	must(t, err)
	data[len(data)/2] ^= 1
	must(t, os.WriteFile(full, data, 0o666))
	must(t, os.Chtimes(full, info.ModTime(), info.ModTime()))
}

func TestWhatIsWrongIsFound(t *testing.T) {
	const blob, sidecar = "media/d/w001_b.jpg", "workflows/d/w001.json"
	later := time.Now().Add(time.Hour)
	for name, c := range map[string]struct {
		harm  func(t *testing.T, dir string)
		want  []string
		quick []string // where it finds something else
	}{
		"nothing": {func(*testing.T, string) {}, nil, nil},
		"a bit":   {func(t *testing.T, dir string) { altered(t, dir, blob) }, []string{"altered " + blob}, []string{}},
		"bytes, later": {func(t *testing.T, dir string) {
			altered(t, dir, blob)
			must(t, os.Chtimes(filepath.Join(dir, blob), later, later))
		}, []string{"altered " + blob}, nil},
		"touched only": {func(t *testing.T, dir string) { must(t, os.Chtimes(filepath.Join(dir, blob), later, later)) }, nil, nil},
		"cut":          {func(t *testing.T, dir string) { must(t, os.Truncate(filepath.Join(dir, blob), 3)) }, []string{"truncated " + blob}, nil},
		"emptied":      {func(t *testing.T, dir string) { must(t, os.Truncate(filepath.Join(dir, blob), 0)) }, []string{"truncated " + blob}, nil},
		"longer":       {func(t *testing.T, dir string) { write(t, dir, blob, strings.Repeat("x", 99)) }, []string{"altered " + blob}, nil},
		"removed":      {func(t *testing.T, dir string) { must(t, os.Remove(filepath.Join(dir, blob))) }, []string{"missing " + blob}, nil},
		"a folder in its place": {func(t *testing.T, dir string) {
			must(t, os.Remove(filepath.Join(dir, blob)))
			must(t, os.Mkdir(filepath.Join(dir, blob), 0o777))
		}, []string{"altered " + blob}, nil},
		"a link in its place": {func(t *testing.T, dir string) {
			must(t, os.Rename(filepath.Join(dir, blob), filepath.Join(dir, "x")))
			must(t, os.Symlink("../../x", filepath.Join(dir, blob)))
		}, []string{"altered " + blob, "foreign x"}, nil},
		"foreign": {func(t *testing.T, dir string) {
			write(t, dir, "mine/a\nb", "x")
			write(t, dir, "media/d/W001_B.jpg", "x")
		},
			[]string{"foreign media/d/W001_B.jpg", "foreign mine/a\nb"}, nil},
		"what desktops leave": {func(t *testing.T, dir string) { write(t, dir, "media/.DS_Store", "x") }, nil, nil},
		"a sidecar removed":   {func(t *testing.T, dir string) { must(t, os.Remove(filepath.Join(dir, sidecar))) }, []string{"missing " + sidecar}, nil},
		"a sidecar that does not parse": {func(t *testing.T, dir string) {
			write(t, dir, sidecar, `{"id"; "w001"}`)
			must(t, os.Chtimes(filepath.Join(dir, sidecar), later, later))
		}, []string{"invalid " + sidecar}, nil},
		"a sidecar altered": {func(t *testing.T, dir string) {
			write(t, dir, sidecar, `{"id": "w002"}`)
			must(t, os.Chtimes(filepath.Join(dir, sidecar), later, later))
		}, []string{"altered " + sidecar}, nil},
		"a partial without a note": {func(t *testing.T, dir string) { write(t, dir, partial, "x") }, []string{"leftover " + partial}, nil},
		"a note without a partial": {func(t *testing.T, dir string) { write(t, dir, partial+".json", "{}") }, []string{"leftover " + partial + ".json"}, nil},
		"a summary that does not parse": {func(t *testing.T, dir string) { write(t, dir, ".civitar/manifest.json", "{") },
			[]string{"invalid .civitar/manifest.json"}, nil},
		"no index":      {func(t *testing.T, dir string) { must(t, os.Remove(filepath.Join(dir, ".civitar/index.db"))) }, nil, nil},
		"no summary":    {func(t *testing.T, dir string) { must(t, os.Remove(filepath.Join(dir, ".civitar/manifest.json"))) }, nil, nil},
		"a torn tail":   {func(t *testing.T, dir string) { appendTo(t, dir, `{"time":"20`) }, nil, nil},
		"a broken line": {func(t *testing.T, dir string) { appendTo(t, dir, "{\"time\":\"20\n") }, []string{"journal .civitar/journal/000001.jsonl"}, nil},
		"no database":   {func(t *testing.T, dir string) { write(t, dir, ".civitar/index.db", strings.Repeat("x", 8192)) }, []string{"index .civitar/index.db"}, nil},
		"a row changed": {func(t *testing.T, dir string) { execute(t, dir, "UPDATE blob SET size = 7 WHERE workflow = 'w001'") }, []string{"index .civitar/index.db"}, nil},
		"a row removed": {func(t *testing.T, dir string) { execute(t, dir, "DELETE FROM workflow WHERE id = 'w002'") }, []string{"index .civitar/index.db"}, nil},
		"a row added": {func(t *testing.T, dir string) { execute(t, dir, "INSERT INTO coverage VALUES ('x', '{}')") },
			[]string{"index .civitar/index.db"}, nil},
		"an index ahead": {func(t *testing.T, dir string) {
			execute(t, dir, "UPDATE meta SET value = '99999' WHERE key = 'offset'")
		},
			[]string{"index .civitar/index.db"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			dir := archive(t, 3)
			c.harm(t, dir)
			wantFound(t, dir, Options{}, c.want...)
			if c.quick == nil {
				c.quick = c.want
			}
			wantFound(t, dir, Options{Quick: true}, c.quick...)
		})
	}
}

const partial = ".civitar/partial/0123456789abcdef0123456789abcdef"

func appendTo(t *testing.T, dir, line string) {
	t.Helper()
	f, err := os.OpenFile(filepath.Join(dir, ".civitar/journal/000001.jsonl"), os.O_APPEND|os.O_WRONLY, 0)
	must(t, err)
	_, err = f.WriteString(line)
	must(t, err)
	must(t, f.Close())
}

func execute(t *testing.T, dir, statement string) {
	t.Helper()
	db, err := sql.Open("sqlite", filepath.Join(dir, ".civitar/index.db"))
	must(t, err)
	_, err = db.Exec(statement)
	must(t, err)
	must(t, db.Close())
}

func TestSharesReadEverythingInTheEnd(t *testing.T) {
	dir := archive(t, 40)
	harmed := map[string]bool{}
	for i := 0; i < 40; i += 3 {
		name := fmt.Sprintf("media/d/w%03d_b.jpg", i)
		altered(t, dir, name)
		harmed["altered "+name] = true
	}
	got, hashed := map[string]bool{}, int64(0)
	for range 4 {
		some, r := found(t, dir, Options{Share: 0.25})
		for _, f := range some {
			got[f] = true
		}
		hashed += r.Hashed
	}
	if hashed != 80 || !maps.Equal(got, harmed) {
		t.Errorf("%d files were read, want each of 80 once; found %v", hashed, got)
	}
	if _, r := found(t, dir, Options{Share: 0.25}); r.Part != 1 || r.Parts != 4 {
		t.Errorf("after the last part comes part %d of %d", r.Part, r.Parts)
	}
	if _, r := found(t, dir, Options{Share: 0.5}); r.Part != 1 || r.Parts != 2 {
		t.Errorf("another share begins with part %d of %d", r.Part, r.Parts)
	}
}

func TestARunAtWorkIsNoFinding(t *testing.T) {
	k := newKeeper(t)
	k.keep(0)
	k.file("media/d/w001_b.jpg", "named, not yet recorded")
	k.file("workflows/d/w000.json", `{"id": "w000", "status": "changed"}`)
	write(t, k.dir, partial, "in flight")
	must(t, os.Chtimes(filepath.Join(k.dir, partial), old, old))
	altered(t, k.dir, "media/d/w000_b.jpg") // blobs are never rewritten: this is harm
	wantFound(t, k.dir, Options{}, "altered media/d/w000_b.jpg")
	_, r := found(t, k.dir, Options{})
	if r.Unfinished != 1 {
		t.Errorf("%d unfinished downloads", r.Unfinished)
	}
	k.close(false)
	wantFound(t, k.dir, Options{}, "altered media/d/w000_b.jpg") // cut off: the next run takes them up
	k.open()
	wantFound(t, k.dir, Options{Own: true}, "altered media/d/w000_b.jpg", "altered workflows/d/w000.json", "leftover "+partial)
	k.close(true)
	wantFound(t, k.dir, Options{}, "altered media/d/w000_b.jpg", "altered workflows/d/w000.json",
		"foreign media/d/w001_b.jpg", "leftover "+partial)
}

func TestWhatIsForeignStaysSoAfterACutOffRun(t *testing.T) {
	dir := archive(t, 1)
	write(t, dir, "mine", "x")
	k := &keeper{t: t, dir: dir}
	k.open()
	k.close(false)
	wantFound(t, dir, Options{})
	later := time.Now().Add(time.Hour).UTC().Format(time.RFC3339) // had the run begun then
	write(t, dir, ".civitar/lock", ` {"since":"`+later+`"}`)
	wantFound(t, dir, Options{}, "foreign mine")
}

func TestVerifyWritesNothing(t *testing.T) {
	dir := archive(t, 2)
	before := listing(t, dir)
	wantFound(t, dir, Options{})
	if after := listing(t, dir); !slices.Equal(before, after) {
		t.Errorf("before\n%v\nafter\n%v", before, after)
	}
}

func listing(t *testing.T, dir string) (all []string) {
	t.Helper()
	must(t, filepath.WalkDir(dir, func(p string, e os.DirEntry, err error) error {
		must(t, err)
		if name := e.Name(); name == ".civitar" || strings.HasPrefix(name, "index.db-") {
			return nil // SQLite's shared memory, which every reader makes
		}
		info, err := e.Info()
		must(t, err)
		all = append(all, fmt.Sprint(p, info.Size(), info.ModTime()))
		return nil
	}))
	return all
}
