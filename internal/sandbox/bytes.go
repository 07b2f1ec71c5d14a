package sandbox

import (
	linked "container/list"
	"fmt"
	"sync"
)

// bytes makes a blob's bytes from its content and key.
func (b *blob) bytes() []byte {
	switch b.content {
	case "tiny":
		return tinyPNG(b.key)
	case "jpeg":
		return encodeJPEG(paint(b.key, b.width, b.height), 84)
	case "png":
		return encodePNG(paint(b.key, b.width, b.height), b.key)
	case "cutout":
		return encodeAlphaPNG(cutOut(paint(b.key, b.width, b.height)))
	case "webp":
		return webp(b.key)
	case "webpanim":
		return webpAnim(b.key)
	case "svg":
		return svg(b.key)
	case "mp4":
		return mp4(b.key)
	case "ogg":
		return ogg(b.key)
	case "wav":
		return wav(b.key)
	case "glb":
		return glb(b.key)
	case "fbx":
		return fbx(b.key)
	case "ply":
		return ply(b.key)
	case "safetensors":
		return safetensors(b.key)
	case "zip":
		return nodepackZip(b.key)
	case "json":
		return fmt.Appendf(nil, `{"made_by":%q,"nodes":{"ImpactDetailer":{"input":{"required":{}}}}}`+"\n", mark(b.key))
	default:
		out := make([]byte, 4096+int(b.key%28672))
		r := newRNG(b.key, 9)
		r.fill(out)
		return out
	}
}

// bytesCache keeps the bytes made last, so that ranged and repeated requests
// do not paint the same picture again. It is bounded, and only spares work.
type bytesCache struct {
	mu    sync.Mutex
	limit int
	size  int
	order *linked.List
	byID  map[string]*linked.Element
}

type cached struct {
	id    string
	bytes []byte
}

const (
	cacheLimit = 24 << 20
	cacheLeast = 2 << 10 // anything smaller is as quick to make as to find
)

func newBytesCache() *bytesCache {
	return &bytesCache{limit: cacheLimit, order: linked.New(), byID: map[string]*linked.Element{}}
}

// of answers a blob's bytes, which the caller must not change.
func (c *bytesCache) of(b *blob) []byte {
	id := b.version()
	c.mu.Lock()
	if e, ok := c.byID[id]; ok {
		c.order.MoveToFront(e)
		c.mu.Unlock()
		hit, _ := e.Value.(*cached)
		return hit.bytes
	}
	c.mu.Unlock()
	data := b.bytes()
	if len(data) >= cacheLeast && len(data) <= c.limit {
		c.keep(id, data)
	}
	return data
}

func (c *bytesCache) keep(id string, data []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.byID[id]; ok {
		return
	}
	c.byID[id] = c.order.PushFront(&cached{id, data})
	c.size += len(data)
	for c.size > c.limit {
		last := c.order.Back()
		old, _ := last.Value.(*cached)
		c.order.Remove(last)
		delete(c.byID, old.id)
		c.size -= len(old.bytes)
	}
}
