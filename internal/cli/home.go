package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"

	"civitar/internal/bucket"
	"civitar/internal/pack"
	"civitar/internal/verify"
	"civitar/manifest"
)

// home is where an archive lies: in a folder, in a package, with its record beside it, or in a
// bucket, of whose record there is a copy in the user's cache folder.
type home struct {
	dest  string
	dir   string        // of the record
	pack  pack.Place    // "": no package
	temp  bool          // dir is to be removed when the look at it is over
	store *bucket.Store // nil: no bucket
	use   *flock.Flock  // of the copy, among the processes of this machine
}

// home finds the place that dest names. Nothing is asked of it yet.
func (s *session) home(dest string) (*home, error) {
	if err := checkDest(dest); err != nil {
		return nil, err
	}
	switch {
	case pack.Is(dest):
		place := pack.Place(dest)
		return &home{dest: dest, dir: place.Dir(), pack: place}, nil
	case !bucket.Is(dest):
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

// checkDest finds what is wrong with the name of an archive.
func checkDest(dest string) error {
	if dest == "-" {
		return usagef("stdout cannot be gone on with, which an archive is: give a folder or a file; civitar export DEST --out - writes a package to stdout")
	}
	if !bucket.Is(dest) {
		if _, err := os.Stat(dest); err != nil && pack.Unlike(dest) {
			return usagef("%s would be a folder: give a name that ends in .tar, .tar.zst or .zip for a package, or another one for a folder", dest)
		}
		return nil
	}
	at, err := bucket.Parse(dest)
	if err != nil {
		return usageError{err}
	}
	if pack.Named(at.Prefix) {
		return usagef("objects in a bucket cannot be added to, so no package grows there: archive into s3://%s/PREFIX, or into a file and copy that", at.Bucket)
	}
	return nil
}

// reading is the home of an archive that is there, for a look at it: its record is as new
// as what the bucket says.
func (s *session) reading(ctx context.Context, dest string) (*home, error) {
	h, err := s.home(dest)
	if err == nil && h.pack != "" {
		return h, h.unpack(ctx)
	}
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

// unpack reads the record of a package that stands alone into a folder of its own.
func (h *home) unpack(ctx context.Context) (err error) {
	if manifest.Exists(h.dir) || !h.pack.Exists() {
		return nil
	}
	if h.dir, err = os.MkdirTemp("", "civitar-record-"); err != nil {
		return err
	}
	h.temp = true
	if err := h.pack.Restore(ctx, h.dir); err != nil {
		return errors.Join(err, h.Close())
	}
	return nil
}

// Close ends a look at an archive.
func (h *home) Close() error {
	if !h.temp {
		return nil
	}
	return os.RemoveAll(h.dir)
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
	switch {
	case h.store != nil:
		return h.store.Exists(ctx)
	case h.pack != "":
		return h.pack.Exists(), nil
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
	switch {
	case h.store != nil:
		return h.store.Files(), nil
	case h.pack != "":
		return h.pack.Files(h.dir)
	}
	return verify.Folder(h.dir)
}

// path is where a file of the archive is, for people.
func (h *home) path(name string) string {
	if h.store != nil {
		return h.store.URL(name)
	}
	return filepath.Join(h.dest, filepath.FromSlash(name))
}

// held tells whether a run is at work there, from wherever.
func (h *home) held(ctx context.Context) (bool, error) {
	if h.store == nil {
		return false, nil
	}
	holder, err := h.store.Holder(ctx)
	return holder.PID != 0, err
}

// changeable refuses what would have to change files of a package.
func (h *home) changeable(command string) error {
	if h.pack == "" {
		return nil
	}
	return hintError{fmt.Errorf("civitar %s changes files, and those in a package stay as they are", command),
		fmt.Sprintf("extract %s into a folder, which is an archive like any other, and run it there", h.dest)}
}
