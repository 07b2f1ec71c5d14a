package pipeline

import (
	"civitar/fetch"
	"civitar/internal/caption"
	"civitar/layout"
	"civitar/manifest"
	"civitar/policy"
	"civitar/sink"
)

// job is one blob in the pipeline.
type job struct {
	work  *work
	blob  fetch.Blob
	role  string       // as in manifest.Blob
	index int          // its place among the workflow's, from 1
	facts policy.Facts // what is known of it besides the listing
	loc   fetch.Location
	alone bool // the server gives no parts of it
}

// jobs are the blobs of a workflow that a run is about: its results, and what else the
// policy asks for.
func (r *run) jobs(w *work) []*job {
	var all []*job
	index := 0
	add := func(b fetch.Blob, role string) {
		index++
		j := &job{work: w, blob: b, role: role, index: index}
		if !r.Mend || j.before().State == manifest.Failed {
			all = append(all, j)
		}
	}
	for _, b := range w.wf.Blobs {
		add(b, "")
	}
	if r.Policy.Previews {
		for _, b := range w.wf.Blobs {
			if preview, ok := fetch.PreviewOf(b); ok {
				add(preview, manifest.RolePreview)
			}
		}
	}
	if r.Policy.Inputs {
		for _, b := range w.wf.Inputs {
			add(b, manifest.RoleInput)
		}
	}
	return all
}

func (j *job) key() string { return string(j.work.wf.ID) + "\n" + string(j.blob.ID) }

// level is the one that counts.
func (j *job) level() fetch.Level { return policy.Rating(j.work.wf, j.blob, j.facts) }

// before is what the record says of the blob.
func (j *job) before() manifest.Blob {
	if j.work.known == nil {
		return manifest.Blob{}
	}
	return j.work.known.Blobs[string(j.blob.ID)]
}

// outcome begins what is told of a blob, and the journal's line about it.
func (r *run) outcome(j *job) outcome {
	w := j.work.wf
	kind, _ := policy.KindOf(j.blob, j.facts.Media)
	o := outcome{work: j.work, page: j.work.page, kind: kind, blob: manifest.Blob{
		Run: r.ID, Workflow: string(w.ID), Created: w.Created,
		Step: j.blob.Step, Type: j.blob.StepType, Blob: string(j.blob.ID), NSFW: string(j.level()), Role: j.role,
	}}
	if r.Filing.sealsSidecar(w) { // types stand among the tags too, and names are the user's words
		o.blob.Step, o.blob.Type = "", ""
	}
	return o
}

func (r *run) unfinished(j *job) outcome {
	o := r.outcome(j)
	o.unfinished = true
	return o
}

// seals tells whether the blob is to be encrypted, as far as its level is known.
func (r *run) seals(j *job) bool { return r.Filing.seals(policy.Sensitive(j.level())) }

// kept is the outcome of a blob that is in the sink, with what is to stand beside it.
func (r *run) kept(j *job, file sink.Writer, ext string) (outcome, error) {
	o := r.outcome(j)
	o.file, o.path = file, r.Filing.media(j, ext, r.seals(j))
	o.blob.State, o.blob.Asked, o.blob.Media = manifest.Kept, j.blob.Data == nil, j.facts.Media
	var err error
	o.beside, err = r.captioned(j, r.seals(j))
	return o, err
}

// captioned is the file that is to stand beside a blob's, nil for none.
func (r *run) captioned(j *job, sealed bool) (sink.Writer, error) {
	var text []byte
	switch r.Filing.Beside {
	case XMP:
		text = caption.XMP(j.caption())
	case Parameters:
		text = caption.Parameters(j.caption())
	default:
		return nil, nil
	}
	return r.put("beside\n"+j.key(), text, sealed)
}

// caption is what the file beside a blob's tells.
func (j *job) caption() caption.Caption {
	w := j.work.wf
	return caption.Caption{
		Workflow: string(w.ID), Step: j.blob.Step, StepType: j.blob.StepType, Blob: string(j.blob.ID), Level: string(j.level()),
		Created: w.Created, Completed: w.Completed, Tags: w.Tags, Favorite: j.blob.Favorite, Feedback: j.blob.Feedback,
		Generation: j.work.made().Of(j.blob.Step),
	}
}

// fields are what a layout's template can name. What went into the blob is read only for
// templates that ask for it.
func (j *job) fields(l *layout.Layout, stem string) layout.Fields {
	w := j.work.wf
	kind, _ := policy.KindOf(j.blob, j.facts.Media)
	f := layout.Fields{
		Workflow: string(w.ID), Step: j.blob.Step, StepType: j.blob.StepType, Blob: stem, Level: string(j.level()),
		Created: w.Created, Completed: w.Completed, Tags: w.Tags, Index: j.index, Kind: string(kind),
	}
	if l.Uses("seed", "ecosystem", "model", "prompt") {
		g := j.work.made().Of(j.blob.Step)
		f.Seed, f.Ecosystem, f.Model, f.Prompt = g.Seed, g.Ecosystem, g.Model(), g.Prompt
	}
	return f
}
