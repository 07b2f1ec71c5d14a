// Command bench compares civitar with the tools that people fetch lists of URLs with.
//
//	go run ./bench                                everything, 5 rounds
//	go run ./bench --only small --scale 0.1       a quick look at one workload
//	go run ./bench --out bench/RESULTS.md         as it is published
//
// It makes a corpus of random bytes under the names and types of pictures and videos, serves
// it on loopback, and runs civitar and each peer that is installed (curl 7.88 or later,
// aria2c, wget2, rclone) over the same blobs in turn. The workloads:
//
//	small       20,000 blobs of 16 KiB
//	images      3,000 blobs of 400 KiB
//	videos      24 blobs of 64 MiB
//	small-far   2,000 blobs of 16 KiB, every response 80 ms late
//	images-far  2,000 blobs of 400 KiB, every response 80 ms late
//
// The first three are served by nginx, which must be installed, and peers are given the plain
// list of the contents' URLs, which is the best that they can be given. The far ones are
// served by this program, and peers are given what an account's listing holds: signed URLs
// that redirect. civitar lists by itself in either.
//
// A peer's wall time includes one sync of the file system that it wrote to (syncfs(2), which
// is what sync -f does): civitar's archive is durable when it ends. An fsync of each file
// would be closer to civitar's promise, and slower. Before each run all earlier writes are
// synced, and the corpus is read into the page cache; after it, what it wrote is taken out of
// the page cache. Every run has a new folder, and nothing is deleted before the end; large
// files are emptied after each round. It is
// looked at what each run has left: one that does not hold every blob has failed.
//
// The floors, in the same rounds, are what no tool can beat: cp -r of the corpus and a sync,
// SHA-256 of it by one core, curl to nowhere, and a bare program that fetches, hashes, names and
// syncs the blobs and does nothing else (bare.go). --dir should be on the disk that archives
// are on; a file system in memory tells little, and so does one on which many files were
// deleted in the last minutes.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
)

// options are the flags.
type options struct {
	rounds      int
	scale       float64
	only, tools string
	dir, binary string
	out         string
	keep        bool
}

func main() {
	if len(os.Args) == 3 && os.Args[1] == hashCommand {
		exit(runHash(os.Args[2], os.Stdout))
		return
	}
	if len(os.Args) == 4 && os.Args[1] == bareCommand {
		exit(runBare(os.Args[2], os.Args[3]))
		return
	}
	var o options
	flag.IntVar(&o.rounds, "rounds", 5, "how often each tool has its turn")
	flag.Float64Var(&o.scale, "scale", 1, "part of the blobs, for a quick look")
	flag.StringVar(&o.only, "only", "", "workloads, separated by commas (all)")
	flag.StringVar(&o.tools, "tools", "civitar,curl,aria2c,wget2,rclone,"+floors, "what is measured, separated by commas")
	flag.StringVar(&o.dir, "dir", os.TempDir(), "where corpus and downloads are made")
	flag.StringVar(&o.binary, "binary", "", "civitar to measure (default: what is checked out, built)")
	flag.StringVar(&o.out, "out", "", "file for the report, which is also printed")
	flag.BoolVar(&o.keep, "keep", false, "keep corpus and downloads")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	exit(run(ctx, o))
}

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// chosen is the workloads that were asked for.
func (o options) chosen() ([]*workload, error) {
	all := workloads(o.scale)
	if o.only == "" {
		return all, nil
	}
	var some []*workload
	names := strings.Split(o.only, ",")
	for _, w := range all {
		if i := slices.Index(names, w.name); i >= 0 {
			some = append(some, w)
			names = slices.Delete(names, i, i+1)
		}
	}
	if len(names) > 0 {
		return nil, fmt.Errorf("no workload is called %s", strings.Join(names, " or "))
	}
	return some, nil
}

// wanted is the tools that were asked for.
func (o options) wanted() (map[string]bool, error) {
	wanted := make(map[string]bool)
	for name := range strings.SplitSeq(o.tools, ",") {
		if name != "civitar" && name != floors && versionOf()[name] == "" {
			return nil, fmt.Errorf("no tool is called %s", name)
		}
		wanted[name] = true
	}
	return wanted, nil
}
