// Command scale measures what an account's size costs: peak resident memory while it is
// archived, and how soon a run over the finished archive asks its first question.
//
//	go run ./bench/scale                    10,000 and 100,000 workflows of 4 blobs
//	go run ./bench/scale -workflows 250000  a million blobs
//
// It builds civitar, serves tiny pictures from the sandbox, and runs the real binary. The
// archives are made in the system's temporary folder (-dir gives another; a million blobs
// take about 6 GB of it) and removed at the end: a file system that has just deleted many
// files is slow to create others.
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"civitar/bench/rig"
	"civitar/internal/sandbox"
)

func main() {
	sizes := flag.String("workflows", "10000,100000", "numbers of workflows, separated by commas")
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
	fmt.Println("| workflows | blobs | first run | blobs/s | peak memory | run again: first request after | whole | peak memory |")
	fmt.Println("|---|---|---|---|---|---|---|---|")
	for _, size := range sizes {
		n, err := strconv.Atoi(strings.TrimSpace(size))
		if err != nil {
			return err
		}
		if err := measureOne(launcher, exe, filepath.Join(work, size), n); err != nil {
			return err
		}
	}
	return nil
}

func measureOne(launcher *rig.Launcher, exe, dest string, workflows int) error {
	asked := &firstRequest{next: sandbox.New(sandbox.Options{Workflows: workflows, Tiny: true})}
	url, stop, err := rig.Serve(asked)
	if err != nil {
		return err
	}
	defer stop()

	first, err := archive(launcher, exe, dest, url, asked)
	if err != nil {
		return err
	}
	again, err := archive(launcher, exe, dest, url, asked)
	if err != nil {
		return err
	}
	if first.Kept != int64(4*workflows) || again.Kept != 0 {
		return fmt.Errorf("kept %d of %d, and %d again", first.Kept, 4*workflows, again.Kept)
	}
	fmt.Printf("| %d | %d | %.1f s | %.0f | %.0f MB | %.0f ms | %.0f ms | %.0f MB |\n", workflows, first.Kept, first.Wall.Seconds(),
		float64(first.Kept)/first.Wall.Seconds(), first.PeakMB(), ms(again.first), ms(again.Wall), again.PeakMB())
	return nil
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// figures are those of one run.
type figures struct {
	Event     string
	Kept      int64
	first     time.Duration // until the first request came in
	rig.Usage `json:"-"`
}

func archive(launcher *rig.Launcher, exe, dest, url string, asked *firstRequest) (f figures, err error) {
	cmd := exec.Command(exe, "archive", dest, "--rate=0", "--blob-rate=0", "--json", "--log-level=warn")
	cmd.Env = append(os.Environ(), "CIVITAI_API_URL="+url, "CIVITAI_API_TOKEN="+sandbox.DefaultToken)
	cmd.Stderr = os.Stderr
	out := &lastLine{}
	cmd.Stdout = out
	asked.at.Store(0)
	if f.Usage, err = launcher.Run(cmd); err != nil {
		return f, fmt.Errorf("civitar archive: %w", err)
	}
	f.first = time.Unix(0, asked.at.Load()).Sub(f.Start)
	return f, json.Unmarshal(out.line, &f)
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
