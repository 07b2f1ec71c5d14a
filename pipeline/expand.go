package pipeline

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"sync"

	"civitar/fetch"
	"civitar/internal/generation"
	"civitar/manifest"
	"civitar/policy"
	"civitar/sink"
)

// work is one workflow in the pipeline.
type work struct {
	page  *page
	wf    *fetch.Workflow
	known *manifest.Known
	made  func() *generation.Parsed // what went into its results
	left  int                       // outcomes to come; the recorder's own
}

func newWork(p *page, wf *fetch.Workflow, known *manifest.Known) *work {
	return &work{page: p, wf: wf, known: known, made: sync.OnceValue(func() *generation.Parsed { return generation.Parse(wf) })}
}

// outcome is what became of a blob, of a workflow, or of a page, on its way to the
// recorder.
type outcome struct {
	work *work
	page *page

	blob     manifest.Blob      // with State, when it is about a blob
	kind     policy.Kind        // of that blob
	workflow *manifest.Workflow // when it is about a workflow
	seal     bool               // when it says that a page is expanded
	count    int                // with seal: how many outcomes the page has

	known      bool        // an earlier run kept the blob
	unfinished bool        // the run ended before the blob did
	failure    Failure     // why State is Failed
	quiet      bool        // nothing new: no line is written
	again      bool        // failed as before
	file       sink.Writer // what is to be committed, if anything
	path       string
	beside     sink.Writer // what is to stand beside the file, if anything
	retired    string      // a path that the record lets go of
}

// active holds the workflows between expand and record, so that one that is listed twice
// is not fetched twice at once.
type active struct {
	mu  sync.Mutex
	ids map[fetch.WorkflowID]struct{}
}

func (a *active) add(id fetch.WorkflowID) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.ids == nil {
		a.ids = map[fetch.WorkflowID]struct{}{}
	}
	if _, ok := a.ids[id]; ok {
		return false
	}
	a.ids[id] = struct{}{}
	return true
}

func (a *active) remove(id fetch.WorkflowID) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.ids, id)
}

// recent remembers the last workflows handed on: pages overlap where the listing shifts
// while it is walked.
type recent struct {
	ids  map[fetch.WorkflowID]struct{}
	ring []fetch.WorkflowID
	next int
}

const recentSize = 4096

// add tells whether id was not among the recent ones.
func (c *recent) add(id fetch.WorkflowID) bool {
	if c.ids == nil {
		c.ids, c.ring = map[fetch.WorkflowID]struct{}{}, make([]fetch.WorkflowID, recentSize)
	}
	if _, ok := c.ids[id]; ok {
		return false
	}
	delete(c.ids, c.ring[c.next])
	c.ring[c.next] = id
	c.next = (c.next + 1) % recentSize
	c.ids[id] = struct{}{}
	return true
}

// expand turns pages into jobs, and into outcomes for what needs no fetching.
func (r *run) expand(ctx context.Context, in <-chan *page, out chan<- *job) error {
	for p := range in {
		if ctx.Err() != nil {
			continue // the page was not begun; the next run lists it again
		}
		if err := r.expandPage(ctx, p, out); err != nil {
			return err
		}
	}
	return nil
}

func (r *run) expandPage(ctx context.Context, p *page, out chan<- *job) error {
	var fresh []*fetch.Workflow
	for _, w := range p.workflows {
		if (r.recent.add(w.ID) || p.later) && r.active.add(w.ID) {
			fresh = append(fresh, w)
		}
	}
	// Asked after they are active: what the recorder has let go of is in the record.
	known, err := r.Record.Known(context.WithoutCancel(ctx), append(workflowIDs(fresh), lostIDs(p)...))
	if err != nil {
		return err
	}
	count := 0
	for _, w := range fresh {
		before := known[string(w.ID)]
		if p.later && before != nil && before.Workflow.Print == print(w.JSON) && before.Workflow.Status == string(w.Status) {
			r.active.remove(w.ID) // this run has had it, as it is
			continue
		}
		if p.later {
			r.Tally.workflows.Add(1)
		}
		n, err := r.expandWorkflow(ctx, newWork(p, w, before), out)
		if err != nil {
			return err
		}
		count += n
	}
	for id, err := range p.lost {
		count += r.expandLost(p, id, err, known[string(id)])
	}
	p.workflows, p.lost = nil, nil // it may have to wait for long
	r.outcomes <- outcome{page: p, seal: true, count: count}
	return nil
}

