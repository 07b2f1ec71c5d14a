package bucket

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"
	"sync"
	"time"

	"github.com/gabriel-vasile/mimetype"
	"golang.org/x/sync/errgroup"

	"civitar/sink"
)

const (
	// uploads is how many objects are put at once.
	uploads = 16
	// batch is how many files a Commit takes best.
	batch = 128
)

// Sink lets bytes come to rest in the bucket. They are staged in a local folder, where
// interrupted transfers go on as they do in an archive on disk; a group of finished files is
// then put into the bucket, and gone from the folder.
type Sink struct {
	store *Store
	stage *sink.Dir
}

// Sink opens the sink with its local folder.
func (s *Store) Sink(stage *sink.Dir) *Sink { return &Sink{s, stage} }

// Begin, BeginSealed, Discard and Sweep are those of [sink.Dir].
func (b *Sink) Begin(key string) (sink.Writer, error) { return b.stage.Begin(key) }

// BeginSealed begins a file that is encrypted before it touches a disk.
func (b *Sink) BeginSealed(key string) (sink.Writer, error) { return b.stage.BeginSealed(key) }

// Discard removes what an earlier run left of key.
func (b *Sink) Discard(key string) error { return b.stage.Discard(key) }

// Sweep removes what is left of downloads that no run goes on with.
func (b *Sink) Sweep(now time.Time) error { return b.stage.Sweep(now) }

// RemoveLeftover removes an unfinished download.
func (b *Sink) RemoveLeftover(l sink.Leftover) error { return b.stage.RemoveLeftover(l) }

// Batch is how many files a Commit takes best.
func (b *Sink) Batch() int { return batch }

// Close releases the local folder.
func (b *Sink) Close() error { return b.stage.Close() }

// Commit puts files into the bucket. When it returns nil, each is there, whole; when it
// returns an error, some of them may be.
func (b *Sink) Commit(ctx context.Context, files []sink.File) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(uploads)
	for _, f := range files {
		g.Go(func() error { return b.commit(ctx, f) })
	}
	return g.Wait()
}

func (b *Sink) commit(ctx context.Context, f sink.File) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	taken, err := b.stage.Take(f)
	if err != nil {
		return err
	}
	media := mediaOf(f.Path)
	if media == mediaOf("") && path.Ext(f.Path) != ".age" {
		if kind, err := mimetype.DetectFile(taken.Name); err == nil {
			media = kind.String()
		}
	}
	_, sum := f.Writer.Stored()
	if err := b.store.PutFile(ctx, f.Path, taken.Name, media, sum, f.Time); err != nil {
		return err
	}
	return taken.Remove()
}

// Open opens an object of the archive.
func (b *Sink) Open(name string) (io.ReadCloser, error) {
	r, _, err := b.store.Read(context.Background(), name)
	return r, err
}

// Move makes objects stand under new names, too.
func (b *Sink) Move(ctx context.Context, moves []sink.Move) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(uploads)
	for _, m := range moves {
		g.Go(func() error {
			if sink.Fold(m.From) == sink.Fold(m.To) {
				return fmt.Errorf("%s and %s are one name where case is ignored", m.From, m.To)
			}
			return b.store.copyTo(ctx, m.From, m.To)
		})
	}
	return g.Wait()
}

// Aside moves an object out of the way, and tells where to; nothing there is no error.
func (b *Sink) Aside(name string, at time.Time) (to string, err error) {
	ctx := context.Background()
	to = path.Join(sink.AsideDir, at.UTC().Format("20060102T150405Z"), name)
	err = b.store.copyTo(ctx, name, to)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err == nil {
		err = b.store.remove(ctx, name)
	}
	return to, err
}

// retiredFile names the objects that the record is letting go of.
const retiredFile = sink.StateDir + "/retired.json"

// retired is what is known of that object.
type retired struct {
	mu    sync.Mutex
	asked bool
	paths []string
}

// Retired are the objects that were noted by Retire and not yet released.
func (s *Store) Retired(ctx context.Context) ([]string, error) {
	data, _, err := s.get(ctx, retiredFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var paths []string
	if err == nil && json.Unmarshal(data, &paths) != nil {
		return nil, nil // damaged: what it was to remove is now an object that nothing speaks of
	}
	return paths, err
}

func (s *Store) retiring(ctx context.Context) ([]string, error) {
	if s.asked {
		return s.paths, nil
	}
	paths, err := s.Retired(ctx)
	if err == nil {
		s.asked, s.paths = true, paths
	}
	return s.paths, err
}

// Retire notes objects that the record is about to let go of, as [sink.Dir.Retire] does.
func (b *Sink) Retire(paths []string) error {
	if len(paths) == 0 {
		return nil
	}
	ctx, s := context.Background(), b.store
	s.retired.mu.Lock()
	defer s.retired.mu.Unlock()
	noted, err := s.retiring(ctx)
	if err != nil {
		return err
	}
	all := append(noted[:len(noted):len(noted)], paths...)
	data, err := json.Marshal(all)
	if err == nil {
		err = s.PutText(ctx, retiredFile, append(data, '\n'))
	}
	if err == nil {
		s.paths = all
	}
	return err
}

// Release removes the objects noted by Retire, but for those that the record speaks of.
func (b *Sink) Release(ctx context.Context, recorded func(context.Context, []string) (map[string]bool, error)) error {
	s := b.store
	s.retired.mu.Lock()
	defer s.retired.mu.Unlock()
	paths, err := s.retiring(ctx)
	if err != nil || len(paths) == 0 {
		return err
	}
	stay, err := recorded(ctx, paths)
	if err != nil {
		return err
	}
	for _, p := range paths {
		if stay[p] || strings.HasPrefix(p, sink.StateDir+"/") {
			continue
		}
		if err := s.remove(ctx, p); err != nil {
			return err
		}
	}
	if err := s.remove(ctx, retiredFile); err != nil {
		return err
	}
	s.paths = nil
	return nil
}
