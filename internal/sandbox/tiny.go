package sandbox

import (
	"encoding/binary"
	"hash/adler32"
)

// tiny fills a plan in scale mode: one succeeded imageGen, n pictures of 4x4
// pixels, and little else to write.
func (b *builder) tiny(n int) {
	p := b.plan
	p.recipe, p.bare, p.level = "tiny", true, "pg"
	p.tags = []string{"civitai", "gen", "txt2img", "img"}
	p.metadata = obj("params", obj("prompt", "tiny picture", "quantity", n))
	p.search = "tiny picture"
	s := b.add("imageGen", obj("engine", "sdcpp", "quantity", n))
	s.status, s.started, s.completed, s.jobless = p.status, p.started, p.completed, true
	p.blobs = make([]*blob, 0, n)
	made := make([]blob, n)
	for i := range made {
		made[i] = blob{
			id:       b.account.ids.token(idBlob, p.index, i) + ".png",
			workflow: p.index, step: s, typ: "image", content: "tiny", served: "image/png",
			width: 4, height: 4, level: "pg", key: b.next(), terse: true,
		}
		p.blobs = append(p.blobs, &made[i])
	}
	s.output = obj("images", p.blobs)
}

// tinyPNG writes the file by hand: 4 x 4 RGB pixels, stored uncompressed.
// The first rows are the key itself, so that no two pictures are alike.
func tinyPNG(key uint64) []byte {
	const side, row = 4, 1 + 4*3
	var pixels [side * row]byte
	r := newRNG(key)
	for y := range side {
		r.fill(pixels[y*row+1 : (y+1)*row])
	}
	binary.BigEndian.PutUint64(pixels[1:], key)

	idat := append(make([]byte, 0, 64), 0x78, 0x01, 1, byte(len(pixels)), 0, ^byte(len(pixels)), 0xff)
	idat = append(idat, pixels[:]...)
	idat = binary.BigEndian.AppendUint32(idat, adler32.Checksum(pixels[:]))

	out := append(make([]byte, 0, 128), "\x89PNG\r\n\x1a\n"...)
	out = pngChunk(out, "IHDR", []byte{0, 0, 0, side, 0, 0, 0, side, 8, 2, 0, 0, 0})
	out = pngChunk(out, "IDAT", idat)
	return pngChunk(out, "IEND", nil)
}
