package main

import (
	"fmt"
	"math"
)

// What is aimed at.
const (
	farSpeed    = 1.8 // times as fast as the fastest peer, with as many transfers
	flaglessFar = 2.5 // the same, without flags
	cpuSlack    = 1.2 // of the CPU time of the fastest peer and of SHA-256
	maxMemory   = 80  // MB resident
)

// maxRatio is the wall time aimed at, as a part of the fastest peer's.
func maxRatio(workload string) float64 {
	if workload == "small" {
		return 0.75
	}
	return 1
}

// verdict compares what was measured with what is aimed at.
type verdict struct {
	row, target string
	measured    float64 // NaN: something that it takes was not measured, or failed
	met         bool
}

func (v verdict) cells() []string {
	switch {
	case math.IsNaN(v.measured):
		return []string{v.row, v.target, "-", "not measured"}
	case v.met:
		return []string{v.row, v.target, fmt.Sprintf("%.2f", v.measured), "met"}
	}
	return []string{v.row, v.target, fmt.Sprintf("%.2f", v.measured), "**missed**"}
}

func verdicts(results []result) []verdict {
	var all []verdict
	for _, r := range results {
		for _, c := range r.of(own) {
			all = append(all, r.speed(c))
			if !r.far {
				all = append(all, r.work(c))
			}
			all = append(all, r.memory(c))
		}
	}
	return all
}

// median is NaN for what was not measured.
func (r result) median(name string, of func(sample, *workload) float64) float64 {
	s, ok := r.figures(name, of)
	if !ok {
		return math.NaN()
	}
	return s.median
}

func (r result) row(c contestant) string { return r.name + ", " + c.name }

func (r result) speed(c contestant) verdict {
	_, fastest := r.best(metric{of: wallTime})
	took := r.median(c.name, wallTime)
	if !r.far {
		most := maxRatio(r.name)
		return verdict{r.row(c), fmt.Sprintf("wall time <= %.2f of the fastest peer's", most), took / fastest, took/fastest <= most}
	}
	least := farSpeed
	if c.flagless {
		least = flaglessFar
	}
	return verdict{r.row(c), fmt.Sprintf(">= %.1f times as fast as the fastest peer", least), fastest / took, fastest/took >= least}
}

// work is about CPU time: the fastest peer's, and what the hash costs that no peer makes.
func (r result) work(c contestant) verdict {
	name, _ := r.best(metric{of: wallTime})
	hash := r.median(hashing().name, func(s sample, _ *workload) float64 { return s.hash })
	most := (r.median(name, cpuPerGB) + hash) * cpuSlack
	spent := r.median(c.name, cpuPerGB)
	target := fmt.Sprintf("CPU <= %.2f s per GB (%.0f %% of the fastest peer's and SHA-256's together)", most, cpuSlack*100)
	if math.IsNaN(most) {
		spent = most
	}
	return verdict{r.row(c), target, spent, spent <= most}
}

func (r result) memory(c contestant) verdict {
	peak := r.median(c.name, peakMB)
	return verdict{r.row(c), fmt.Sprintf("peak memory < %d MB", maxMemory), peak, peak < maxMemory}
}
