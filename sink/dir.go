package sink

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"civitar/internal/durable"
)

// StateDir is the folder inside an archive that holds everything that is not a result.
const StateDir = ".civitar"

const (
	partialDir = StateDir + "/partial"
	// syncers bounds the fsyncs in flight: enough for the file system to merge them
	// into few disk flushes.
	syncers = 16
	// staleAfter is how long a partial that no run asks for is kept. The server deletes
	// the blob itself 30 days after its workflow ended.
	staleAfter = 31 * 24 * time.Hour
)

// Dir is a sink in a local folder. Its methods may be called from many goroutines.
type Dir struct {
	root     *durable.Folder
	path     string
	hook     durable.Hook
	sealer   Sealer
	partials *durable.Folder
	// Held open for the steps that are many: the folder itself, and that of the partials.
	here, partialsHere *durable.Handle

	reserved atomic.Int64 // bytes that transfers in flight have yet to write
	space    spaceCache

	heads sync.Pool // of *[headKept]byte

	tree sync.RWMutex // held where folders go, shared where files come into them

	mu    sync.Mutex
	made  map[string]struct{} // folders known to exist, durably
	stray map[string]struct{} // partials, suspended or of earlier runs, that nothing has begun since
}

// Option changes how a Dir is opened.
type Option func(*Dir)

// WithHook calls a hook before every step that changes the disk: it is for tests.
func WithHook(h durable.Hook) Option { return func(d *Dir) { d.hook = h } }

// Open opens the folder at name as a sink and creates it when it is not there. Errors
// wrap those of package os; a name that is a file gives [fs.ErrExist].
func Open(name string, options ...Option) (*Dir, error) {
	if info, err := os.Stat(name); err == nil && !info.IsDir() {
		return nil, fmt.Errorf("%s is a file, not a folder: %w", name, fs.ErrExist)
	}
	if err := os.MkdirAll(name, 0o777); err != nil {
		return nil, err
	}
	d := &Dir{path: name, made: map[string]struct{}{}, stray: map[string]struct{}{}}
	d.heads.New = func() any { return new([headKept]byte) }
	for _, option := range options {
		option(d)
	}
	var err error
	if d.root, err = durable.Open(name, d.hook); err != nil {
		return nil, err
	}
	if err := d.openPartials(); err != nil {
		return nil, errors.Join(err, d.root.Close())
	}
	if d.here, err = d.root.Handle("."); err == nil {
		d.partialsHere, err = d.partials.Handle(".")
	}
	if err != nil {
		return nil, errors.Join(err, d.Close())
	}
	return d, nil
}

func (d *Dir) openPartials() error {
	if err := d.root.MkdirAll(partialDir, 0o777); err != nil {
		return err
	}
	partials, err := d.root.Folder(partialDir)
	if err != nil {
		return err
	}
	entries, err := fs.ReadDir(partials.FS(), ".")
	d.partials = partials
	for _, e := range entries {
		switch {
		case e.IsDir() || !partialFile.MatchString(e.Name()): // not ours: let it lie
		case strings.HasSuffix(e.Name(), durable.NewExt), strings.HasSuffix(e.Name(), sealedExt):
			err = errors.Join(err, d.removePartial(e.Name()))
		default:
			d.stray[e.Name()] = struct{}{}
		}
	}
	if err != nil {
		err = errors.Join(err, partials.Close())
	}
	return err
}

// Close releases the folder. Writers must have ended before.
func (d *Dir) Close() error {
	var errs []error
	for _, h := range []*durable.Handle{d.here, d.partialsHere} {
		if h != nil {
			errs = append(errs, h.Close())
		}
	}
	return errors.Join(append(errs, d.partials.Close(), d.root.Close())...)
}

// Path is the folder as it was given to Open.
func (d *Dir) Path() string { return d.path }

// Open opens a committed file for reading. The path is as in [File].
func (d *Dir) Open(path string) (io.ReadCloser, error) { return d.root.Open(path) }

// Commit makes files durable under their final names: all of them are given their times
// and synced, then renamed, and the folders that changed are synced once each. It ignores a cancelled context as
// soon as the first rename is made, since a group half named helps nobody.
func (d *Dir) Commit(ctx context.Context, files []File) error {
	if len(files) == 0 {
		return nil
	}
	if err := d.syncFiles(ctx, files); err != nil {
		return err
	}
	d.tree.RLock()
	defer d.tree.RUnlock()
	changed := map[string]struct{}{}
	into := &handles{dir: d, open: map[string]*durable.Handle{}}
	defer into.close()
	for _, f := range files {
		folder := path.Dir(f.Path)
		if err := d.makeFolder(folder, changed); err != nil {
			return err
		}
		if err := d.place(f, into); err != nil {
			return err
		}
		changed[folder] = struct{}{}
	}
	return d.syncFolders(changed)
}

// handles are the folders that a Commit names files in.
type handles struct {
	dir  *Dir
	open map[string]*durable.Handle
}

// mostHandles is how many are held at once.
const mostHandles = 64

func (h *handles) of(folder string) (*durable.Handle, error) {
	if at := h.open[folder]; at != nil {
		return at, nil
	}
	if len(h.open) >= mostHandles {
		h.close()
	}
	at, err := h.dir.root.Handle(folder)
	if err == nil {
		h.open[folder] = at
	}
	return at, err
}

