package main

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"civitar/bench/rig"
)

func TestSpread(t *testing.T) {
	for _, c := range []struct {
		values []float64
		want   spread
	}{
		{[]float64{3}, spread{3, 3, 3}},
		{[]float64{9, 1}, spread{5, 1, 9}},
		{[]float64{5, 1, 100}, spread{5, 1, 100}},
		{[]float64{4, 1, 2, 100}, spread{3, 1, 100}},
	} {
		before := slices.Clone(c.values)
		if got := spreadOf(c.values); got != c.want || !slices.Equal(before, c.values) {
			t.Errorf("%v: %+v, want %+v", before, got, c.want)
		}
	}
}

// ran is a sample of so many seconds.
func ran(wall, cpu, mb float64) sample {
	second := func(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }
	return sample{Usage: rig.Usage{Wall: second(wall), CPU: second(cpu), Peak: int64(mb * 1e6)}}
}

// measured is a result over 1 GB in 1000 blobs, in which curl is the fastest peer, wget2 the
// smallest, and aria2c fast but incomplete.
func measured(name string, far bool) result {
	w := &workload{name: name, count: 1000, size: 1e6, far: far}
	hash := ran(0.6, 0.5, 5)
	hash.hash = 0.5
	failed := ran(0.1, 0.1, 1)
	failed.err = errors.New("3 of 1000 files")
	return result{workload: w, contestants: contestants(w), samples: map[string][]sample{
		"civitar":           {ran(1.5, 2, 70), ran(1.4, 2, 60), ran(9, 2, 90)},
		"civitar, no flags": {ran(3, 2, 81), ran(3, 2, 81), ran(3, 2, 81)},
		"curl":              {ran(2, 1, 20), ran(2.2, 1.2, 20), ran(1, 1, 20)},
		"aria2c":            {ran(0.1, 1, 1), failed, ran(0.1, 1, 1)},
		"wget2":             {ran(4, 3, 10), ran(4, 3, 10), ran(4, 3, 10)},
		"SHA-256, one core": {hash},
	}}
}

func TestTheBestPeerHasNotFailed(t *testing.T) {
	r := measured("small", false)
	for _, c := range []struct {
		row, name string
		median    float64
	}{
		{"wall time, s", "curl", 2}, {"CPU time, s", "curl", 1}, {"CPU time, s per GB", "curl", 1},
		{"peak memory, MB", "wget2", 10}, {"MB/s", "curl", 500}, {"files/s", "curl", 500},
	} {
		for _, m := range metrics() {
			if name, median := r.best(m); m.name == c.row && (name != c.name || math.Abs(median-c.median) > 1e-9) {
				t.Errorf("%s: %s with %v, want %s with %v", c.row, name, median, c.name, c.median)
			}
		}
	}
}

func TestVerdicts(t *testing.T) {
	all := verdicts([]result{measured("small", false), measured("videos", false), measured("small-far", true)})
	var got []string
	for _, v := range all {
		got = append(got, strings.Join(v.cells(), " | "))
	}
	want := []string{
		"small, civitar | wall time <= 0.75 of the fastest peer's | 0.75 | met",
		"small, civitar | CPU <= 1.80 s per GB (120 % of the fastest peer's and SHA-256's together) | 2.00 | **missed**",
		"small, civitar | peak memory < 80 MB | 70.00 | met",
		"videos, civitar | wall time <= 1.00 of the fastest peer's | 0.75 | met",
		"videos, civitar | CPU <= 1.80 s per GB (120 % of the fastest peer's and SHA-256's together) | 2.00 | **missed**",
		"videos, civitar | peak memory < 80 MB | 70.00 | met",
		"small-far, civitar | >= 1.8 times as fast as the fastest peer | 1.33 | **missed**",
		"small-far, civitar | peak memory < 80 MB | 70.00 | met",
		"small-far, civitar, no flags | >= 2.5 times as fast as the fastest peer | 0.67 | **missed**",
		"small-far, civitar, no flags | peak memory < 80 MB | 81.00 | **missed**",
	}
	if !slices.Equal(got, want) {
		t.Errorf("verdicts:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// TestNothingIsMetUnmeasured takes away what a verdict needs.
func TestNothingIsMetUnmeasured(t *testing.T) {
	for name, without := range map[string]func(r *result){
		"civitar failed": func(r *result) { r.samples["civitar"][1].err = errors.New("broken") },
		"no peers":       func(r *result) { r.contestants = []contestant{civitar(), flagless(), hashing()} },
	} {
		for _, far := range []bool{false, true} {
			r := measured("images", far)
			without(&r)
			for _, v := range verdicts([]result{r}) {
				if cells := v.cells(); v.met && cells[3] == "met" && !strings.Contains(v.target, "memory") {
					t.Errorf("%s: %s", name, cells)
				}
			}
		}
	}
}

func TestReport(t *testing.T) {
	var b strings.Builder
	p := report{rounds: 3, scale: 0.5, machine: [][]string{{"cores", "2"}}, versions: [][]string{{"rclone", "not installed, left out"}},
		results: []result{measured("small", false), measured("small-far", true)}}
	if err := p.write(&b); err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{
		"**A quick look at 0.5 of the blobs, and no measurement.**",
		"|  | civitar | curl | aria2c | wget2 | rclone | civitar / best peer |",
		"| wall time, s | 1.50 (1.40-9.00) | 2.00 (1.00-2.20) | failed | 4.00 (4.00-4.00) | failed | 0.75 (curl) |",
		"| MB/s | 666.7 (111.1-714.3) | 500.0 (454.5-1000.0) | failed | 250.0 (250.0-250.0) | failed | 1.33 (curl) |",
		"SHA-256 alone, without reading: 0.50 s per GB.",
		"| rclone | not installed, left out |",
		"- civitar: `civitar archive DEST --workers 16 --rate 0 --blob-rate 0 --quiet`",
		"- civitar, no flags (far): `civitar archive DEST`",
		"- wget2 (far): `wget2 --quiet --max-threads=16 --no-xattr --directory-prefix=DEST --input-file=LISTS/urls.txt --cut-file-get-vars`",
	} {
		if strings.Count(b.String(), line+"\n") != 1 {
			t.Errorf("not once in the report: %s", line)
		}
	}
	if got := strings.Count(b.String(), "\naria2c failed in 1 of 3 rounds: round 2: 3 of 1000 files.\n"); got != 2 {
		t.Errorf("the report tells %d of 2 failures", got)
	}
	if strings.Contains(b.String(), token) || strings.Contains(b.String(), "civitar (far)") {
		t.Error("the report holds the token, or a command twice")
	}
	if t.Failed() {
		t.Log(b.String())
	}
}

func TestThousands(t *testing.T) {
	for n, want := range map[int]string{0: "0", 999: "999", 1000: "1,000", 20003: "20,003", 1234567: "1,234,567"} {
		if got := thousands(n); got != want {
			t.Errorf("%d is written %s", n, got)
		}
	}
}
