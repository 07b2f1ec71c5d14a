package pipeline

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	"civitar/fetch"
	"civitar/manifest"
	"civitar/policy"
	"civitar/sink"
)

// Refiling is what [Refile] needs.
type Refiling struct {
	Sink   Refiled
	Record Shelf
	Filing Filing
	// Unseal reads an encrypted file; nil where there is no identity.
	Unseal func(io.Reader) (io.Reader, error)
	// ID names the run in the journal.
	ID string
	// Now is the clock; nil is time.Now.
	Now func() time.Time
	// Dry moves nothing: Observe is told what would be.
	Dry bool
	// Observe is called for each file after it has moved, from one goroutine.
	Observe func(from, to string)
}

// Refiled is a sink of which files can move. [*sink.Dir] is one.
type Refiled interface {
	Sink
	Open(path string) (io.ReadCloser, error)
	// Move makes files stand under new names too; the old ones are retired then.
	Move(context.Context, []sink.Move) error
}

// Shelf is a record that can be gone through. [*manifest.Manifest] is one.
type Shelf interface {
	Record
	// Workflows returns at most n ids, in order, after the one given.
	Workflows(ctx context.Context, after string, n int) ([]string, error)
}

var (
	_ Refiled = (*sink.Dir)(nil)
	_ Shelf   = (*manifest.Manifest)(nil)
)

// Refile gives the files of an archive the names and places that cfg.Filing asks for, and
// what is to stand beside them, and journals that. It asks the server for nothing: what a
// name is made of, it reads from the sidecars. A file that has become mature in an archive
// that encrypts such is encrypted; one that is encrypted stays so.
//
// Every file stands under its old name until the record speaks of the new one. Killed at
// any point and run again, it ends as if it had not been. Its error says what could not be
// read or moved; everything before that is done.
func Refile(ctx context.Context, cfg Refiling) error {
	r := &refiling{Refiling: cfg, run: newRun(Config{Sink: cfg.Sink, Record: cfg.Record, Filing: cfg.Filing, ID: cfg.ID, Now: cfg.Now}.withDefaults())}
	if err := r.Refiling.Sink.Release(ctx, r.Refiling.Record.Recorded); err != nil {
		return err
	}
	for after := ""; ; {
		ids, err := cfg.Record.Workflows(ctx, after, refileGroup)
		if err != nil || len(ids) == 0 {
			return err
		}
		known, err := cfg.Record.Known(ctx, ids)
		if err != nil {
			return err
		}
		for _, id := range ids {
			if err := r.take(known[id]); err != nil {
				return errors.Join(err, r.drop())
			}
		}
		if err := r.flush(context.WithoutCancel(ctx)); err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		after = ids[len(ids)-1]
	}
}

// ErrSealed is wrapped when names are made of what is encrypted, and there is no identity
// to read it with.
var ErrSealed = errors.New("the names are made of what is encrypted")

// refileGroup is how many workflows are refiled together.
const refileGroup = 64

type refiling struct {
	Refiling
	run   *run
	group []*refile
}

// refile is one blob's files, or a workflow's sidecar, on their way to other names.
type refile struct {
	work     *work
	blob     manifest.Blob
	workflow *manifest.Workflow // set where it is about the sidecar

	path    string      // where it is to be, before it is made its owner's alone
	file    sink.Writer // set where its bytes change: what was plain gets encrypted
	beside  sink.Writer // set where what stands beside it is made anew
	without bool        // what stands beside it is to go
}

func (f *refile) owner() manifest.Key {
	if f.workflow != nil {
		return manifest.Key{Workflow: f.workflow.Workflow}
	}
	return manifest.Key{Workflow: f.blob.Workflow, Blob: f.blob.Blob}
}

func (f *refile) from() string {
	if f.workflow != nil {
		return f.workflow.Sidecar
	}
	return f.blob.Path
}

// inPlace tells that the file has the name it is to have, or had to take one beside it.
// Names that differ only in case are one on some systems: nothing can be moved there.
func (f *refile) inPlace() bool {
	at := sink.Fold(f.from())
	return at == sink.Fold(f.path) || at == sink.Fold(suffixed(f.path, f.owner()))
}

// take looks at one workflow, and adds to the group what of it is to move.
func (r *refiling) take(known *manifest.Known) error {
	wf, readable, err := r.workflow(known)
	if err != nil {
		return err
	}
	w := newWork(nil, wf, known)
	jobs := map[string]*job{}
	every := run{Config: Config{Policy: policy.Policy{Inputs: true, Previews: true}}}
	for _, j := range every.jobs(w) {
		jobs[string(j.blob.ID)] = j
	}
	for _, id := range slices.Sorted(maps.Keys(known.Blobs)) { // which of two gets a name is always the same
		b := known.Blobs[id]
		if b.State != manifest.Kept {
			continue
		}
		j := jobs[b.Blob]
		if j == nil { // the workflow has changed since
			j = &job{work: w, role: b.Role, blob: fetch.Blob{ID: fetch.BlobID(b.Blob), Step: b.Step, StepType: b.Type}}
		}
		j.facts = policy.Facts{Level: fetch.Level(b.NSFW), Media: b.Media}
		if err := r.takeBlob(j, b); err != nil {
			return err
		}
	}
	if readable {
		return r.takeSidecar(w)
	}
	return nil
}

