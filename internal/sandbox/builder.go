package sandbox

import (
	"strconv"
	"time"
)

// builder fills a plan. Whatever it draws must not depend on the account's
// state, or ids would change when a running workflow ends.
type builder struct {
	*rng
	aside   rng // for what is not a result: drawing from it leaves all results as they are
	account *account
	plan    *plan
	rated   bool // the workflow's level is as it is, whatever its blobs'
	unborn  bool // still running, and nothing of the output is there
	landed  map[*blob]bool
}

func newBuilder(a *account, i int) *builder {
	r := newRNG(uint64(a.opt.Seed), uint64(i), 7)
	p := &plan{index: i, id: a.timeline.id(i), created: a.timeline.created(i), status: "succeeded"}
	b := &builder{rng: &r, aside: newRNG(uint64(a.opt.Seed), uint64(i), 8), account: a, plan: p}
	p.started = p.created.Add(time.Duration(b.between(300, 20_000)) * time.Millisecond)
	p.completed = p.started.Add(time.Duration(b.between(2_000, 240_000)) * time.Millisecond)
	return b
}

// finish settles what depends on the whole workflow.
func (b *builder) finish() *plan {
	p := b.plan
	b.changed()
	for _, s := range p.all {
		b.settleStep(s)
	}
	if b.unborn {
		p.blobs, p.archives, p.traces = nil, nil, nil
	}
	for _, bl := range p.blobs {
		switch {
		case p.deleted:
			bl.fate, bl.reason = fateGone, ""
		case !terminal(p.status) && !b.landed[bl]:
			bl.fate, bl.reason = fatePending, ""
		}
		if !b.rated && levelRank(bl.level) > levelRank(p.level) {
			p.level = bl.level
		}
	}
	return p
}

func (b *builder) settleStep(s *step) {
	p := b.plan
	if s.status == "" {
		s.status = p.status
	}
	s.started = p.started
	if terminal(s.status) {
		s.completed = p.completed
	}
	if b.unborn {
		s.output, s.started = nil, time.Time{}
	}
}

// running makes the workflow one that has not ended, until FinishProcessing.
func (b *builder) running(status string) bool {
	p := b.plan
	if at, ended := b.account.state.ended(p.index); ended {
		p.completed = at
		return false
	}
	p.status, p.completed = status, time.Time{}
	if status != "processing" {
		p.started = time.Time{}
	}
	return true
}

// add appends a step named like the API names unnamed ones.
func (b *builder) add(typ string, input object) *step {
	s := b.newStep(typ, input)
	s.name = "$" + strconv.Itoa(len(b.plan.steps))
	b.plan.steps = append(b.plan.steps, s)
	return s
}

// nest makes a step that stands inside a parent's output.
func (b *builder) nest(parent *step, name, typ string, input object) *step {
	s := b.newStep(typ, input)
	s.name, s.parent = name, parent
	return s
}

func (b *builder) newStep(typ string, input object) *step {
	s := &step{typ: typ, input: input, metadata: object{}}
	b.plan.all = append(b.plan.all, s)
	s.job = b.account.ids.uuid(idJob, b.plan.index, len(b.plan.all))
	return s
}

// option changes a blob while it is made.
type option func(*blob)

func as(f fate) option          { return func(b *blob) { b.fate, b.reason = f, "" } }
func rated(level string) option { return func(b *blob) { b.level = level } }
func sized(w, h int) option     { return func(b *blob) { b.width, b.height = w, h } }
func blocked(why string) option { return func(b *blob) { b.fate, b.reason = fateBlocked, why } }
func withoutURL() option {
	return func(b *blob) { b.fate, b.reason, b.noURL = fateUnavailable, "", true }
}
func lasting(sec float64) option { return func(b *blob) { b.duration = sec } }

// named gives a blob's id another ending; "" takes the extension away. The
// server believes the name when it picks a Content-Type.
func (b *builder) named(ext string) option {
	return func(bl *blob) {
		bl.id = b.account.ids.token(idBlob, bl.workflow, len(b.plan.blobs))
		bl.served = "application/octet-stream"
		if ext != "" {
			bl.id, bl.served = bl.id+"."+ext, b.account.formats[ext].media
		}
	}
}