func lostIDs(p *page) []string {
	var ids []string
	for id := range p.lost {
		ids = append(ids, string(id))
	}
	return ids
}

// expandWorkflow hands on one workflow and returns the number of outcomes it will have.
func (r *run) expandWorkflow(ctx context.Context, w *work, out chan<- *job) (int, error) {
	own, err := r.ownOutcome(w)
	if err != nil {
		return 0, err
	}
	jobs := r.jobs(w)
	w.left = len(jobs) + 1
	r.Tally.seen.Add(int64(len(jobs)))
	if !w.wf.Status.Ended() {
		r.Tally.open.Add(1)
	}
	r.outcomes <- own
	for _, j := range jobs {
		if err := r.expandBlob(ctx, j, out); err != nil {
			return 0, err
		}
	}
	return len(jobs) + 1, nil
}

func (r *run) expandBlob(ctx context.Context, j *job, out chan<- *job) error {
	o := r.outcome(j)
	before := j.before()
	if before.State == manifest.Kept {
		o.known, o.quiet = true, before.NSFW == o.blob.NSFW
		before.Run, before.NSFW = r.ID, o.blob.NSFW
		o.blob = before
		r.outcomes <- o
		return nil
	}
	if before.State == manifest.Skipped && before.Asked && !r.Full { // what the transfer told then
		j.facts = policy.Facts{Size: before.Size, Media: before.Media}
		o.blob.Size, o.blob.Media, o.blob.Asked = before.Size, before.Media, true
	}
	d := r.Policy.Decide(j.work.wf, j.blob, j.facts, r.Now())
	if d.Keeps() && r.repeats(before) {
		o.blob.State, o.blob.Reason, o.blob.Asked, o.quiet = before.State, before.Reason, true, true
		r.outcomes <- o
		return nil
	}
	if !d.Keeps() {
		o.blob.State, o.blob.Reason = d.State, r.reason(j, d)
		o.quiet = before.State == d.State && before.Reason == o.blob.Reason && before.NSFW == o.blob.NSFW
		r.outcomes <- o
		return nil
	}
	if j.blob.Data != nil {
		return r.expandInline(j)
	}
	select {
	case out <- j:
	case <-ctx.Done():
		r.outcomes <- r.unfinished(j)
	}
	return nil
}

// repeats tells that an earlier run asked the server for the blob itself and its answer
// was final, so that only a full run asks again, and nobody where it names minors. A look
// leaves alone what failed as well.
func (r *run) repeats(before manifest.Blob) bool {
	if r.Look != nil && before.State == manifest.Failed {
		return true
	}
	final := before.Asked && (before.State == manifest.Withheld || before.State == manifest.Gone)
	return final && (!r.Full || fetch.NamesMinors(before.Reason))
}

// reason is a decision's for the record. What may quote the prompt is left out where the
// prompt is encrypted.
func (r *run) reason(j *job, d policy.Decision) string {
	if r.Filing.sealsSidecar(j.work.wf) {
		return d.Reason
	}
	return d.Text()
}

// expandInline keeps a result that came with the workflow itself.
func (r *run) expandInline(j *job) error {
	file, err := r.put(j.key(), j.blob.Data, r.seals(j))
	if err != nil {
		return err
	}
	j.facts.Media = j.blob.MediaType
	o, err := r.kept(j, file, "")
	if err != nil {
		return err
	}
	r.outcomes <- o
	return nil
}

// put writes bytes that are at hand into the sink.
func (r *run) put(key string, data []byte, sealed bool) (sink.Writer, error) {
	file, err := r.begin(key, sealed)
	if err != nil {
		return nil, err
	}
	if file.Offset() > 0 {
		err = file.Reset()
	}
	if err == nil {
		_, err = file.Write(data)
	}
	if err == nil {
		err = file.Finish()
	}
	if err != nil {
		return nil, errors.Join(err, file.Discard())
	}
	return file, nil
}

// begin opens a file in the sink.
func (r *run) begin(key string, sealed bool) (sink.Writer, error) {
	if sealed {
		return r.Sink.BeginSealed(key)
	}
	return r.Sink.Begin(key)
}

