package fetch

import (
	"net/url"
	"strconv"
	"strings"
)

// maxDepth bounds the walk into one output, and the nesting of repeated steps.
const maxDepth = 64

// walker finds the results of a workflow by their shape, not by a table of step
// types, so that types which do not exist yet are served too (the API page, "Where
// blobs hide in a step's output").
type walker struct {
	s      *scrubber
	base   *url.URL // the API's
	blobs  []Blob
	index  map[BlobID]int  // of the blobs that are not texts
	stated map[BlobID]bool // blobs whose availability the server stated
	names  map[string]int  // of steps: how often each was used
	inputs []Blob
	worked map[BlobID]bool // ids of the inputs
	errors []string
	notes  []string // what was not read, and why
}

// step is where the walker is: the step, and what is said about its blobs.
type step struct {
	name, kind string
	status     Status
	marks      []map[string]opinion // innermost first
	found      int                  // blobs seen in the output, inline data not counted
}

// scope is the part of a step's output that the walker is in.
type scope struct {
	step            *step
	key             string
	depth           int
	temp, elsewhere bool
}

func (sc scope) under(key string) scope {
	sc.key = key
	sc.depth++
	sc.temp = sc.temp || key == "tempBlobs"
	return sc
}

func walk(workflow node, status Status, s *scrubber, base *url.URL) *walker {
	w := &walker{s: s, base: base, index: make(map[BlobID]int), stated: make(map[BlobID]bool), worked: make(map[BlobID]bool), names: make(map[string]int)}
	outer := &step{status: status, marks: []map[string]opinion{opinions(workflow.get("metadata"))}}
	w.steps(workflow.get("steps"), outer, 0)
	return w
}

// steps walks whole steps: a workflow's, or those a repeat step holds in its output.
func (w *walker) steps(list node, outer *step, depth int) {
	if depth > maxDepth {
		w.note("steps nested too deep")
		return
	}
	for i, n := range list.values() {
		if n.kind != '{' {
			continue
		}
		name := n.str("name")
		switch {
		case depth > 0:
			name = outer.name + "-" + strconv.Itoa(i)
		case name == "" && list.kind == '{':
			name = list.keys()[i]
		case name == "":
			name = "$" + strconv.Itoa(i)
		}
		st := &step{
			name:   w.unique(w.s.scrub(name)),
			kind:   w.s.words(n.str("$type"), maxWords),
			status: statusOf(n.str("status")),
			marks:  append([]map[string]opinion{opinions(n.get("metadata"))}, outer.marks...),
		}
		if st.status == "" {
			st.status = outer.status
		}
		w.reasons(n.get("errors"))
		w.sources(n.get("input"), "", st, 0)
		w.step(st, n.get("output"), depth)
	}
}

func (w *walker) step(st *step, output node, depth int) {
	w.reasons(output.get("errors"))
	w.value(output, scope{step: st}, depth)
	if st.status == "succeeded" && meaningful(output, 0) && (st.found == 0 || textType(st.kind)) {
		w.addText(st, output)
	}
}

// unique keeps step names apart that a server gave twice: files are named after them.
func (w *walker) unique(name string) string {
	free := name
	for w.names[free] > 0 {
		w.names[name]++
		free = name + "_" + strconv.Itoa(w.names[name])
	}
	w.names[free] = 1
	return free
}

// reasons keeps the server's words. They are strings as a rule.
func (w *walker) reasons(list node) {
	for _, n := range list.items() {
		for _, text := range []string{n.text, n.str("message"), n.str("detail")} {
			if text != "" {
				w.errors = append(w.errors, w.s.scrub(text))
				break
			}
		}
	}
}

func (w *walker) value(v node, sc scope, nesting int) {
	if sc.depth > maxDepth {
		w.note("an output nested too deep")
		return
	}
	switch v.kind {
	case '{':
		w.object(v, sc, nesting)
	case '[':
		for _, item := range v.values() {
			next := sc
			next.depth++
			w.value(item, next, nesting)
		}
	case '"':
		w.text(v.text, node{}, sc)
	}
}

func (w *walker) object(o node, sc scope, nesting int) {
	if yes, _ := o.flag("storedAsAssets"); yes {
		sc.elsewhere = true
	}
	isBlob := w.blob(o, sc)
	named := w.named(o, sc)
	for i, key := range o.keys() {
		v, under := o.values()[i], sc.under(key)
		switch {
		case strings.HasSuffix(strings.ToLower(key), "previewurl"), key == "errors":
		case isBlob && (key == "url" || key == "id" || key == "blobId" || key == "blobKey"), named && (key == "blobUrl" || key == "blobName"):
		case key == "steps" && holdsSteps(v):
			w.steps(v, sc.step, nesting+1)
		case key == "blobId" || key == "blobIds" || key == "sampleImages":
			w.ids(v, under, nesting)
		case v.kind == '"':
			w.text(v.text, o, under)
		default:
			w.value(v, under, nesting)
		}
	}
}

