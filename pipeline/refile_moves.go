package pipeline

import (
	"context"
	"time"

	"civitar/manifest"
	"civitar/sink"
)

// moves are what a group comes to.
type moves struct {
	links    []sink.Move
	files    []sink.File
	lines    []manifest.Line
	touched  []string // every name, old and new
	from, to []string // what is told
}

func (r *refiling) move(ctx context.Context, m *moves) error {
	s := r.Refiling.Sink
	if err := s.Retire(m.touched); err != nil {
		return err
	}
	if err := s.Move(ctx, m.links); err != nil {
		return err
	}
	if err := s.Commit(ctx, m.files); err != nil {
		return err
	}
	if err := r.Refiling.Record.Append(ctx, m.lines); err != nil {
		return err
	}
	return s.Release(ctx, r.Refiling.Record.Recorded)
}

// plan makes every name its owner's alone, and works out what is to be done.
func (r *refiling) plan(ctx context.Context, m *moves) error {
	var folded []string
	for _, f := range r.group {
		for _, name := range []string{f.path, suffixed(f.path, f.owner())} {
			folded = append(folded, sink.Fold(name), sink.Fold(r.Filing.beside(name)))
		}
	}
	taken, err := r.Refiling.Record.Taken(ctx, folded)
	if err != nil {
		return err
	}
	now := r.run.Now().UTC()
	for _, f := range r.group {
		to := f.from()
		if !f.inPlace() || f.file != nil {
			to = free(taken, f.path, f.owner())
		}
		if f.workflow != nil {
			r.planSidecar(m, f, to, now)
		} else {
			r.planBlob(m, f, to, taken, now)
		}
	}
	return nil
}

func (r *refiling) planSidecar(m *moves, f *refile, to string, now time.Time) {
	w := f.workflow
	m.file(f.file, r.Filing.time(f.work.wf), w.Sidecar, to)
	if f.file != nil {
		stored, plain := contents(f.file, to)
		w.Size, w.SHA256, w.Plain = stored.Size, stored.SHA256, plain
	}
	w.Time, w.Run, w.Sidecar = now, r.ID, to
	m.lines = append(m.lines, *w)
}

func (r *refiling) planBlob(m *moves, f *refile, to string, taken map[string]manifest.Key, now time.Time) {
	b, at := f.blob, r.Filing.time(f.work.wf)
	m.file(f.file, at, b.Path, to)
	if f.file != nil {
		stored, plain := contents(f.file, to)
		b.Size, b.SHA256, b.Plain = stored.Size, stored.SHA256, plain
	}
	b.Path = to
	switch {
	case f.without:
		m.touched = append(m.touched, b.Beside.Path)
		b.Beside = manifest.Content{}
	case f.beside != nil || b.Beside.Path != "":
		besideTo := free(taken, r.Filing.beside(to), f.owner())
		m.file(f.beside, at, b.Beside.Path, besideTo)
		if f.beside != nil {
			b.Beside, _ = contents(f.beside, besideTo)
		}
		b.Beside.Path = besideTo
	}
	b.Time, b.Run, b.Created = now, r.ID, f.work.wf.Created
	m.lines = append(m.lines, b)
}

// file adds one file: written anew where there is a writer, else moved.
func (m *moves) file(w sink.Writer, at time.Time, from, to string) {
	if w != nil {
		m.files = append(m.files, sink.File{Writer: w, Path: to, Time: at})
	}
	if from == to {
		return
	}
	m.touched = append(m.touched, to)
	if from != "" {
		m.touched = append(m.touched, from)
		m.from, m.to = append(m.from, from), append(m.to, to)
		if w == nil {
			m.links = append(m.links, sink.Move{From: from, To: to})
		}
	}
}