func (h *handles) close() {
	for _, at := range h.open {
		_ = at.Close() // it was only read
	}
	clear(h.open)
}

// Batch is how many files a Commit takes best: where the file system syncs as a whole, the
// cost is the same for few and for many.
func (d *Dir) Batch() int {
	if d.here.SyncsAll() {
		return 256
	}
	return 128
}

func (d *Dir) syncFiles(ctx context.Context, files []File) error {
	if len(files) >= wholeFrom && d.here.SyncsAll() {
		for _, f := range files {
			p := staged(f.Writer)
			if p == nil || p.dir != d {
				return notFinished(f)
			}
			if err := p.end(f.Time); err != nil {
				return err
			}
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		return spaceOr(d.here.SyncAll())
	}
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(syncers)
	for _, f := range files {
		p := staged(f.Writer)
		if p == nil || p.dir != d {
			return notFinished(f)
		}
		g.Go(func() error {
			if err := ctx.Err(); err != nil {
				return err
			}
			return p.sync(f.Time)
		})
	}
	return g.Wait()
}

// wholeFrom is from how many files on the whole file system is synced instead of each.
const wholeFrom = 16

func notFinished(f File) error { return fmt.Errorf("%s: not a finished file of this sink", f.Path) }

// staged is the file that a finished writer has made, nil if it has made none.
func staged(w Writer) *partial {
	switch w := w.(type) {
	case *partial:
		return w
	case *sealed:
		if w.whole {
			return w.file
		}
	}
	return nil
}

func (d *Dir) place(f File, into *handles) error {
	p := staged(f.Writer)
	folder, err := into.of(path.Dir(f.Path))
	if err == nil {
		err = d.partialsHere.Rename(p.name, folder, path.Base(f.Path))
	}
	if errors.Is(err, errors.ErrUnsupported) {
		err = d.root.Rename(path.Join(partialDir, p.name), f.Path)
	}
	if err != nil {
		return spaceOr(err)
	}
	return p.removeNote()
}

// makeFolder creates folder and its parents, and adds those whose entries have to be
// synced. A folder that is there already may be one that a crash, a failed Commit or one
// under way left undurable, so its parents are synced too, once.
func (d *Dir) makeFolder(folder string, changed map[string]struct{}) error {
	if d.isMade(folder) {
		return nil
	}
	var missing []string
	for f := folder; f != "." && !d.isMade(f); f = path.Dir(f) {
		info, err := d.root.Lstat(f)
		switch {
		case err == nil && !info.IsDir():
			return fmt.Errorf("%s is in the way: a folder is needed there: %w", path.Join(d.path, f), fs.ErrExist)
		case errors.Is(err, fs.ErrNotExist):
			missing = append(missing, f)
		case err != nil:
			return err
		}
		changed[path.Dir(f)] = struct{}{}
	}
	for i := len(missing) - 1; i >= 0; i-- {
		if err := d.root.Mkdir(missing[i], 0o777); err != nil && !errors.Is(err, fs.ErrExist) {
			return spaceOr(err)
		}
	}
	return nil
}

func (d *Dir) isMade(folder string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	_, ok := d.made[folder]
	return ok
}

// syncFolders syncs folders, and with them all that lead to them and may be new.
func (d *Dir) syncFolders(folders map[string]struct{}) error {
	if err := d.syncEach(folders); err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.made) > 4096 {
		clear(d.made)
	}
	for folder := range folders {
		d.made[folder] = struct{}{}
	}
	return nil
}

func (d *Dir) syncEach(folders map[string]struct{}) error {
	if len(folders) >= wholeFrom && d.here.SyncsAll() {
		return d.here.SyncAll()
	}
	g := errgroup.Group{}
	g.SetLimit(syncers)
	for folder := range folders {
		g.Go(func() error { return d.root.SyncDir(folder) })
	}
	return g.Wait()
}

// Discard removes what an earlier run left of key, if anything.
func (d *Dir) Discard(key string) error {
	_, err := d.discard(key)
	return err
}

func (d *Dir) discard(key string) (found bool, err error) {
	name := partialName(key)
	if bytes, note := d.takeStray(name); !bytes && !note {
		return false, nil
	}
	return true, errors.Join(d.removePartial(name), d.removePartial(name+noteExt))
}

// takeStray tells whether an earlier run left bytes and a note under name, once.
func (d *Dir) takeStray(name string) (bytes, note bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	_, bytes = d.stray[name]
	_, note = d.stray[name+noteExt]
	delete(d.stray, name)
	delete(d.stray, name+noteExt)
	return bytes, note
}

func (d *Dir) addStray(names ...string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, name := range names {
		d.stray[name] = struct{}{}
	}
}

// Sweep removes partials of earlier runs that nothing has asked for in so long that the
// server has deleted their blobs as well.
func (d *Dir) Sweep(now time.Time) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	for name := range d.stray {
		info, err := d.partials.Lstat(name)
		if err == nil && now.Sub(info.ModTime()) < staleAfter {
			continue
		}
		if err := d.removePartial(name); err != nil {
			return err
		}
		delete(d.stray, name)
	}
	return nil
}

func (d *Dir) removePartial(name string) error {
	if err := d.partials.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
