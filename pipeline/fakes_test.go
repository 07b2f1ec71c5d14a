package pipeline

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"civitar/fetch"
	"civitar/manifest"
	"civitar/sink"
)

// fakeSource is an account in memory. Cursors are positions from the listing's start, as
// the most careless servers have them: they shift when workflows are added.
type fakeSource struct {
	workflows []*fetch.Workflow // oldest first
	pageSize  int
	breakAt   int // the page request that fails, counted from 1; 0 none
	pages     int // requests so far
	byID      int
	broken    fetch.WorkflowID // answers 5xx
	body      func(fetch.Location, fetch.Resume) (*fetch.Body, error)
	resolve   func(fetch.Blob) (fetch.Location, error)
	renew     func(fetch.Blob) (fetch.Location, error)
}

func (s *fakeSource) Pages(ctx context.Context, q fetch.Query) iter.Seq2[*fetch.Page, error] {
	return func(yield func(*fetch.Page, error) bool) {
		listed := slices.Clone(s.workflows)
		if !q.From.IsZero() {
			listed = slices.DeleteFunc(listed, func(w *fetch.Workflow) bool { return w.Created.Before(q.From) })
		}
		if !q.Ascending {
			slices.Reverse(listed)
		}
		at, _ := strconv.Atoi(q.Cursor)
		for cursor := q.Cursor; ; {
			s.pages++
			if s.pages == s.breakAt {
				yield(nil, fetch.ErrUnavailable)
				return
			}
			end := min(at+s.pageSize, len(listed))
			p := &fetch.Page{Cursor: cursor, Workflows: listed[min(at, end):end]}
			if end < len(listed) {
				p.Next = strconv.Itoa(end)
			}
			if !yield(p, nil) || p.Next == "" {
				return
			}
			at, cursor = end, p.Next
		}
	}
}

func (s *fakeSource) Workflow(_ context.Context, id fetch.WorkflowID) (*fetch.Workflow, error) {
	s.byID++
	if id == s.broken {
		return nil, fetch.ErrUnavailable
	}
	for _, w := range s.workflows {
		if w.ID == id {
			return w, nil
		}
	}
	return nil, fetch.ErrGone
}

func (s *fakeSource) Resolve(_ context.Context, b fetch.Blob) (fetch.Location, error) {
	if s.resolve != nil {
		return s.resolve(b)
	}
	return fetch.Location{Blob: b.ID}, nil
}

func (s *fakeSource) Renew(_ context.Context, b fetch.Blob) (fetch.Location, error) {
	if s.renew != nil {
		return s.renew(b)
	}
	return fetch.Location{Blob: b.ID}, nil
}

func (s *fakeSource) Open(_ context.Context, loc fetch.Location, r fetch.Resume) (*fetch.Body, error) {
	if s.body != nil {
		return s.body(loc, r)
	}
	return bodyOf([]byte("bytes of "+string(loc.Blob)), 0), nil
}

func bodyOf(data []byte, offset int64) *fetch.Body {
	return &fetch.Body{ReadCloser: io.NopCloser(bytes.NewReader(data[offset:])), Offset: offset, Size: int64(len(data)), Validator: `"v"`}
}

// workflow makes one that has succeeded, with blobs that can be had.
func workflow(n int, created time.Time, blobs ...string) *fetch.Workflow {
	w := &fetch.Workflow{ID: fetch.WorkflowID(fmt.Sprintf("wf-%06d", n)), Created: created, Completed: created.Add(time.Minute), Status: "succeeded"}
	w.JSON, _ = json.Marshal(map[string]any{"id": w.ID})
	for _, b := range blobs {
		w.Blobs = append(w.Blobs, fetch.Blob{ID: fetch.BlobID(b), Step: "$0", StepType: "imageGen", Available: true, URL: "https://x/" + fetch.SignedURL(b)})
	}
	return w
}

// memorySink keeps files in memory.
type memorySink struct {
	mu       sync.Mutex
	partials map[string]*memoryFile
	files    map[string][]byte
	times    map[string]time.Time
	retired  []string
	commit   func([]sink.File) error // a fault, when set
}

func newMemorySink() *memorySink {
	return &memorySink{partials: map[string]*memoryFile{}, files: map[string][]byte{}, times: map[string]time.Time{}}
}

// BeginSealed stands for encryption by turning every byte over.
func (m *memorySink) BeginSealed(key string) (sink.Writer, error) {
	w, err := m.Begin(key)
	w.(*memoryFile).sealed = true
	return w, err
}

func (m *memorySink) Retire(paths []string) error {
	m.retired = append(m.retired, paths...)
	return nil
}

func (m *memorySink) Release(ctx context.Context, recorded func(context.Context, []string) (map[string]bool, error)) error {
	stay, err := recorded(ctx, m.retired)
	for _, p := range m.retired {
		if !stay[p] {
			delete(m.files, p)
		}
	}
	m.retired = nil
	return err
}

func (m *memorySink) Begin(key string) (sink.Writer, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	f := m.partials[key]
	if f == nil {
		f = &memoryFile{sink: m, key: key, size: -1}
		m.partials[key] = f
	}
	return f, nil
}

func (m *memorySink) Discard(key string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.partials, key)
	return nil
}

