package sandbox

// input is a source that a step worked on and that is a blob of the server's own: an
// upload, which no workflow lists, or a result of another workflow.
type input struct {
	step *step
	blob *blob
}

// pictureAIR names a picture that is none of the server's blobs.
const pictureAIR = "urn:air:sdxl:image:civitai:1@77210455"

// feed gives a step a picture to work on under a name of its input. What stands there
// stays for some: it is not the server's own.
func (b *builder) feed(s *step, name string) {
	switch b.aside.intn(7) {
	case 0:
	case 1:
		s.give(name, pictureAIR)
	case 2: // of a blob's shape, but somebody else's
		s.give(name, "https://blobs.example/v2/consumer/blobs/"+hexWord(b.aside.next())+".jpeg?sig=foreign")
	case 3:
		s.give(name, b.earlier(s))
	default:
		s.give(name, b.upload(s, "jpeg"))
	}
}

// upload is the link of a source that the user uploaded for a step. Nobody rated it.
func (b *builder) upload(s *step, content string) blobLink {
	p, f := b.plan, b.account.formats[content]
	bl := &blob{
		id:       b.account.ids.token(idInput, p.index, len(p.inputs)) + "." + f.ext,
		workflow: p.index, step: s, typ: f.kind, content: content, served: f.media,
		width: 256, height: 256, key: b.aside.next(),
	}
	p.inputs = append(p.inputs, input{s, bl})
	return blobLink{bl}
}

// earlier is the link of a result of the oldest workflow, or where that has none that
// can be had, of an upload.
func (b *builder) earlier(s *step) blobLink {
	p := b.plan
	if p.index == 0 {
		return b.upload(s, "jpeg")
	}
	for _, bl := range b.account.draft(0).plan.blobs {
		if bl.fate == fateDeliverable && bl.typ == "image" {
			p.inputs = append(p.inputs, input{s, bl})
			return blobLink{bl}
		}
	}
	return b.upload(s, "jpeg")
}

// sources are the inputs, each once, that are not results of the workflow itself.
func (p *plan) sources() []input {
	seen := map[string]bool{}
	for _, b := range p.blobs {
		seen[b.id] = true
	}
	var all []input
	for _, in := range p.inputs {
		if !seen[in.blob.id] {
			seen[in.blob.id] = true
			all = append(all, in)
		}
	}
	return all
}
