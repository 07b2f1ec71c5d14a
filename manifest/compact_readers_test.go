package manifest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sync/errgroup"
)

// disagreements is what an audit of the archive in dir tells of its index.
func disagreements(ctx context.Context, dir string) (all []string, err error) {
	a, err := OpenAudit(ctx, dir, func(d Damage) { all = append(all, fmt.Sprint("damage: ", d)) })
	if err != nil {
		return nil, err
	}
	defer a.Close()
	if err := a.Index(ctx, func(d Disagreement) { all = append(all, fmt.Sprint(d)) }); err != nil {
		return nil, err
	}
	return all, a.Follow(ctx)
}

// TestReadersBesideCompactions reads in every way there is while a writer appends and
// compacts, over and over. Everything that stood in the record before a look began is in it.
func TestReadersBesideCompactions(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "archive")
	m := openSmall(t, dir, nil)
	for i := range 20 {
		add(t, m, groupOf(i)...)
	}
	stop := make(chan struct{})
	looks := map[string]func(ctx context.Context) error{
		"verify": func(ctx context.Context) error {
			found, err := disagreements(ctx, dir)
			if err == nil && len(found) > 0 {
				err = fmt.Errorf("%d disagreements: %s", len(found), found[0])
			}
			return err
		},
		"status": func(ctx context.Context) error {
			r, err := Read(ctx, dir)
			if err != nil {
				return err
			}
			defer r.Close()
			return wantAll(ctx, r.index)
		},
		"an index of its own": func(ctx context.Context) error {
			temp, err := os.MkdirTemp("", "")
			if err != nil {
				return err
			}
			defer os.RemoveAll(temp)
			f, err := openFolders(dir, nil)
			if err != nil {
				return err
			}
			defer f.close()
			j, err := readJournal(f.segments)
			if err != nil {
				return err
			}
			x, err := openIndex(ctx, filepath.Join(temp, indexFile), j, slog.New(slog.DiscardHandler))
			if err != nil {
				return err
			}
			defer x.close()
			return wantAll(ctx, x)
		},
	}
	g, ctx := errgroup.WithContext(t.Context())
	for name, look := range looks {
		g.Go(func() error {
			for n := 0; ; n++ {
				select {
				case <-stop:
					t.Logf("%s: %d looks", name, n)
					return nil
				default:
				}
				if err := look(ctx); err != nil {
					return fmt.Errorf("%s: %w", name, err)
				}
			}
		})
	}
	for run := range 10 {
		for i := range 20 {
			add(t, m, again(i, run)...)
		}
		must(t, m.compact(t.Context(), nil))
		if ctx.Err() != nil {
			break
		}
	}
	close(stop)
	must(t, g.Wait())
	must(t, m.Close())
	wantTruth(t, dir)
}

// wantAll checks that an index has all of twenty workflows' blobs.
func wantAll(ctx context.Context, x *index) error {
	totals, err := x.Totals(ctx)
	if err != nil {
		return err
	}
	if totals.Workflows < 20 || totals.States[Kept].Blobs < 20 || totals.States[Failed].Blobs < 20 {
		return fmt.Errorf("it says %+v", totals)
	}
	return nil
}

// TestLookThatACompactionFallsInto compacts in the midst of a look, where this comes by a
// damaged line in the first segment: it has seen the headers, and most segments are yet to come.
func TestLookThatACompactionFallsInto(t *testing.T) {
	t.Parallel()
	audit := func(t *testing.T, dir string, damaged func(Damage), look func(*Audit)) string {
		a, err := OpenAudit(t.Context(), dir, damaged)
		must(t, err)
		defer a.Close()
		look(a)
		return withoutRuns(dump(t, a.fresh))
	}
	looks := map[string]func(t *testing.T, dir string, damaged func(Damage)) string{
		"an audit of the index": func(t *testing.T, dir string, damaged func(Damage)) string {
			return audit(t, dir, damaged, func(a *Audit) {
				must(t, a.Index(t.Context(), func(d Disagreement) { t.Error(d) }))
				must(t, a.Follow(t.Context()))
			})
		},
		"an audit of the journal": func(t *testing.T, dir string, damaged func(Damage)) string {
			return audit(t, dir, damaged, func(a *Audit) { must(t, a.Follow(t.Context())) })
		},
		"a reader's index": func(t *testing.T, dir string, damaged func(Damage)) string {
			f, err := openFolders(dir, nil)
			must(t, err)
			defer f.close()
			j, err := readJournal(f.segments)
			must(t, err)
			j.damaged = damaged
			x, err := openIndex(t.Context(), filepath.Join(t.TempDir(), indexFile), j, slog.New(slog.DiscardHandler))
			must(t, err)
			defer x.close()
			return dump(t, x)
		},
	}
	for name, look := range looks {
		t.Run(name, func(t *testing.T) {
			dir := outdated(t)
			appendFile(t, segmentPath(dir, 1), []byte("damaged\n"))
			m := openSmall(t, dir, nil)
			var once sync.Once
			got := look(t, dir, func(Damage) {
				once.Do(func() {
					for i := range 10 {
						add(t, m, again(i, 9)...)
					}
					must(t, m.compact(t.Context(), nil))
				})
			})
			want := truth(t, dir)
			if strings.HasPrefix(name, "an audit") {
				want = withoutRuns(want)
			}
			wantDump(t, name, got, want)
			must(t, m.Close())
		})
	}
}

