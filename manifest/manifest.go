// Package manifest is the record of what an archive keeps.
//
// It has three parts, all in the archive's folder .civitar:
//
//   - the journal (journal/000001.jsonl, …) is the truth: one JSON object a line, durable
//     when [Manifest.Append] returns. The latest line about a blob wins; [Manifest.Compact]
//     leaves out the others. Lines of five kinds stand in it: [Blob], [Workflow],
//     [Coverage], [Run] and [Filing].
//   - the index (index.db, SQLite) is derived from the journal, for questions that a scan
//     would answer too slowly. It can be deleted at any time, and is then made anew.
//   - manifest.json is a summary for people and scripts, derived likewise.
//
// One process at a time holds an archive for writing: [Open] takes its lock. Any number
// may [Read] it meanwhile.
//
// Compatibility: every journal segment starts with a line that names the format. This
// version writes format 1 and reads format 1. A newer format is refused with
// [ErrNewerFormat] and nothing is changed; lines of a kind that is unknown are passed
// over. Later versions of the program will go on reading format 1.
package manifest

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"civitar/internal/durable"
)

const (
	// Format is the version of the journal that this package writes.
	Format = 1

	stateDir    = ".civitar"
	journalDir  = "journal"
	indexFile   = "index.db"
	lockFile    = "lock"
	summaryFile = "manifest.json"

	// indexed is the step by which the index follows the journal.
	indexed durable.Op = "index"
)

var (
	// ErrNewerFormat is wrapped when an archive was written by a later version.
	ErrNewerFormat = errors.New("the archive was written by a newer version of civitar")
	// ErrNoArchive is wrapped by Read when the folder holds no archive.
	ErrNoArchive = errors.New("no archive here")
	// ErrSource is wrapped when an archive of one kind of source (the sandbox, the real
	// service) is opened for the other.
	ErrSource = errors.New("the archive is of another source")
)

// Options are those of [Open].
type Options struct {
	// Source names what the archive is of: [Sandbox], or the origin of the API. It may be
	// empty for an archive that is there already.
	Source string
	// Logger is told of rebuilds and damage; nil is silent.
	Logger *slog.Logger
	// Repair writes segments of the journal anew that hold damaged lines, after putting
	// aside what they were, and makes the index anew. Those of a journal that is published
	// stay as they are, and are only counted.
	Repair bool
	// Publish, where the record's folder is the copy of one that is kept elsewhere, adds to
	// that one what is about to be appended here: data at an offset, in bytes, of a segment.
	// nil is for a record that is kept here.
	Publish func(segment string, offset int64, data []byte) error
	// Segment is where a new segment of the journal is begun, in bytes; 0 is 64 MiB. Others
	// are for tests.
	Segment int64
	// Hook is called before every step that changes the disk: it is for tests.
	Hook durable.Hook
}

// Sandbox is the source of archives made from the simulated orchestrator.
const Sandbox = "sandbox"

// Manifest is an archive's record, held for writing. Append and Compact are for one goroutine; the
// questions (query.go) may be asked from any.
type Manifest struct {
	// Damaged is the number of lines that Options.Repair took out of the journal.
	Damaged int

	folders
	*index
	hook    durable.Hook
	lock    *lock
	journal *journal
	closed  bool
}

// Exists tells whether the folder at dir holds an archive.
func Exists(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, stateDir, journalDir))
	return err == nil
}

// Open opens the record of the archive in the folder dir for writing, and creates folder
// and record when they are not there. It cuts a torn tail off the journal and brings the
// index up to it. Errors: [*LockedError] when another process holds the archive,
// [ErrNewerFormat], [ErrSource], and those of package os.
func Open(ctx context.Context, dir string, o Options) (_ *Manifest, err error) {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if err := makeFolders(dir, o.Hook); err != nil {
		return nil, err
	}
	m := &Manifest{hook: o.Hook}
	defer func() {
		if err != nil {
			err = errors.Join(err, m.Close())
		}
	}()
	if m.folders, err = openFolders(dir, o.Hook); err != nil {
		return nil, err
	}
	if m.lock, err = takeLock(ctx, m.path(lockFile), kernelLock, o.Logger); err != nil {
		return nil, err
	}
	if err := checkSummary(m.state); err != nil {
		return nil, err
	}
	if o.Repair {
		if err := m.repair(o.Source, o.Publish != nil, o.Logger); err != nil {
			return nil, err
		}
	}
	if m.journal, err = openJournal(m.segments, o); err != nil {
		return nil, err
	}
	if o.Source != "" && (o.Source == Sandbox) != (m.journal.source == Sandbox) {
		return nil, fmt.Errorf("%w: %s holds what %s made, and this run asks %s: give another folder", ErrSource, dir, m.journal.source, o.Source)
	}
	if m.index, err = openIndex(ctx, m.path(indexFile), m.journal, o.Logger); err != nil {
		return nil, err
	}
	return m, nil
}

