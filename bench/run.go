package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"civitar/bench/rig"
)

// run makes the whole measurement.
func run(ctx context.Context, o options) (err error) {
	all, err := o.chosen()
	if err != nil {
		return err
	}
	wanted, err := o.wanted()
	if err != nil {
		return err
	}
	if o.rounds < 1 || o.scale <= 0 || o.scale > 1 {
		return errors.New("--rounds is 1 or more, --scale more than 0 and at most 1")
	}
	work, err := os.MkdirTemp(o.dir, "civitar-bench-")
	if err != nil {
		return err
	}
	if work, err = filepath.Abs(work); err != nil {
		return err
	}
	if o.keep {
		fmt.Fprintln(os.Stderr, "corpus and downloads are kept in", work)
	} else {
		defer func() { err = errors.Join(err, os.RemoveAll(work)) }()
	}
	s, err := prepare(o, work, all, wanted)
	if err != nil {
		return err
	}
	p := report{machine: machine(work), versions: s.programs.versions, rounds: o.rounds, scale: o.scale}
	if p.results, err = s.all(ctx, all); err != nil {
		return err
	}
	return publish(p, o.out)
}

// stage is what the workloads are measured on.
type stage struct {
	*bench
	options  options
	programs *programs
	wanted   map[string]bool
}

func prepare(o options, work string, all []*workload, wanted map[string]bool) (*stage, error) {
	s := &stage{bench: &bench{dir: work, log: os.Stderr, keep: o.keep}, options: o, wanted: wanted}
	if _, err := find("nginx"); err != nil && slices.ContainsFunc(all, near) {
		return nil, errNoNginx
	}
	binary, err := filepath.Abs(o.binary)
	if o.binary == "" {
		binary, err = rig.Build(work)
	}
	if err != nil {
		return nil, err
	}
	if s.launcher, err = rig.NewLauncher(work); err != nil {
		return nil, err
	}
	if s.programs, err = findPrograms(binary, []string{"curl", "aria2c", "wget2", "rclone", "nginx", "cp"}); err != nil {
		return nil, err
	}
	for _, v := range s.programs.versions {
		fmt.Fprintf(s.log, "%s: %s\n", v[0], v[1])
	}
	for _, w := range all {
		if len(s.contestants(w)) == 0 {
			return nil, fmt.Errorf("none of the tools can be measured on %s", w.name)
		}
	}
	return s, s.enoughRoom(all)
}

func near(w *workload) bool { return !w.far }

// contestants are those that are measured on a workload.
func (s *stage) contestants(w *workload) []contestant {
	return s.programs.present(contestants(w), s.wanted)
}

func (s *stage) enoughRoom(all []*workload) error {
	need := room(all, func(w *workload) int {
		n := 0
		for _, c := range s.contestants(w) {
			if c.writes {
				n++
			}
		}
		return n
	}, s.options.rounds, s.options.keep)
	free, err := rig.Free(s.dir)
	if err != nil {
		return err
	}
	fmt.Fprintf(s.log, "%.1f GB are needed at most, %.1f GB are free\n", float64(need)/1e9, float64(free)/1e9)
	if need > free {
		return errors.New("not enough room: choose another place by --dir, or fewer workloads by --only")
	}
	return nil
}

// all measures the workloads, one after the other.
func (s *stage) all(ctx context.Context, all []*workload) (results []result, err error) {
	if err := s.makeCorpus(ctx, all); err != nil {
		return nil, err
	}
	var nginx *server
	if slices.ContainsFunc(all, near) {
		if nginx, err = startNginx(ctx, filepath.Join(s.dir, "nginx"), s.root()); err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, nginx.stop()) }()
	}
	for _, w := range all {
		r, err := s.one(ctx, w, nginx)
		if err != nil {
			return nil, err
		}
		results = append(results, r)
	}
	return results, nil
}

// root is what nginx serves.
func (s *stage) root() string { return filepath.Join(s.dir, "www") }

func (s *stage) makeCorpus(ctx context.Context, all []*workload) error {
	c := &corpus{dir: s.root(), made: make(map[int64]*workload)}
	for _, w := range all {
		fmt.Fprintf(s.log, "making the corpus of %s\n", w.title())
		w.lists = filepath.Join(s.dir, "lists", w.name)
		if err := c.add(ctx, w); err != nil {
			return err
		}
	}
	return nil
}

func (s *stage) one(ctx context.Context, w *workload, nginx *server) (result, error) {
	if w.far {
		return s.far(ctx, w)
	}
	return s.near(ctx, w, nginx)
}

// near measures a workload that nginx serves.
func (s *stage) near(ctx context.Context, w *workload, nginx *server) (result, error) {
	w.api = nginx.url + "/" + w.name
	l := listing{w: w, newest: now(), link: func(id string) string { return w.api + "/v2/consumer/blobs/content/" + id }}
	if err := errors.Join(l.writePages(filepath.Join(s.root(), w.name, "pages")), writeLists(w, l.link)); err != nil {
		return result{}, err
	}
	return s.measureAll(ctx, w)
}

// far measures a workload that this program serves.
func (s *stage) far(ctx context.Context, w *workload) (result, error) {
	l := listing{w: w, newest: now()}
	l.link = func(id string) string { return signed(w.api, id, l.expires()) }
	url, stop, err := rig.Serve(delayed(newFar(l).handler(), latency))
	if err != nil {
		return result{}, err
	}
	defer stop()
	w.api = url
	if err := writeLists(w, l.link); err != nil {
		return result{}, err
	}
	return s.measureAll(ctx, w)
}

func (s *stage) measureAll(ctx context.Context, w *workload) (result, error) {
	return s.rounds(ctx, w, s.contestants(w), s.options.rounds)
}

func now() time.Time { return time.Now().UTC().Truncate(time.Second) }

// publish prints the report, and writes it to a file where one is named.
func publish(p report, path string) error {
	if err := p.write(os.Stdout); err != nil || path == "" {
		return err
	}
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	return errors.Join(p.write(io.Writer(f)), f.Close())
}
