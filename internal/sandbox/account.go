package sandbox

import "strings"

// account computes workflows from their numbers; see the package comment.
type account struct {
	opt      Options
	ids      idKey
	sealer   sealer
	timeline timeline
	state    *evolution
	recipes  catalogue
	formats  map[string]format
}

func newAccount(o Options, keys sealer) *account {
	return &account{
		opt: o, ids: newIDKey(o.Seed), sealer: keys, timeline: newTimeline(o),
		state: newEvolution(o.Workflows), recipes: newCatalogue(o.Catalogue), formats: formats(),
	}
}

// plan works out workflow i, which must be within the account.
func (a *account) plan(i int) *plan {
	if a.opt.Tiny {
		b := newBuilder(a, i)
		b.tiny(a.opt.TinyBlobs)
		b.changed()
		return b.plan
	}
	if a.opt.Large > 0 {
		b := newBuilder(a, i)
		b.large(a.opt.Large)
		b.changed()
		return b.plan
	}
	return a.draft(i).finish()
}

// draft is workflow i as it was made, whatever became of it.
func (a *account) draft(i int) *builder {
	b := newBuilder(a, i)
	recipe := a.recipes.choose(i, a.opt.Workflows, a.timeline.hash(i, 6))
	b.plan.recipe = recipe.name
	recipe.build(b)
	return b
}

// workflow finds one by id; false where there is none.
func (a *account) workflow(id string) (*plan, bool) {
	i, ok := a.timeline.find(id, a.state.len())
	if !ok {
		return nil, false
	}
	return a.plan(i), true
}

// blob finds one by id, whole and with its extension: a result, an upload, or a
// preview, which is a small blob of its own.
func (a *account) blob(id string) (*plan, *blob) {
	class, i, _, ok := a.ids.parse(id)
	if !ok || i >= a.state.len() {
		return nil, nil
	}
	p := a.plan(i)
	for _, b := range p.blobs {
		if b.id == id {
			return p, b
		}
		if class == idPreview && b.preview == id {
			return p, b.thumbnail()
		}
	}
	for _, in := range p.inputs {
		if in.blob.id == id {
			return p, in.blob
		}
	}
	return nil, nil
}

// job finds the step whose job has this id.
func (a *account) job(id string) (*plan, *step) {
	class, i, n, ok := a.ids.parse(id)
	if !ok || class != idJob || i >= a.state.len() || len(id) != 36 {
		return nil, nil
	}
	p := a.plan(i)
	if n < 1 || n > len(p.all) || !strings.EqualFold(p.all[n-1].job, id) || p.all[n-1].jobless {
		return nil, nil
	}
	return p, p.all[n-1]
}

// previewed tells whether a listing links the blob's preview.
func (b *blob) previewed() bool { return b.preview != "" && b.available() && !b.named }

func (b *blob) thumbnail() *blob {
	small := *b
	small.id, small.preview, small.content, small.served = b.preview, "", "jpeg", "image/jpeg"
	small.width, small.height = max(b.width/4, 16), max(b.height/4, 16)
	return &small
}
