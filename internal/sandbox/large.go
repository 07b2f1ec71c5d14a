package sandbox

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// large fills a plan in the mode of large blobs: one succeeded training whose model has size
// bytes, and little else to write.
func (b *builder) large(size int64) {
	p := b.plan
	p.recipe, p.bare, p.level = "large", true, "pg"
	p.tags = []string{"civitai", "training"}
	p.metadata = obj("params", obj("prompt", "large model"))
	p.search = "large model"
	s := b.add("training", obj("engine", "ai-toolkit"))
	s.status, s.started, s.completed, s.jobless = p.status, p.started, p.completed, true
	model := &blob{
		id:       b.account.ids.token(idBlob, p.index, 0) + ".safetensors",
		workflow: p.index, step: s, typ: "model", content: "large", served: "application/octet-stream",
		level: "pg", key: tagged(b.next()), terse: true, size: max(size, largeHead),
	}
	p.blobs = []*blob{model}
	s.output = obj("epochs", list{obj("epochNumber", 1, "model", model)})
}

// tagged makes a key one of a blob with an ETag.
func tagged(key uint64) uint64 {
	for (&blob{key: key}).etag() == "" {
		key++
	}
	return key
}

// largeHead is the size in bytes of the header of a large model.
const largeHead = 512

// largeModel reads a model's bytes, which are made as they are read: the file holds no
// more memory than its header.
type largeModel struct {
	key      uint64
	size, at int64
	head     []byte
}

func newLargeModel(b *blob) *largeModel {
	n := b.size - largeHead
	head := fmt.Sprintf(`{"__metadata__":{"ss_output_name":%q},"weight":{"dtype":"U8","shape":[%d],"data_offsets":[0,%d]}}`, mark(b.key), n, n)
	out := append(binary.LittleEndian.AppendUint64(nil, largeHead-8), head...)
	for len(out) < largeHead {
		out = append(out, ' ')
	}
	return &largeModel{key: b.key, size: b.size, head: out}
}

func (m *largeModel) Read(p []byte) (int, error) {
	if m.at >= m.size {
		return 0, io.EOF
	}
	p = p[:min(int64(len(p)), m.size-m.at)]
	n := 0
	if m.at < largeHead {
		n = copy(p, m.head[m.at:])
	}
	for n < len(p) { // word for word, from wherever the reading begins
		at := m.at + int64(n)
		word := mix(m.key + uint64(at/8))
		if at%8 == 0 && len(p)-n >= 8 {
			putUint64(p[n:], word)
			n += 8
			continue
		}
		p[n] = byte(word >> (8 * (at % 8)))
		n++
	}
	m.at += int64(n)
	return n, nil
}

// Seek is that of [io.Seeker].
func (m *largeModel) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += m.at
	case io.SeekEnd:
		offset += m.size
	}
	if offset < 0 {
		return 0, errors.New("seek before the first byte")
	}
	m.at = offset
	return offset, nil
}
