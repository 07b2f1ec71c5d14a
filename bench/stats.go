package main

import (
	"math"
	"slices"
)

// spread is what several runs make of one figure.
type spread struct{ median, min, max float64 }

// spreadOf needs at least one value.
func spreadOf(values []float64) spread {
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	return spread{(sorted[(n-1)/2] + sorted[n/2]) / 2, sorted[0], sorted[n-1]}
}

// metric is a row of a table.
type metric struct {
	name   string
	digits int
	more   bool // is better
	of     func(s sample, w *workload) float64
}

func wallTime(s sample, _ *workload) float64 { return s.Wall.Seconds() }
func peakMB(s sample, _ *workload) float64   { return s.PeakMB() }

// cpuPerGB is CPU seconds a GB (10^9 bytes) of blobs.
func cpuPerGB(s sample, w *workload) float64 { return s.CPU.Seconds() / (float64(w.bytes()) / 1e9) }

func megabytes(s sample, w *workload) float64 { return float64(w.bytes()) / 1e6 / s.Wall.Seconds() }

func metrics() []metric {
	return []metric{
		{"wall time, s", 2, false, wallTime},
		{"CPU time, s", 2, false, func(s sample, _ *workload) float64 { return s.CPU.Seconds() }},
		{"CPU time, s per GB", 2, false, cpuPerGB},
		{"peak memory, MB", 1, false, peakMB},
		{"MB/s", 1, true, megabytes},
		{"files/s", 0, true, func(s sample, w *workload) float64 { return float64(w.count) / s.Wall.Seconds() }},
	}
}

// figures are one contestant's, over all rounds. ok is false if one of them failed: the
// others are no proof then of what it can do.
func (r result) figures(name string, of func(sample, *workload) float64) (s spread, ok bool) {
	var values []float64
	for _, one := range r.samples[name] {
		if one.err != nil {
			return spread{}, false
		}
		values = append(values, of(one, r.workload))
	}
	if len(values) == 0 {
		return spread{}, false
	}
	return spreadOf(values), true
}

// best is the peer with the best median, and that; NaN without any.
func (r result) best(m metric) (name string, median float64) {
	median = math.NaN()
	for _, c := range r.of(peer) {
		s, ok := r.figures(c.name, m.of)
		if ok && (math.IsNaN(median) || (s.median > median) == m.more && s.median != median) {
			name, median = c.name, s.median
		}
	}
	return name, median
}

// of is the contestants of a kind.
func (r result) of(k kind) []contestant {
	var some []contestant
	for _, c := range r.contestants {
		if c.kind == k {
			some = append(some, c)
		}
	}
	return some
}