// blob adds an object that is one: it has an id and says whether it is available, or
// its URL is a blob's.
func (w *walker) blob(o node, sc scope) bool {
	address := o.str("url")
	fromURL := blobIDOf(address)
	if !o.has("available") && fromURL == "" {
		return false
	}
	id := o.name("id")
	for _, other := range []string{o.name("blobId"), o.name("blobKey"), fromURL} {
		if id == "" {
			id = other
		}
	}
	if id == "" {
		return false
	}
	b := w.describe(o, sc)
	b.ID = BlobID(id)
	yes, stated := o.flag("available")
	b.Available = yes || !stated && address != ""
	if media, data, ok := dataURI(address); ok {
		b.Data, b.MediaType = data, media
	} else {
		b.URL = SignedURL(address)
		b.Expires = expiry(o.time("urlExpiresAt"), address)
	}
	w.add(b, sc.step, stated)
	sc.step.found++
	return true
}

// named adds a training epoch's file: a name and a URL without a blob object.
func (w *walker) named(o node, sc scope) bool {
	name, address := o.name("blobName"), o.str("blobUrl")
	if name == "" {
		return false // a URL alone is found like any other
	}
	b := w.describe(o, sc)
	b.ID, b.URL, b.Available = BlobID(name), SignedURL(address), true
	b.Expires = expiry(o.time("blobUrlExpiresAt"), address)
	w.add(b, sc.step, false)
	sc.step.found++
	return true
}

// ids adds blobs that are told by name only.
func (w *walker) ids(v node, sc scope, nesting int) {
	list := v.items()
	if v.kind != '[' {
		list = []node{v}
	}
	for _, n := range list {
		switch {
		case n.kind == '{':
			w.value(n, sc, nesting)
		case n.kind != '"' || n.text == "":
		case isAddress(n.text) || isDataURI(n.text):
			w.text(n.text, node{}, sc)
		default:
			b := w.describe(node{}, sc)
			b.ID, b.Available = BlobID(n.text), true
			w.add(b, sc.step, false)
			sc.step.found++
		}
	}
}

// describe fills in what an object says of a blob besides its id and address.
func (w *walker) describe(o node, sc scope) Blob {
	preview := o.str("previewUrl")
	if !isAddress(preview) {
		preview = ""
	}
	return Blob{
		Step: sc.step.name, StepType: sc.step.kind, StepStatus: sc.step.status,
		Kind:    strings.ToLower(w.s.words(o.str("type"), maxWords)),
		Level:   levelOf(o.str("nsfwLevel")),
		Blocked: w.s.words(o.str("blockedReason"), maxWords),
		Size:    o.size("blobSize"),
		Preview: SignedURL(preview), PreviewExpires: expiry(o.time("previewUrlExpiresAt"), preview),
		Temp: sc.temp, Elsewhere: sc.elsewhere,
	}
}

// add keeps a blob, or completes the one of the same id.
func (w *walker) add(b Blob, st *step, stated bool) {
	at, again := w.index[b.ID]
	if !again {
		w.index[b.ID] = len(w.blobs)
		w.stated[b.ID] = stated
		w.blobs = append(w.blobs, mark(b, st))
		return
	}
	first := &w.blobs[at]
	if !w.stated[b.ID] {
		first.Available = b.Available || !stated && first.Available
		w.stated[b.ID] = stated
	}
	if first.URL == "" {
		first.URL, first.Expires = b.URL, b.Expires
	}
	if first.Preview == "" {
		first.Preview, first.PreviewExpires = b.Preview, b.PreviewExpires
	}
	if first.Data == nil {
		first.Data, first.MediaType = b.Data, b.MediaType
	}
	first.Kind = orElse(first.Kind, b.Kind)
	first.Level = orElse(first.Level, b.Level)
	first.Blocked = orElse(first.Blocked, b.Blocked)
	first.Size = orElse(first.Size, b.Size)
	first.Temp = first.Temp && b.Temp
	first.Elsewhere = first.Elsewhere && b.Elsewhere
}

func holdsSteps(v node) bool {
	for _, n := range v.values() {
		if n.kind == '{' && (n.has("$type") || n.has("output") && n.has("name")) {
			return true
		}
	}
	return false
}

func (w *walker) note(text string) {
	for _, n := range w.notes {
		if n == text {
			return
		}
	}
	w.notes = append(w.notes, text)
}
