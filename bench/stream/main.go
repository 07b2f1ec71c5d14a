// Command stream measures what listing a large account costs: how soon the first line of
// civitar workflows --all comes, how long all of them take, and peak resident memory.
//
//	go run ./bench/stream                  100,000 workflows
//	go run ./bench/stream -workflows 1000  another size
//
// It builds civitar, serves tiny workflows from the sandbox, and runs the real binary.
package main

import (
	"bufio"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"time"

	"civitar/bench/rig"
	"civitar/internal/sandbox"
)

func main() {
	workflows := flag.Int("workflows", 100_000, "number of workflows")
	flag.Parse()
	if err := measure(*workflows); err != nil {
		fmt.Fprintln(os.Stderr, "stream:", err)
		os.Exit(1)
	}
}

func measure(workflows int) (err error) {
	work, err := os.MkdirTemp("", "civitar-stream-")
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
	url, stop, err := rig.Serve(sandbox.New(sandbox.Options{Workflows: workflows, Tiny: true}))
	if err != nil {
		return err
	}
	defer stop()

	fmt.Println("| workflows | form | first line | whole | peak memory |")
	fmt.Println("|---|---|---|---|---|")
	for _, form := range []string{"jsonl", "json", "table"} {
		if err := list(launcher, exe, url, form, workflows); err != nil {
			return err
		}
	}
	return nil
}

// list runs one listing and prints its figures.
func list(launcher *rig.Launcher, exe, url, form string, workflows int) error {
	cmd := exec.Command(exe, "workflows", "--all", "--output", form, "--rate", "0")
	cmd.Env = append(os.Environ(), "CIVITAI_API_URL="+url, "CIVITAI_API_TOKEN="+sandbox.DefaultToken)
	cmd.Stderr = os.Stderr
	usage := launcher.Measure(cmd)
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	start := time.Now()
	if err := cmd.Start(); err != nil {
		return err
	}
	var first time.Duration
	lines := 0
	for scan := bufio.NewScanner(out); scan.Scan(); lines++ {
		if lines == 0 {
			first = time.Since(start)
		}
	}
	if err := cmd.Wait(); err != nil {
		return fmt.Errorf("civitar workflows: %w", err)
	}
	if lines < workflows {
		return fmt.Errorf("%d lines of %d workflows", lines, workflows)
	}
	took, err := usage()
	if err != nil {
		return err
	}
	fmt.Printf("| %d | %s | %d ms | %.1f s | %.0f MB |\n", workflows, form, first.Milliseconds(), took.Wall.Seconds(), took.PeakMB())
	return nil
}
