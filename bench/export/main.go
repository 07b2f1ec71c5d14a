// Command export measures packages of many small files: time and peak memory of exports in each
// format, and of archives that are packages, with their verification.
//
//	go run ./bench/export -files 50000
package main

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"civitar/bench/rig"
	"civitar/internal/sandbox"
)

func main() {
	files := flag.Int("files", 50_000, "results in the archive")
	flag.Parse()
	if err := measure(*files); err != nil {
		fmt.Fprintln(os.Stderr, "bench/export:", err)
		os.Exit(1)
	}
}

func measure(files int) error {
	work, err := os.MkdirTemp("", "civitar-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	exe, err := rig.Build(work)
	if err != nil {
		return err
	}
	launcher, err := rig.NewLauncher(work)
	if err != nil {
		return err
	}
	url, stop, err := rig.Serve(sandbox.New(sandbox.Options{Workflows: files / sandbox.DefaultTinyBlobs, Tiny: true}))
	if err != nil {
		return err
	}
	defer stop()
	dest := filepath.Join(work, "archive")
	run := func(args ...string) (rig.Usage, error) {
		cmd := exec.Command(exe, args...)
		cmd.Env = append(os.Environ(), "CIVITAI_API_URL="+url, "CIVITAI_API_TOKEN="+sandbox.DefaultToken)
		cmd.Stderr = os.Stderr
		return launcher.Run(cmd)
	}
	if _, err := run("archive", dest, "--rate=0", "--blob-rate=0", "--quiet"); err != nil {
		return fmt.Errorf("civitar archive: %w", err)
	}
	fmt.Println("| format | wall | peak |\n|---|---|---|")
	for _, format := range []string{"zip", "tar", "tar.zst", "bagit", "csv", "jsonl"} {
		out := filepath.Join(work, "package."+format)
		if format == "bagit" {
			out = filepath.Join(work, "bag.zip")
		}
		u, err := run("export", dest, "--format", format, "--out", out, "--quiet")
		if err != nil {
			return fmt.Errorf("civitar export --format %s: %w", format, err)
		}
		show(format, u)
	}
	for _, format := range []string{"tar", "tar.zst", "zip"} {
		all := filepath.Join(work, "all."+format)
		for _, args := range [][]string{{"archive", all, "--rate=0", "--blob-rate=0", "--quiet"}, {"verify", all, "--quiet"}} {
			u, err := run(args...)
			if err != nil {
				return fmt.Errorf("civitar %s: %w", args, err)
			}
			show(args[0]+" all."+format, u)
		}
	}
	return nil
}

func show(what string, u rig.Usage) {
	fmt.Printf("| %s | %.1f s | %.0f MB |\n", what, u.Wall.Seconds(), u.PeakMB())
}