// byName makes a blob that the output only names.
func byName() option { return func(b *blob) { b.named = true } }

// blob makes the next result of a step. typ is the JSON "type".
func (b *builder) blob(s *step, typ, content string, options ...option) *blob {
	p, f := b.plan, b.account.formats[content]
	bl := &blob{workflow: p.index, step: s, typ: typ, content: content, served: f.media,
		key: b.next(), terse: b.chance(30), level: b.level()}
	if b.chance(45) {
		bl.id = s.job + "-" + strconv.Itoa(len(p.blobs)) + "." + shortExt(f.ext)
	} else {
		bl.id = b.account.ids.token(idBlob, p.index, len(p.blobs)) + "." + f.ext
		bl.job = s.job
	}
	if s.jobless {
		bl.job = ""
	}
	for _, change := range options {
		change(bl)
	}
	p.blobs = append(p.blobs, bl)
	return bl
}

func shortExt(ext string) string {
	if ext == "jpeg" {
		return "jpg"
	}
	return ext
}

// level draws a rating; the site's own API writes some in capitals.
func (b *builder) level() string {
	levels := []string{"pg", "pg", "pg", "pg", "pg", "pg", "pg", "pg13", "pg13", "pg13", "PG", "PG13", "r", "r", "R", "x", "xxx", "X", "na", ""}
	return pick(b.rng, levels)
}

// picture makes an image blob of drawn format, size and, rarely, a fate other
// than deliverable. Options have the last word.
func (b *builder) picture(s *step, options ...option) *blob {
	content := pick(b.rng, []string{"jpeg", "jpeg", "jpeg", "jpeg", "jpeg", "png", "png", "webp"})
	size := b.size()
	luck := b.intn(200)
	all := []option{sized(size[0], size[1]), func(bl *blob) { mischance(bl, luck) }}
	bl := b.blob(s, "image", content, append(all, options...)...)
	if content == "webp" {
		bl.width, bl.height = webpSize(bl.key)
	}
	if preview := b.chance(40); preview && bl.fate != fateBlocked && content != "webp" {
		bl.preview = b.account.ids.token(idPreview, bl.workflow, len(b.plan.blobs)) + ".jpeg"
	}
	return bl
}

// mischance gives one blob in a few dozen a fate of its own.
func mischance(b *blob, luck int) {
	switch {
	case luck < 4:
		blocked("Content flagged by moderation")(b)
	case luck < 6:
		b.fate = fatePlaceholder
	case luck < 9:
		b.fate = fateUnavailable
	case luck < 10:
		b.fate = fateGone
	case b.mature() && luck%5 == 0:
		b.fate = fateByID
	}
}

func (b *builder) size() [2]int {
	if b.chance(3) {
		return pick(b.rng, [][2]int{{832, 1216}, {1024, 1024}, {1216, 832}})
	}
	return pick(b.rng, [][2]int{{448, 448}, {384, 512}, {512, 384}, {320, 480}, {480, 320}, {512, 288}, {288, 512}, {384, 384}, {256, 256}})
}

// pictures makes n of them.
func (b *builder) pictures(s *step, n int, options ...option) []*blob {
	all := make([]*blob, n)
	for i := range all {
		all[i] = b.picture(s, options...)
	}
	return all
}

// mark files something about a blob in the step's metadata, under "output"
// or, in older workflows, "images".
func (b *builder) mark(s *step, under string, bl *blob, what object) {
	meta, _ := s.metadata.(object)
	marks, _ := meta.get(under).(object)
	all, _ := marks.get(bl.id).(object)
	for _, m := range what {
		all = all.set(m.key, m.value)
	}
	s.metadata = meta.set(under, marks.set(bl.id, all))
}

// hide is what deleting a result on the site does.
func (b *builder) hide(s *step, under string, bl *blob) {
	bl.fate, bl.reason = fateHidden, ""
	b.mark(s, under, bl, obj("hidden", true))
}
