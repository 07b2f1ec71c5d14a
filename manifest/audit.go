package manifest

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// Audit is a look at a record that trusts the journal alone: it makes an index of its own
// from it, outside the archive, and writes nothing to the archive. It works beside a run.
// Its methods may be called from many goroutines.
type Audit struct {
	folders
	fresh *index
	temp  string

	mu      sync.Mutex // of what follows
	at      position   // how far fresh has followed the journal
	told    position   // of the last damage told
	damaged func(Damage)
}

// File is one that the record says is in the archive. Time is when it said so. Blob is
// empty for a workflow's sidecar; Path is empty for one that was lost. SHA256 is empty,
// and Size of no meaning, for the sidecars of early archives. Plain is set where the file
// is encrypted. Beside says that it is the one that stands beside the blob's.
type File struct {
	Workflow, Blob string
	Path           string
	Size           int64
	SHA256         string
	Plain          Content
	Beside         bool
	Time           time.Time
}

// OpenAudit opens the record of the archive in dir. It calls damaged for each line of the
// journal that cannot be read, as it comes to it. Errors: [ErrNoArchive],
// [ErrNewerFormat], and those of package os.
func OpenAudit(ctx context.Context, dir string, damaged func(Damage)) (_ *Audit, err error) {
	a := &Audit{damaged: damaged}
	defer func() {
		if err != nil {
			err = errors.Join(err, a.Close())
		}
	}()
	a.folders, err = openFolders(dir, nil)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s: %w", dir, ErrNoArchive)
	}
	if err != nil {
		return nil, err
	}
	if a.temp, err = os.MkdirTemp("", "civitar-audit-"); err != nil {
		return nil, err
	}
	a.fresh, err = freshIndex(ctx, filepath.Join(a.temp, indexFile))
	return a, err
}

// Close releases the audit.
func (a *Audit) Close() error {
	var errs []error
	if a.fresh != nil {
		errs = append(errs, a.fresh.close())
	}
	if a.temp != "" {
		errs = append(errs, os.RemoveAll(a.temp))
	}
	return errors.Join(append(errs, a.folders.close())...)
}

// Follow takes in what the journal says by now.
func (a *Audit) Follow(ctx context.Context) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	for {
		j, err := readJournal(a.segments)
		if err != nil {
			return err
		}
		if _, ok := j.compacted[a.at.Segment]; ok { // it was the last: what is left of it is taken in again
			a.at.Offset = 0
		}
		if err := a.followTo(ctx, j, j.end()); err != nil {
			return err
		}
		again, err := j.reread()
		if err != nil {
			return err
		}
		if !again { // else see index.follow
			return a.fresh.complete(ctx, false)
		}
	}
}

func (a *Audit) followTo(ctx context.Context, j *journal, until position) error {
	if !a.at.before(until) {
		return nil
	}
	j.damaged = func(d Damage) { // what follows the last good line is read again by the next Follow
		if a.told.before(d.at) {
			a.told = d.at
			a.damaged(d)
		}
	}
	at, err := a.fresh.followTo(ctx, j, a.at, until)
	a.at = at
	return err
}

// Unsettled tells since when runs have not ended in order, zero if the last one did, and
// whether one is at work now. Files younger than that can be ones that no line speaks of
// yet: the run at work writes their lines in a moment, or the next run takes them up.
func (a *Audit) Unsettled() (since time.Time, held bool) {
	return readHolder(a.path(lockFile)).since(), isHeld(a.path(lockFile))
}

// Totals counts workflows and blobs.
func (a *Audit) Totals(ctx context.Context) (Totals, error) { return a.fresh.Totals(ctx) }

const (
	keptFiles = "SELECT workflow, blob, path, size, sha256, plain, 0, time FROM blob WHERE state = 'kept'"
	besides   = `SELECT workflow, blob, json_extract(beside, '$.path'), json_extract(beside, '$.size'), json_extract(beside, '$.sha256'), NULL, 1, time
		FROM blob WHERE beside_path <> '' AND state = 'kept'`
	sidecars = "SELECT id, '', sidecar, size, sha256, plain, 0, time FROM workflow WHERE (sidecar <> '' OR open)"
)

// Files hands on every file that the record says is there.
func (a *Audit) Files(ctx context.Context, use func(File) error) error {
	for _, query := range []string{keptFiles, besides, sidecars} {
		if err := a.fresh.each(ctx, func(r *sql.Rows) error {
			f, err := scanFile(r)
			if err != nil {
				return err
			}
			return use(f)
		}, query); err != nil {
			return err
		}
	}
	return nil
}

// Sidecar is what the record says of a workflow's sidecar, if anything.
func (a *Audit) Sidecar(ctx context.Context, workflow string) (f File, found bool, err error) {
	err = a.fresh.each(ctx, func(r *sql.Rows) (err error) {
		f, err = scanFile(r)
		found = err == nil
		return err
	}, sidecars+" AND id = ?", workflow)
	return f, found, err
}

// Kept tells whether the record holds the blob for kept.
func (a *Audit) Kept(ctx context.Context, workflow, blob string) (kept bool, err error) {
	err = a.fresh.each(ctx, func(*sql.Rows) error { kept = true; return nil },
		keptFiles+" AND workflow = ? AND blob = ?", workflow, blob)
	return kept, err
}

func scanFile(r *sql.Rows) (File, error) {
	var f File
	var ms int64
	err := r.Scan(&f.Workflow, &f.Blob, &f.Path, &f.Size, &f.SHA256, content{&f.Plain}, &f.Beside, &ms)
	f.Time = fromUnix(ms)
	return f, err
}

// Recorded tells which of the paths the record speaks of.
func (a *Audit) Recorded(ctx context.Context, paths []string) (map[string]bool, error) {
	return a.fresh.Recorded(ctx, paths)
}