// Settle notes that a run ended in order, so that its end leaves no file that no line
// speaks of. What earlier runs left that died is settled only by a run over the whole
// account, which comes by it again.
func (m *Manifest) Settle(whole bool) {
	m.lock.inherited = m.lock.inherited && !whole
	m.lock.settled = !m.lock.inherited
}

// Unsettle notes that another run begins while the archive is held.
func (m *Manifest) Unsettle() { m.lock.settled = false }

// Close releases the archive. A second call does nothing.
func (m *Manifest) Close() error {
	if m.closed {
		return nil
	}
	m.closed = true
	var errs []error
	if m.index != nil {
		errs = append(errs, m.index.close())
	}
	if m.journal != nil {
		errs = append(errs, m.journal.close())
	}
	if m.lock != nil {
		errs = append(errs, m.lock.release())
	}
	errs = append(errs, m.folders.close())
	return errors.Join(errs...)
}

// Append writes a group of lines to the journal, in order, makes them durable together,
// and then brings the index up to them. After an error nothing of the group counts, or a
// prefix of it does; the manifest must then be closed and opened again.
func (m *Manifest) Append(ctx context.Context, lines []Line) error {
	if len(lines) == 0 {
		return nil
	}
	at, err := m.journal.append(lines)
	if err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	if m.hook != nil {
		err = m.hook(indexed, indexFile)
	}
	if err == nil {
		err = m.index.apply(context.WithoutCancel(ctx), lines, at)
	}
	if err != nil {
		m.journal.broken = err // the next group would hide from the index that it lacks this one
		return fmt.Errorf("index: %w", err)
	}
	return nil
}

// Summarize writes manifest.json from what the record now says.
func (m *Manifest) Summarize(ctx context.Context, now time.Time) error {
	totals, err := m.index.Totals(ctx)
	if err != nil {
		return err
	}
	coverage, err := m.index.Coverages(ctx)
	if err != nil {
		return err
	}
	runs, err := m.index.Runs(ctx, 10)
	if err != nil {
		return err
	}
	return writeSummary(m.state, summary{
		Format: Format, Source: m.journal.source, Created: m.journal.created, Updated: now.UTC(),
		Totals: totals, Coverage: coverage, Runs: runs,
	})
}

// Reader answers questions about an archive that it does not hold.
type Reader struct {
	*index
	folders
	Source  string    // see Options.Source
	Held    bool      // somebody is writing the archive
	Created time.Time // when the archive was begun
	temp    string
}

// Read opens the record of the archive in dir for reading, beside a run or without one.
// Where the index is missing or of no use it makes one of its own, outside the archive.
// Errors: [ErrNoArchive], [ErrNewerFormat], and those of package os.
func Read(ctx context.Context, dir string) (_ *Reader, err error) {
	r := &Reader{}
	defer func() {
		if err != nil {
			err = errors.Join(err, r.Close())
		}
	}()
	r.folders, err = openFolders(dir, nil)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s: %w", dir, ErrNoArchive)
	}
	if err != nil {
		return nil, err
	}
	j, err := readJournal(r.segments)
	if err != nil {
		return nil, err
	}
	r.Source, r.Created, r.Held = j.source, j.created, isHeld(r.path(lockFile))
	// During a run the index is a moment behind the journal, which is as good as asking a
	// moment earlier. Without one, being behind is the mark of a crash.
	if r.index, err = readIndex(ctx, r.path(indexFile), j, r.Held); err == nil {
		return r, nil
	}
	if r.temp, err = os.MkdirTemp("", "civitar-index-"); err != nil {
		return nil, err
	}
	r.index, err = openIndex(ctx, filepath.Join(r.temp, indexFile), j, slog.New(slog.DiscardHandler))
	return r, err
}

// Close releases the reader.
func (r *Reader) Close() error {
	var errs []error
	if r.index != nil {
		errs = append(errs, r.index.close())
	}
	if r.temp != "" {
		errs = append(errs, os.RemoveAll(r.temp))
	}
	return errors.Join(append(errs, r.folders.close())...)
}