// ownOutcome is that of the workflow itself: its sidecar and its line.
func (r *run) ownOutcome(w *work) (outcome, error) {
	line := &manifest.Workflow{
		Run: r.ID, Workflow: string(w.wf.ID), Created: w.wf.Created, Completed: w.wf.Completed,
		Status: string(w.wf.Status), Open: !w.wf.Status.Ended(), Scope: r.scope,
		Sidecar: r.Filing.sidecar(w.wf, r.Filing.sealsSidecar(w.wf)), Print: print(w.wf.JSON),
	}
	o := outcome{work: w, page: w.page, workflow: line}
	if w.known != nil && w.known.Workflow.Workflow != "" {
		before := w.known.Workflow
		if before.Scope != line.Scope {
			line.Scope = manifest.AnyScope // none of the runs that saw it may lose sight of it
		}
		if before.Print == line.Print && before.Sidecar != "" {
			line.Sidecar, line.Size, line.SHA256, line.Plain = before.Sidecar, before.Size, before.SHA256, before.Plain
			// Whom the record waits for gets a line all the same, by which a run knows that it has
			// asked; a look is told whom to ask.
			o.quiet = before.Status == line.Status && (!line.Open && !waits(w.known) || r.Look != nil && before.Scope == line.Scope)
			return o, nil
		}
		if before.Sidecar != line.Sidecar {
			o.retired = before.Sidecar
		}
	}
	var pretty bytes.Buffer
	if err := json.Indent(&pretty, w.wf.JSON, "", "  "); err != nil {
		return o, err
	}
	pretty.WriteByte('\n')
	file, err := r.put("sidecar\n"+line.Workflow, pretty.Bytes(), r.Filing.sealsSidecar(w.wf))
	if err != nil {
		return o, err
	}
	o.file, o.path = file, line.Sidecar
	return o, nil
}

// waits tells that blobs of the workflow are to be asked for again; its line then says
// that this run has seen to it.
func waits(k *manifest.Known) bool {
	for _, b := range k.Blobs {
		if b.State == manifest.Failed || b.State == manifest.Pending {
			return true
		}
	}
	return false
}

// expiry ends the names of the fields that change from answer to answer without anything
// having changed: they belong to signed URLs.
var expiry = []byte(`rlExpiresAt":`)

// print tells one version of a workflow's JSON from another.
func print(data []byte) string {
	h := sha256.New()
	for {
		i := bytes.Index(data, expiry)
		if i < 0 {
			h.Write(data)
			return hex.EncodeToString(h.Sum(nil)[:8])
		}
		h.Write(data[:i])
		data = bytes.TrimLeft(data[i+len(expiry):], " ")
		if len(data) > 0 && data[0] == '"' {
			_, data, _ = bytes.Cut(data[1:], []byte{'"'})
		}
	}
}

// expandLost records what is known of a workflow that was asked for by id in vain, and
// returns the number of outcomes.
func (r *run) expandLost(p *page, id fetch.WorkflowID, err error, known *manifest.Known) int {
	if known == nil {
		return 0
	}
	gone := errors.Is(err, fetch.ErrGone)
	w := newWork(p, &fetch.Workflow{ID: id, Created: known.Workflow.Created}, known)
	var all []outcome
	for _, b := range known.Blobs {
		if b.State != manifest.Failed && b.State != manifest.Pending {
			continue
		}
		b.Run, b.Created, b.Asked = r.ID, known.Workflow.Created, true
		o := outcome{work: w, page: p, blob: b}
		switch {
		case gone:
			o.blob.State, o.blob.Reason = manifest.Gone, "the workflow is gone"
		case b.State == manifest.Failed:
			o.failure, o.quiet = failureOf(err), true
		default:
			o.quiet = true
		}
		all = append(all, o)
	}
	r.Tally.seen.Add(int64(len(all)))
	if gone && known.Workflow.Workflow != "" {
		line := known.Workflow
		line.Run, line.Status, line.Open = r.ID, "gone", false
		all = append(all, outcome{work: w, page: p, workflow: &line})
	}
	w.left = len(all)
	for _, o := range all {
		r.outcomes <- o
	}
	return len(all)
}
