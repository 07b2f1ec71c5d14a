package main

import (
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"civitar/bench/rig"
)

func TestTurns(t *testing.T) {
	all := contestants(workloads(1)[0])
	first, after := make(map[string]bool), make(map[string]map[string]bool)
	for round := range len(all) {
		order := turn(all, round)
		seen := make(map[string]bool)
		for i, c := range order {
			seen[c.name] = true
			if i > 0 {
				if after[c.name] == nil {
					after[c.name] = make(map[string]bool)
				}
				after[c.name][order[i-1].name] = true
			}
		}
		if len(seen) != len(all) {
			t.Errorf("round %d has %d of %d contestants", round, len(seen), len(all))
		}
		first[order[0].name] = true
	}
	if len(first) != len(all) {
		t.Errorf("%d of %d are first once", len(first), len(all))
	}
	for name, others := range after {
		if len(others) < 2 {
			t.Errorf("%s is always after the same one", name)
		}
	}
}

// TestRounds measures two commands, one of which leaves less than all.
func TestRounds(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows does not tell the peak memory of a process that has ended")
	}
	dir := t.TempDir()
	launcher, err := rig.NewLauncher(dir)
	if err != nil {
		t.Fatal(err)
	}
	w := tiny(t, 12)
	whole := copying()
	whole.exe = "/bin/cp"
	part := contestant{name: "part", exe: "/bin/cp", writes: true, args: func(t task) []string {
		return []string{filepath.Join(t.dir, t.blobs[0]), t.dest}
	}}
	wrong := contestant{name: "wrong", exe: "/bin/cp", writes: true, args: func(t task) []string {
		return []string{filepath.Join(dir, "nothing"), t.dest}
	}}
	b := &bench{dir: dir, launcher: launcher, log: io.Discard}
	r, err := b.rounds(t.Context(), w, []contestant{whole, part, wrong}, 2)
	if err != nil {
		t.Fatal(err)
	}
	if s, ok := r.figures(whole.name, wallTime); !ok || s.min <= 0 {
		t.Errorf("cp -r: %+v %v", s, r.samples[whole.name])
	}
	for name, why := range map[string]string{"part": "1 of 12 files", "wrong": ".../nothing"} {
		for _, s := range r.samples[name] {
			if s.err == nil || !strings.Contains(s.err.Error(), why) || strings.Contains(s.err.Error(), dir) {
				t.Errorf("%s: %v, want %s", name, s.err, why)
			}
		}
		if _, ok := r.figures(name, wallTime); ok || len(r.samples[name]) != 2 {
			t.Errorf("%s has figures, of %d rounds", name, len(r.samples[name]))
		}
	}
	left, err := os.ReadDir(b.runs(w))
	if err != nil || len(left) != 7 {
		t.Errorf("%d folders for 7 runs: %v", len(left), err)
	}
}

func TestRoom(t *testing.T) {
	const kib, block = 1 << 10, 8 << 10
	all := []*workload{
		{name: "a", count: 10, size: 16 * kib},
		{name: "b", count: 10, size: 400 * kib},
		{name: "c", count: 5, size: 400 * kib, far: true},
	}
	written := func(*workload) int { return 2 }
	small, large := int64(10*(16*kib+block)), int64(10*(400*kib+block))
	corpus := small + large
	if got, want := room(all, written, 3, true), corpus+7*small+7*large+7*large/2; got != want {
		t.Errorf("keeping all takes %d, want %d", got, want)
	}
	// Those of b are gone when those of c come, but for a block of each file.
	if got, want := room(all, written, 3, false), corpus+7*small+7*10*block+3*10*400*kib; got != want {
		t.Errorf("%d, want %d", got, want)
	}
}

func TestVersionOfCurl(t *testing.T) {
	for version, want := range map[string]bool{
		"curl 7.88.1 (x86_64-pc-linux-gnu)": true, "curl 8.0.0": true, "curl 7.100.0": true,
		"curl 7.87.0": false, "curl 6.99": false, "something else": false,
	} {
		if got := since(version, 7, 88); got != want {
			t.Errorf("%s: %v", version, got)
		}
	}
}

func TestChoice(t *testing.T) {
	names := func(all []contestant) (some []string) {
		for _, c := range all {
			some = append(some, c.name)
		}
		return some
	}
	p := &programs{paths: map[string]string{"civitar": "/c", "curl": "/u", "cp": "/p", self: "/b"}}
	w := workloads(1)[0]
	if got := names(p.present(contestants(w), map[string]bool{"civitar": true, "curl": true, "wget2": true})); len(got) != 2 {
		t.Errorf("without floors, and without wget2, which is not here: %v", got)
	}
	if got := names(p.present(contestants(w), map[string]bool{floors: true})); len(got) != 4 {
		t.Errorf("floors alone: %v", got)
	}
	for _, o := range []options{{scale: 1, only: "small,nothing"}, {scale: 1, tools: "civitar,nothing"}} {
		_, noWorkload := o.chosen()
		_, noTool := o.wanted()
		if noWorkload == nil && noTool == nil {
			t.Errorf("%+v is taken", o)
		}
	}
}

func TestHash(t *testing.T) {
	w := tiny(t, 5)
	var b strings.Builder
	if err := runHash(w.dir, &b); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(b.String(), `{"Bytes":5000,"Took":`) || strings.Contains(b.String(), `"Took":0}`) {
		t.Error(b.String())
	}
}