// TestFollowingBeginsASegmentAgainThatWasCompacted is a long look: the segment that was the
// last when it began is compacted before it goes on.
func TestFollowingBeginsASegmentAgainThatWasCompacted(t *testing.T) {
	t.Parallel()
	dir := outdated(t)
	m := openSmall(t, dir, nil)
	a, err := OpenAudit(t.Context(), dir, func(d Damage) { t.Error(d) })
	must(t, err)
	defer a.Close()
	must(t, a.Follow(t.Context()))
	at := a.at
	for run := range 3 {
		for i := range 10 {
			add(t, m, again(i, 10+run)...)
		}
	}
	must(t, m.compact(t.Context(), nil))
	if h, err := readHeader(m.segments, segmentFile(at.Segment)); err != nil || h.Compacted == (position{}) {
		t.Fatalf("segment %d was not compacted: %v", at.Segment, err)
	}
	must(t, a.Follow(t.Context()))
	wantDump(t, "the audit", withoutRuns(dump(t, a.fresh)), withoutRuns(truth(t, dir)))
	must(t, m.Close())
}

// withoutRuns is a dump without the runs that ended, which an audit does not tell of.
func withoutRuns(dump string) string {
	before, _, _ := strings.Cut(dump, "\nrun ")
	return before
}

func TestIndexFromBeforeACompaction(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		// since is what was appended after the index that is brought back was of use.
		since func(t *testing.T, m *Manifest)
		anew  bool
	}{
		{"of a moment before, in the last segment", func(t *testing.T, m *Manifest) {
			add(t, m, again(3, 9)[:1]...)
		}, false},
		{"of a segment that was compacted", func(t *testing.T, m *Manifest) {
			for run := range 3 {
				for i := range 10 {
					add(t, m, again(i, 10+run)...)
				}
			}
		}, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := outdated(t)
			old := readFile(t, statePath(dir, indexFile))
			m := openSmall(t, dir, nil)
			tt.since(t, m)
			must(t, m.compact(t.Context(), nil))
			must(t, m.Close())
			removeIndex(t, dir)
			must(t, os.WriteFile(statePath(dir, indexFile), old, 0o666))
			if found, err := disagreements(t.Context(), dir); err != nil || len(found) > 0 {
				t.Errorf("verify tells %v, %v", found, err)
			}
			want := truth(t, dir)
			wantDump(t, "Read", dump(t, read(t, dir).index), want)
			m, log := openLogged(t, dir)
			wantDump(t, "Open", dump(t, m.index), want)
			if strings.Contains(log, "anew") != tt.anew {
				t.Errorf("made anew: %v, want %v: %s", !tt.anew, tt.anew, log)
			}
			must(t, m.Close())
		})
	}
}

// TestNewsAreTheSameAcrossACompaction asks what came after each place of the journal that a
// series of exports can have come to.
func TestNewsAreTheSameAcrossACompaction(t *testing.T) {
	t.Parallel()
	dir := outdated(t)
	m := openSmall(t, dir, nil)
	var marks []Mark
	for run := range 2 {
		for i := range 8 {
			r := read(t, dir)
			mark, err := r.Mark(t.Context())
			must(t, errors.Join(err, r.Close()))
			marks = append(marks, mark)
			add(t, m, again(i, 10+run)...)
		}
	}
	must(t, m.Close())
	news := func(dir string, from Mark) string {
		r := read(t, dir)
		to, err := r.Mark(t.Context())
		must(t, err)
		n, ok, err := r.Since(t.Context(), from, to)
		must(t, err)
		if !ok {
			t.Fatalf("the mark %+v does not hold any more", from)
		}
		of, _, _ := strings.Cut(dump(t, n.index), "\ncoverage")
		must(t, errors.Join(n.Close(), r.Close()))
		return of
	}
	for i, mark := range marks {
		compacted := filepath.Join(t.TempDir(), "compacted")
		must(t, os.CopyFS(compacted, os.DirFS(dir)))
		m := openSmall(t, compacted, nil)
		must(t, m.Compact(t.Context(), []Mark{mark}))
		must(t, m.Close())
		if size(segmentsOf(t, compacted)) >= size(segmentsOf(t, dir)) {
			t.Error("nothing was left out")
		}
		got, want := news(compacted, mark), news(dir, mark)
		wantDump(t, fmt.Sprintf("since %d groups ago", len(marks)-i), got, want)
		if strings.Count(want, "\nblob ") != 2*min(8, len(marks)-i) {
			t.Errorf("%d blobs are news since %d groups ago", strings.Count(want, "\nblob "), len(marks)-i)
		}
	}
}
