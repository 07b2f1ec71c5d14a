package main

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"

	"civitar/bench/rig"
)

// result is what a workload's rounds have shown.
type result struct {
	*workload
	contestants []contestant
	samples     map[string][]sample // by the contestant's name
}

// rounds runs the contestants in turn, as often as asked for, after a run that does not
// count, for the memory that it takes into use. Every run has a folder of its own, below runs.
func (b *bench) rounds(ctx context.Context, w *workload, all []contestant, n int) (result, error) {
	r := result{workload: w, contestants: all, samples: make(map[string][]sample)}
	if s := b.measure(ctx, all[0], w, filepath.Join(b.runs(w), "0")); s.err != nil && ctx.Err() == nil {
		fmt.Fprintf(b.log, "%s, before the first round: %s: %s\n", w.name, all[0].name, s)
	}
	for round := range n {
		for i, c := range turn(all, round) {
			dest := filepath.Join(b.runs(w), fmt.Sprintf("%d-%d", round+1, i+1))
			s := b.measure(ctx, c, w, dest)
			if ctx.Err() != nil {
				return r, ctx.Err()
			}
			r.samples[c.name] = append(r.samples[c.name], s)
			fmt.Fprintf(b.log, "%s, round %d of %d: %s: %s\n", w.name, round+1, n, c.name, s)
		}
		if b.keep {
			continue
		}
		if err := giveBack(b.runs(w)); err != nil {
			return r, err
		}
	}
	return r, rig.Sync(b.dir)
}

// turn is the order of a round. Each begins with another contestant, and every other one goes
// backwards, so that none is always the first or always after the same one.
func turn(all []contestant, round int) []contestant {
	first := round % len(all)
	order := slices.Concat(all[first:], all[:first])
	if round%2 == 1 {
		slices.Reverse(order[1:])
	}
	return order
}

func (b *bench) runs(w *workload) string { return filepath.Join(b.dir, "runs", w.name) }

// String is the run in a few words.
func (s sample) String() string {
	if s.err != nil {
		return "failed: " + s.err.Error()
	}
	return fmt.Sprintf("%.2f s, CPU %.2f s, %.0f MB", s.Wall.Seconds(), s.CPU.Seconds(), s.PeakMB())
}

// room is how many bytes of the disk the workloads take at most: the corpus, what is left of
// each workload while the next ones run, and the runs of the largest, of which as many as are
// written in a round are there at once. A file takes a block more than its size, and a sidecar
// goes with every four.
func room(all []*workload, written func(*workload) int, rounds int, keep bool) int64 {
	const overhead = 8 << 10
	var corpus, left, most int64
	made := make(map[int64]bool)
	for _, w := range all {
		one := w.bytes() + overhead*int64(w.count)
		if !made[w.size] {
			corpus += one
			made[w.size] = true
		}
		runs := int64(1 + rounds*written(w)) // one before the first round
		if keep || w.size < emptyFrom {
			left += one * runs
			continue
		}
		stays := overhead * int64(w.count) * runs
		most = max(most, left+stays+w.bytes()*int64(1+written(w)))
		left += stays
	}
	return corpus + max(most, left)
}
