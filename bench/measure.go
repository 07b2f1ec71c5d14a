package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"civitar/bench/rig"
)

// limit is how long one run may take.
const limit = 20 * time.Minute

// sample is one run of a contestant.
type sample struct {
	rig.Usage
	err error // it failed, or left less than all
	// hash is what SHA-256 alone took, in seconds a GB (10^9 bytes); only hashing tells.
	hash float64
}

// bench is the measurement.
type bench struct {
	dir      string // all that is written is below it
	launcher *rig.Launcher
	log      io.Writer
	keep     bool // what the runs leave
}

// measure runs a contestant once into dest. What was written before is made durable
// beforehand, and the corpus is in the page cache for everyone; what the run leaves there is
// taken out, so that the next one finds as much memory, which has been in use.
func (b *bench) measure(ctx context.Context, c contestant, w *workload, dest string) sample {
	var s sample
	s.err = errors.Join(os.MkdirAll(dest, 0o755), warm(w), rig.Sync(b.dir))
	if s.err == nil {
		s = b.try(ctx, c, task{w, dest})
	}
	if c.writes && s.err == nil {
		s.err = check(w, dest)
	}
	s.err = errors.Join(s.err, rig.Sync(b.dir), rig.Forget(dest))
	if s.err != nil { // which may be published, without the paths of the machine
		s.err = errors.New(strings.ReplaceAll(s.err.Error(), b.dir, "..."))
	}
	return s
}

// try runs the command. What it leaves to the system's cache is written out in its time.
func (b *bench) try(ctx context.Context, c contestant, t task) (s sample) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, c.exe, c.args(t)...)
	cmd.Dir, cmd.Env, cmd.Stderr = b.dir, b.env(t.workload), &stderr
	if c.tool == self {
		cmd.Stdout = &stdout
	}
	if s.Usage, s.err = b.launcher.Run(cmd); s.err != nil {
		s.err = fmt.Errorf("%w: %s", s.err, lastLine(stderr.String()))
		return s
	}
	if !c.durable {
		start := time.Now()
		s.err = rig.Sync(t.dest)
		s.Wall += time.Since(start)
	}
	if stdout.Len() > 0 {
		var told hashed
		s.err = json.Unmarshal(stdout.Bytes(), &told)
		s.hash = told.Took.Seconds() / (float64(told.Bytes) / 1e9)
	}
	return s
}

// env is the same for every tool: no settings of the machine's user, no proxies.
func (b *bench) env(w *workload) []string {
	return []string{"PATH=" + os.Getenv("PATH"), "HOME=" + b.dir, "XDG_CONFIG_HOME=" + b.dir, "LC_ALL=C",
		"CIVITAI_API_URL=" + w.api, "CIVITAI_API_TOKEN=" + token}
}

// warm reads the corpus, so that it is in the page cache.
func warm(w *workload) error {
	buf := make([]byte, 1<<20)
	for _, id := range w.blobs {
		f, err := os.Open(filepath.Join(w.dir, id))
		if err != nil {
			return err
		}
		// Plain reads: io.Discard would have the file copied by the kernel in other ways.
		for err == nil {
			_, err = f.Read(buf)
		}
		f.Close()
		if err != io.EOF {
			return err
		}
	}
	return nil
}

func lastLine(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return lines[len(lines)-1]
}
