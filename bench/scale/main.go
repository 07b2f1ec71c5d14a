// Command scale measures what an account's size costs: time and peak resident memory of the
// run that archives it, of one that finds nothing new and how soon that asks its first
// question, of one that has to make the index anew, of status and of verify.
//
//	go run ./bench/scale                    10,000, 100,000 and 250,000 workflows of 4 blobs
//	go run ./bench/scale -workflows 250000  a million blobs
//
// It builds civitar, serves tiny pictures from the sandbox, and runs the real binary. The
// archives are made in the system's temporary folder (-dir gives another; a million blobs
// take about 8 GB of it) and removed at the end: a file system that has just deleted many
// files is slow to create others.
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/dustin/go-humanize"

	"civitar/bench/rig"
	"civitar/internal/sandbox"
)

func main() {
	sizes := flag.String("workflows", "10000,100000,250000", "numbers of workflows, separated by commas")
	dir := flag.String("dir", "", "where the archives are made")
	flag.Parse()
	if err := measure(strings.Split(*sizes, ","), *dir); err != nil {
		fmt.Fprintln(os.Stderr, "scale:", err)
		os.Exit(1)
	}
}

func measure(sizes []string, dir string) (err error) {
	work, err := os.MkdirTemp(dir, "civitar-scale-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(work)) }()
	exe, err := rig.Build(work)
	if err != nil {
		return err
	}
	launcher, err := rig.NewLauncher(work)
	if err != nil {
		return err
	}
	rows := make([]string, len(measured()))
	for _, size := range sizes {
		n, err := strconv.Atoi(strings.TrimSpace(size))
		if err != nil {
			return err
		}
		b := &bench{launcher: launcher, exe: exe, dest: filepath.Join(work, size), workflows: n}
		cells, err := b.run()
		if err != nil {
			return err
		}
		for i, cell := range cells {
			rows[i] += " | " + cell
		}
	}
	for i, what := range measured() {
		fmt.Printf("| %s%s |\n", what, rows[i])
		if i == 0 {
			fmt.Println("|" + strings.Repeat("---|", len(sizes)+1))
		}
	}
	return nil
}

// measured names the rows of the table.
func measured() []string {
	return []string{"workflows", "blobs", "first run", "its peak memory", "run again, nothing new", "its first request after", "its peak memory",
		"`status`", "`verify --quick`", "its peak memory", "run again, index made anew", "its peak memory", "journal", "index"}
}

// bench is one account, and the archive that is made of it.
type bench struct {
	launcher  *rig.Launcher
	exe, dest string
	workflows int
	url       string
	asked     *firstRequest
}

// run measures, and fills the cells of a column.
func (b *bench) run() ([]string, error) {
	b.asked = &firstRequest{next: sandbox.New(sandbox.Options{Workflows: b.workflows, Tiny: true})}
	url, stop, err := rig.Serve(b.asked)
	if err != nil {
		return nil, err
	}
	defer stop()
	b.url = url

	cells := []string{humanize.Comma(int64(b.workflows)), humanize.Comma(int64(4 * b.workflows))}
	first, err := b.archive(4 * b.workflows)
	if err != nil {
		return nil, err
	}
	cells = append(cells, fmt.Sprintf("%s, %.0f blobs/s", span(first.Wall), float64(first.Kept)/first.Wall.Seconds()), megabytes(first.Peak))
	again, err := b.archive(0)
	if err != nil {
		return nil, err
	}
	cells = append(cells, span(again.Wall), span(again.first), megabytes(again.Peak))
	status, err := b.civitar(io.Discard, "status", b.dest)
	if err != nil {
		return nil, err
	}
	verify, err := b.civitar(io.Discard, "verify", b.dest, "--quick")
	if err != nil {
		return nil, err
	}
	cells = append(cells, span(status.Wall), span(verify.Wall), megabytes(verify.Peak))
	state := filepath.Join(b.dest, ".civitar")
	journal, err := size(filepath.Join(state, "journal", "*"))
	if err != nil {
		return nil, err
	}
	index, err := size(filepath.Join(state, "index.db"))
	if err == nil {
		err = os.Remove(filepath.Join(state, "index.db"))
	}
	if err != nil {
		return nil, err
	}
	anew, err := b.archive(0)
	return append(cells, span(anew.Wall), megabytes(anew.Peak), megabytes(journal), megabytes(index)), err
}

func span(d time.Duration) string {
	if d < time.Second {
		return fmt.Sprintf("%.0f ms", float64(d)/float64(time.Millisecond))
	}
	return fmt.Sprintf("%.1f s", d.Seconds())
}

func megabytes(n int64) string { return fmt.Sprintf("%.0f MB", float64(n)/1e6) }

// size is that of the files of a pattern, in bytes.
func size(pattern string) (n int64, err error) {
	names, err := filepath.Glob(pattern)
	for _, name := range names {
		info, serr := os.Stat(name)
		if serr != nil {
			return 0, serr
		}
		n += info.Size()
	}
	return n, err
}

// figures are those of one run.
type figures struct {
	Event     string
	Kept      int64
	first     time.Duration // until the first request came in
	rig.Usage `json:"-"`
}

// archive runs civitar archive, which is to keep a number of blobs.
func (b *bench) archive(blobs int) (f figures, err error) {
	out := &lastLine{}
	b.asked.at.Store(0)
	if f.Usage, err = b.civitar(out, "archive", b.dest, "--rate=0", "--blob-rate=0", "--json", "--log-level=warn"); err != nil {
		return f, err
	}
	f.first = time.Unix(0, b.asked.at.Load()).Sub(f.Start)
	if err = json.Unmarshal(out.line, &f); err == nil && f.Kept != int64(blobs) {
		err = fmt.Errorf("%d blobs were kept, not %d", f.Kept, blobs)
	}
	return f, err
}

// civitar runs a command and tells what it took.
func (b *bench) civitar(out io.Writer, args ...string) (rig.Usage, error) {
	cmd := exec.Command(b.exe, args...)
	cmd.Env = append(os.Environ(), "CIVITAI_API_URL="+b.url, "CIVITAI_API_TOKEN="+sandbox.DefaultToken)
	cmd.Stdout, cmd.Stderr = out, os.Stderr
	usage, err := b.launcher.Run(cmd)
	if err != nil {
		err = fmt.Errorf("civitar %s: %w", args[0], err)
	}
	return usage, err
}

// firstRequest notes when the first request came in.
type firstRequest struct {
	next http.Handler
	at   atomic.Int64
}

func (f *firstRequest) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.at.CompareAndSwap(0, time.Now().UnixNano())
	f.next.ServeHTTP(w, r)
}

// lastLine keeps the last whole line written to it: the summary.
type lastLine struct{ line, rest []byte }

func (l *lastLine) Write(p []byte) (int, error) {
	for _, b := range p {
		l.rest = append(l.rest, b)
		if b == '\n' {
			l.line, l.rest = append(l.line[:0], l.rest...), l.rest[:0]
		}
	}
	return len(p), nil
}