func (r *refiling) takeBlob(j *job, b manifest.Blob) error {
	wasSealed := b.Plain != manifest.Content{}
	sealed := wasSealed || r.run.seals(j)
	bare := strings.TrimSuffix(b.Path, SealedExt)
	f := &refile{work: j.work, blob: b, path: r.Filing.media(j, path.Ext(bare), sealed)}
	f.without = r.Filing.Beside == Nothing && b.Beside.Path != ""
	anew := r.Filing.Beside != Nothing && (sealed != wasSealed || path.Ext(strings.TrimSuffix(b.Beside.Path, SealedExt)) != "."+string(r.Filing.Beside))
	if f.inPlace() && !f.without && !anew && sealed == wasSealed {
		return nil
	}
	r.group = append(r.group, f)
	if r.Dry {
		return nil
	}
	var err error
	if sealed != wasSealed {
		if f.file, err = r.sealed(j.key(), b.Path); err != nil {
			return err
		}
	}
	if anew {
		f.beside, err = r.run.captioned(j, sealed)
	}
	return err
}

func (r *refiling) takeSidecar(w *work) error {
	line := w.known.Workflow
	wasSealed := line.Plain != manifest.Content{}
	sealed := wasSealed || r.Filing.sealsSidecar(w.wf)
	f := &refile{work: w, workflow: &line, path: r.Filing.sidecar(w.wf, sealed)}
	if f.inPlace() && sealed == wasSealed {
		return nil
	}
	r.group = append(r.group, f)
	if r.Dry || sealed == wasSealed {
		return nil
	}
	var err error
	f.file, err = r.sealed("sidecar\n"+line.Workflow, line.Sidecar)
	return err
}

// sealed encrypts a file that stands in the clear.
func (r *refiling) sealed(key, from string) (sink.Writer, error) {
	plain, err := r.Refiling.Sink.Open(from)
	if err != nil {
		return nil, err
	}
	defer plain.Close()
	file, err := r.Refiling.Sink.BeginSealed(key)
	if err != nil {
		return nil, err
	}
	if _, err = io.Copy(file, plain); err == nil {
		err = file.Finish()
	}
	if err != nil {
		return nil, errors.Join(err, file.Discard())
	}
	return file, nil
}

// workflow reads a workflow from its sidecar. It is not readable where that is encrypted
// and there is no identity, or where there is none; what the record says must do then.
func (r *refiling) workflow(known *manifest.Known) (w *fetch.Workflow, readable bool, err error) {
	line := known.Workflow
	bare := &fetch.Workflow{ID: fetch.WorkflowID(line.Workflow), Created: line.Created, Completed: line.Completed, Status: fetch.Status(line.Status)}
	if line.Sidecar == "" {
		return bare, false, nil
	}
	isSealed := line.Plain != manifest.Content{}
	if isSealed && r.Unseal == nil {
		if r.Filing.NeedsSidecars() {
			return nil, false, ErrSealed
		}
		return bare, false, nil
	}
	file, err := r.Refiling.Sink.Open(line.Sidecar)
	if err != nil {
		return nil, false, err
	}
	defer file.Close()
	var text io.Reader = file
	if isSealed {
		if text, err = r.Unseal(file); err != nil {
			return nil, false, fmt.Errorf("%s: %w", line.Sidecar, err)
		}
	}
	data, err := io.ReadAll(io.LimitReader(text, largestSidecar))
	if err != nil {
		return nil, false, fmt.Errorf("%s: %w", line.Sidecar, err)
	}
	if w, err = fetch.ParseWorkflow(data); err != nil {
		return nil, false, fmt.Errorf("%s: %w", line.Sidecar, err)
	}
	return w, true, nil
}

// largestSidecar bounds what is read of one, in bytes.
const largestSidecar = 256 << 20

// drop puts away what was made for a group that will not be.
func (r *refiling) drop() error {
	var errs []error
	for _, f := range r.group {
		for _, file := range []sink.Writer{f.file, f.beside} {
			if file != nil {
				errs = append(errs, file.Discard())
			}
		}
	}
	return errors.Join(errs...)
}

// flush moves a group. Whatever stands under a name that the record does not speak of,
// when all is done or after a crash, is removed: the new names until the journal has them,
// the old ones from then on.
func (r *refiling) flush(ctx context.Context) error {
	if len(r.group) == 0 {
		return nil
	}
	var m moves
	if err := r.plan(ctx, &m); err != nil {
		return errors.Join(err, r.drop())
	}
	if !r.Dry {
		if err := r.move(ctx, &m); err != nil {
			return errors.Join(err, r.drop())
		}
	}
	for i, from := range m.from {
		r.Observe(from, m.to[i])
	}
	r.group = r.group[:0]
	return nil
}