func (m *memorySink) Commit(_ context.Context, files []sink.File) error {
	if m.commit != nil {
		if err := m.commit(files); err != nil {
			return err
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, f := range files {
		w := f.Writer.(*memoryFile)
		m.files[f.Path], m.times[f.Path] = w.stored(), f.Time
		delete(m.partials, w.key)
	}
	return nil
}

type memoryFile struct {
	sink      *memorySink
	key       string
	data      []byte
	validator string
	size      int64
	sealed    bool
}

func (f *memoryFile) stored() []byte {
	if !f.sealed {
		return f.data
	}
	turned := []byte("sealed")
	for _, b := range f.data {
		turned = append(turned, ^b)
	}
	return turned
}

func (f *memoryFile) Stored() (int64, string) {
	sum := sha256.Sum256(f.stored())
	return int64(len(f.stored())), hex.EncodeToString(sum[:])
}

func (f *memoryFile) Write(p []byte) (int, error)    { f.data = append(f.data, p...); return len(p), nil }
func (f *memoryFile) Offset() int64                  { return int64(len(f.data)) }
func (f *memoryFile) Resume() (string, int64)        { return f.validator, f.size }
func (f *memoryFile) Expect(v string, n int64) error { f.validator, f.size = v, n; return nil }
func (f *memoryFile) Reset() error                   { f.data, f.validator, f.size = nil, "", -1; return nil }
func (f *memoryFile) Head(n int) ([]byte, error)     { return f.data[:min(n, len(f.data))], nil }
func (f *memoryFile) Finish() error                  { return nil }
func (f *memoryFile) Suspend() error                 { return nil }
func (f *memoryFile) Discard() error                 { return f.sink.Discard(f.key) }
func (f *memoryFile) Sum() string {
	s := sha256.Sum256(f.data)
	return hex.EncodeToString(s[:])
}

// memoryRecord is a record in memory, with the rules of the real one.
type memoryRecord struct {
	mu        sync.Mutex
	workflows map[string]*manifest.Known
	coverage  map[string][]manifest.Span
	append    func([]manifest.Line) error // a fault, when set
}

func newMemoryRecord() *memoryRecord {
	return &memoryRecord{workflows: map[string]*manifest.Known{}, coverage: map[string][]manifest.Span{}}
}

func (m *memoryRecord) of(id string) *manifest.Known {
	k := m.workflows[id]
	if k == nil {
		k = &manifest.Known{Blobs: map[string]manifest.Blob{}}
		m.workflows[id] = k
	}
	return k
}

func (m *memoryRecord) Append(_ context.Context, lines []manifest.Line) error {
	if m.append != nil {
		if err := m.append(lines); err != nil {
			return err
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, l := range lines {
		switch l := l.(type) {
		case manifest.Workflow:
			m.of(l.Workflow).Workflow = l
		case manifest.Blob:
			m.of(l.Workflow).Blobs[l.Blob] = l
		case manifest.Coverage:
			m.coverage[l.Scope] = l.Spans
		}
	}
	return nil
}

func (m *memoryRecord) Known(_ context.Context, ids []string) (map[string]*manifest.Known, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	found := map[string]*manifest.Known{}
	for _, id := range ids {
		if k := m.workflows[id]; k != nil {
			c := manifest.Known{Workflow: k.Workflow, Blobs: map[string]manifest.Blob{}}
			for id, b := range k.Blobs {
				c.Blobs[id] = b
			}
			found[id] = &c
		}
	}
	return found, nil
}

func (m *memoryRecord) Taken(_ context.Context, folded []string) (map[string]manifest.Key, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	found := map[string]manifest.Key{}
	for id, k := range m.workflows {
		for _, b := range k.Blobs {
			if f := sink.Fold(b.Path); slices.Contains(folded, f) {
				found[f] = manifest.Key{Workflow: id, Blob: b.Blob}
			}
		}
	}
	return found, nil
}

func (m *memoryRecord) Recorded(_ context.Context, paths []string) (map[string]bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	found := map[string]bool{}
	for _, k := range m.workflows {
		names := []string{k.Workflow.Sidecar}
		for _, b := range k.Blobs {
			if b.State == manifest.Kept {
				names = append(names, b.Path, b.Beside.Path)
			}
		}
		for _, p := range paths {
			found[p] = found[p] || slices.Contains(names, p)
		}
	}
	return found, nil
}

func (m *memoryRecord) Coverage(_ context.Context, scope string) ([]manifest.Span, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.coverage[scope], nil
}

func (m *memoryRecord) Revisit(_ context.Context, scope, run, after string, n int) ([]string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var ids []string
	for id, k := range m.workflows {
		if of := k.Workflow.Scope; scope != "" && of != scope && of != manifest.AnyScope {
			continue
		}
		if id > after && k.Workflow.Run != run && (k.Workflow.Open || waits(k)) {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids[:min(n, len(ids))], nil
}

// bench is what a test runs the pipeline on.
type bench struct {
	source *fakeSource
	sink   *memorySink
	record *memoryRecord
	runs   int
}

func newBench() *bench {
	return &bench{source: &fakeSource{pageSize: 5}, sink: newMemorySink(), record: newMemoryRecord()}
}

func (b *bench) run(t *testing.T, change ...func(*Config)) (Summary, error) {
	t.Helper()
	b.runs++
	b.source.pages, b.source.byID = 0, 0
	cfg := Config{Source: b.source, Sink: b.sink, Record: b.record, Workers: 3, ID: fmt.Sprint("run-", b.runs)}
	for _, c := range change {
		c(&cfg)
	}
	s, err := Run(context.Background(), cfg)
	if sum := s.Kept + s.Known + s.Skipped + s.Withheld + s.Gone + s.Failed + s.Pending; s.Seen != sum {
		t.Errorf("the summary does not add up: %+v", s)
	}
	return s, err
}

func (b *bench) mustRun(t *testing.T, change ...func(*Config)) Summary {
	t.Helper()
	s, err := b.run(t, change...)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

var errDisk = errors.New("the disk is broken")
