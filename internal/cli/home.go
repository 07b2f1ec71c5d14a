package cli

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"

	"civitar/internal/bucket"
	"civitar/internal/verify"
	"civitar/manifest"
)

// home is where an archive lies: in a folder, or in a bucket, of whose record there is a
// copy in the user's cache folder.
type home struct {
	dest  string
	dir   string        // of the record
	store *bucket.Store // nil: a folder
	use   *flock.Flock  // of the copy, among the processes of this machine
}

// home finds the place that dest names. Nothing is asked of it yet.
func (s *session) home(dest string) (*home, error) {
	if !bucket.Is(dest) {
		return &home{dest: dest, dir: dest}, nil
	}
	at, err := bucket.Parse(dest)
	if err != nil {
		return nil, usageError{err}
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return nil, err
	}
	store, err := bucket.Open(at, s.env)
	if err != nil {
		return nil, err
	}
	dir := filepath.Join(cache, "civitar", "buckets", at.ID())
	return &home{dest: at.String(), dir: dir, store: store, use: flock.New(filepath.Join(dir, "use"))}, nil
}

// reading is the home of an archive that is there, for a look at it: its record is as new
// as what the bucket says.
func (s *session) reading(ctx context.Context, dest string) (*home, error) {
	h, err := s.home(dest)
	if err != nil || h.store == nil {
		return h, err
	}
	if err := os.MkdirAll(h.dir, 0o777); err != nil {
		return nil, err
	}
	alone, err := h.alone(ctx)
	if err != nil {
		return nil, err
	}
	if !alone { // a run of this machine: the copy is the newest there is
		return h, nil
	}
	return h, errors.Join(h.store.Pull(ctx, h.dir, false), h.use.Unlock())
}

// alone takes the copy for this process, after a moment in which another may just be
// reading.
func (h *home) alone(ctx context.Context) (bool, error) {
	try, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	ok, err := h.use.TryLockContext(try, 50*time.Millisecond)
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
		err = nil
	}
	return ok, err
}

// exists tells whether an archive is there.
func (h *home) exists(ctx context.Context) (bool, error) {
	if h.store != nil {
		return h.store.Exists(ctx)
	}
	return manifest.Exists(h.dir), nil
}

// there is noArchive's error unless an archive is there.
func (h *home) there(ctx context.Context) error {
	ok, err := h.exists(ctx)
	if err == nil && !ok {
		err = noArchive(manifest.ErrNoArchive, h.dest)
	}
	return err
}

// files are those of the archive.
func (h *home) files() (verify.Files, error) {
	if h.store != nil {
		return h.store.Files(), nil
	}
	return verify.Folder(h.dir)
}

// path is where a file of the archive is, for people.
func (h *home) path(name string) string {
	if h.store != nil {
		return h.store.URL(name)
	}
	return filepath.Join(h.dir, filepath.FromSlash(name))
}

// held tells whether a run is at work there, from wherever.
func (h *home) held(ctx context.Context) (bool, error) {
	if h.store == nil {
		return false, nil
	}
	holder, err := h.store.Holder(ctx)
	return holder.PID != 0, err
}
