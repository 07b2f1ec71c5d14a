package manifest

import (
	"bufio"
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// roleEnv makes the test binary a second process that works on an archive.
const roleEnv = "CIVITAR_TEST_ROLE"

func TestMain(m *testing.M) {
	if role := os.Getenv(roleEnv); role != "" {
		if err := play(role, os.Args[1]); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		return
	}
	goleak.VerifyTestMain(m)
}

// play is the second process: it holds the archive, tells so, and goes on until its
// standard input ends or it is killed.
func play(role, dir string) error {
	m, err := Open(context.Background(), dir, Options{Source: source})
	if err != nil {
		return err
	}
	fmt.Println("held")
	for i := 0; role == "append"; i++ {
		if err := m.Append(context.Background(), groupOf(i)); err != nil {
			return err
		}
		if _, err := fmt.Println(i); err != nil {
			return err
		}
	}
	if _, err := io.Copy(io.Discard, os.Stdin); err != nil {
		return err
	}
	return m.Close()
}

// process starts a second process, which holds the archive when this returns, and gives
// what it tells line by line.
func process(t *testing.T, role, dir string) (*exec.Cmd, *bufio.Scanner) {
	t.Helper()
	exe, err := os.Executable()
	must(t, err)
	cmd := exec.Command(exe, dir)
	cmd.Env = append(os.Environ(), roleEnv+"="+role)
	_, err = cmd.StdinPipe()
	must(t, err)
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	lines := bufio.NewScanner(out)
	if !lines.Scan() || lines.Text() != "held" {
		t.Fatalf("the second process says %q", lines.Text())
	}
	return cmd, lines
}

const source = "https://orchestration.example"

var day = time.Date(2026, 8, 10, 12, 0, 0, 0, time.UTC)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func open(t *testing.T, dir string) *Manifest {
	t.Helper()
	m, err := Open(t.Context(), dir, Options{Source: source})
	must(t, err)
	t.Cleanup(func() { _ = m.Close() }) // where the test has not
	return m
}

// openLogged gives what Open tells its logger, too.
func openLogged(t *testing.T, dir string) (*Manifest, string) {
	t.Helper()
	var log bytes.Buffer
	m, err := Open(t.Context(), dir, Options{Source: source, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	must(t, err)
	t.Cleanup(func() { _ = m.Close() })
	return m, log.String()
}

func read(t *testing.T, dir string) *Reader {
	t.Helper()
	r, err := Read(t.Context(), dir)
	must(t, err)
	t.Cleanup(func() { _ = r.Close() })
	return r
}

func add(t *testing.T, m *Manifest, lines ...Line) {
	t.Helper()
	must(t, m.Append(t.Context(), lines))
}

// archive makes one that holds the lines, and closes it.
func archive(t *testing.T, lines ...Line) (dir string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "archive")
	m := open(t, dir)
	add(t, m, lines...)
	must(t, m.Close())
	return dir
}

// groupOf is a workflow's lines, as a run appends them.
func groupOf(i int) []Line {
	w := fmt.Sprintf("w%04d", i)
	blob := func(n int, s State) Blob {
		return Blob{Time: day, Run: "r", Workflow: w, Created: day.Add(time.Duration(i) * time.Minute), Step: "$0", Type: "imageGen",
			Blob: fmt.Sprintf("b%d.jpg", n), State: s}
	}
	kept, failed := blob(0, Kept), blob(1, Failed)
	kept.Path, kept.Size, kept.SHA256, kept.Media = "media/2026-08-10/"+w+"_B0.jpg", int64(1000+i), "aa", "image/jpeg"
	failed.Reason = "timeout"
	return []Line{kept, failed, Workflow{Time: day, Run: "r", Workflow: w, Created: kept.Created, Completed: kept.Created.Add(time.Hour),
		Status: "succeeded", Scope: "s", Sidecar: "workflows/2026-08-10/" + w + ".json", Print: "p"}}
}

// groups is the lines of n workflows.
func groups(n int) (lines []Line) {
	for i := range n {
		lines = append(lines, groupOf(i)...)
	}
	return lines
}

// dump is all that an index holds, a row a line.
func dump(t *testing.T, x *index) string {
	t.Helper()
	var all strings.Builder
	for _, rows := range []string{"workflow ORDER BY id", "blob ORDER BY workflow, blob", "total WHERE n <> 0 ORDER BY what",
		"reason ORDER BY state, reason", "alike WHERE n <> 0 ORDER BY nsfw, type, media, month, apart", "coverage ORDER BY scope", "filing", "run ORDER BY seq"} {
		table, _, _ := strings.Cut(rows, " ")
		what := "*"
		if table == "run" { // numbered from where the journal begins
			what = "line"
		}
		err := x.each(t.Context(), func(r *sql.Rows) error {
			columns, err := r.Columns()
			if err != nil {
				return err
			}
			row := make([]any, len(columns))
			for i := range row {
				row[i] = &row[i]
			}
			if err := r.Scan(row...); err != nil {
				return err
			}
			fmt.Fprintf(&all, "%s %q\n", table, row)
			return nil
		}, "SELECT "+what+" FROM "+rows)
		must(t, err)
	}
	return all.String()
}

// truth is what an index says that is made anew from the journal of the archive in dir.
func truth(t *testing.T, dir string) string {
	t.Helper()
	f, err := openFolders(dir, nil)
	must(t, err)
	defer f.close()
	j, err := readJournal(f.segments)
	must(t, err)
	x, err := openIndex(t.Context(), filepath.Join(t.TempDir(), indexFile), j, slog.New(slog.DiscardHandler))
	must(t, err)
	defer x.close()
	return dump(t, x)
}

// wantDump compares texts of many lines and shows where they part.
func wantDump(t *testing.T, what, got, want string) {
	t.Helper()
	if got == want {
		return
	}
	g, w := strings.SplitAfter(got, "\n"), strings.SplitAfter(want, "\n")
	i := 0
	for i < min(len(g), len(w)) && g[i] == w[i] {
		i++
	}
	t.Errorf("%s: %d lines, want %d; they part at line %d\n\t%.500q\nwant\n\t%.500q", what, len(g)-1, len(w)-1, i+1,
		g[i:min(i+1, len(g))], w[i:min(i+1, len(w))])
}

// wantTruth checks that both ways to open the archive give what the journal says.
func wantTruth(t *testing.T, dir string) {
	t.Helper()
	want := truth(t, dir)
	r := read(t, dir)
	wantDump(t, "Read", dump(t, r.index), want)
	must(t, r.Close())
	m := open(t, dir)
	wantDump(t, "Open", dump(t, m.index), want)
	must(t, m.Close())
}

func statePath(dir, name string) string {
	return filepath.Join(dir, stateDir, filepath.FromSlash(name))
}

func segmentPath(dir string, n int) string { return statePath(dir, journalDir+"/"+segmentFile(n)) }

func readFile(t *testing.T, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(name)
	must(t, err)
	return data
}

func appendFile(t *testing.T, name string, data []byte) {
	t.Helper()
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_APPEND, 0)
	must(t, err)
	_, err = f.Write(data)
	must(t, errors.Join(err, f.Close()))
}

// replayed is all lines of the journal in dir, and what was logged about damage.
func replayed(t *testing.T, dir string) ([]Line, string) {
	t.Helper()
	f, err := openFolders(dir, nil)
	must(t, err)
	defer f.close()
	j, err := readJournal(f.segments)
	must(t, err)
	var log bytes.Buffer
	j.log = slog.New(slog.NewTextHandler(&log, nil))
	var lines []Line
	must(t, j.replay(position{}, func(l Line, _ position) error {
		lines = append(lines, l)
		return nil
	}))
	return lines, log.String()
}

// snapshot is every file below dir with its content.
func snapshot(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	must(t, filepath.WalkDir(dir, func(p string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		data, err := os.ReadFile(p)
		rel, _ := filepath.Rel(dir, p)
		all[filepath.ToSlash(rel)] = string(data)
		return err
	}))
	return all
}

func symlink(t *testing.T, target, link string) {
	t.Helper()
	if err := os.Symlink(target, link); err != nil {
		t.Skipf("this system or user makes no symbolic links: %v", err)
	}
}

// sameJSON compares values by what they say, which also fits times and raw messages.
func sameJSON(t *testing.T, what string, got, want any) {
	t.Helper()
	g, err := json.MarshalIndent(got, "", "\t")
	must(t, err)
	w, err := json.MarshalIndent(want, "", "\t")
	must(t, err)
	wantDump(t, what, string(g), string(w))
}
