package sandbox

import (
	"bytes"
	"image"
	"image/color"
	"image/jpeg"
	"math"
)

// tone is a linear colour, each part 0 to 255.
type tone struct{ r, g, b float32 }

func rgb(c uint32) tone {
	return tone{float32(c >> 16), float32(c >> 8 & 255), float32(c & 255)}
}

func (t tone) to(u tone, f float32) tone {
	return tone{t.r + (u.r-t.r)*f, t.g + (u.g-t.g)*f, t.b + (u.b-t.b)*f}
}

// palette is what a picture is painted with, from the top of the sky down.
type palette struct{ high, low, light, far, near tone }

func palettes() []palette {
	return []palette{
		{rgb(0x2b3a67), rgb(0xf2a07b), rgb(0xffe3b0), rgb(0x8a6f91), rgb(0x1f1f3a)},
		{rgb(0x0b2545), rgb(0x8da9c4), rgb(0xeef4ed), rgb(0x6789a8), rgb(0x0b1d33)},
		{rgb(0xf6d7b0), rgb(0xf9ece0), rgb(0xffffff), rgb(0xd9a58b), rgb(0x7a3e3a)},
		{rgb(0x3d5a6c), rgb(0xcfe0d4), rgb(0xfff6d5), rgb(0x8fb5a3), rgb(0x1d3b35)},
		{rgb(0x231942), rgb(0x9f86c0), rgb(0xffd6e8), rgb(0x6d5a9c), rgb(0x140f2d)},
		{rgb(0xe07a5f), rgb(0xf4d58d), rgb(0xfff3c4), rgb(0xbf5f4f), rgb(0x3d2330)},
		{rgb(0x86bbd8), rgb(0xf3f7f0), rgb(0xffffff), rgb(0xa3c4bc), rgb(0x2f5d62)},
		{rgb(0x10151f), rgb(0x34546b), rgb(0xc9e4de), rgb(0x24404f), rgb(0x070b12)},
	}
}

// canvas is a picture being painted.
type canvas struct {
	*image.RGBA
	rng
	palette
	w, h  int
	grain uint64
}

func (c *canvas) set(at int, t tone, noise float32) {
	c.Pix[at] = clip8(t.r + noise)
	c.Pix[at+1] = clip8(t.g + noise)
	c.Pix[at+2] = clip8(t.b + noise)
	c.Pix[at+3] = 255
}

func (c *canvas) at(at int) tone {
	return tone{float32(c.Pix[at]), float32(c.Pix[at+1]), float32(c.Pix[at+2])}
}

func clip8(v float32) byte { return byte(max(0, min(255, v))) }

// speck is a little film grain, which also keeps smooth skies from banding.
func (c *canvas) speck() float32 {
	c.grain ^= c.grain << 13
	c.grain ^= c.grain >> 7
	c.grain ^= c.grain << 17
	return float32(c.grain&0xff)/64 - 2
}

// paint makes the picture of a key: one of a few motifs in one of a few
// palettes, composed differently every time.
func paint(key uint64, w, h int) *image.RGBA {
	c := &canvas{RGBA: image.NewRGBA(image.Rect(0, 0, w, h)), rng: newRNG(key, 11), w: w, h: h, grain: key | 1}
	c.palette = pick(&c.rng, palettes())
	switch c.intn(5) {
	case 0, 1:
		c.sky()
		c.ridges(c.between(4, 6), 0.45)
	case 2:
		c.sky()
		c.lights(c.between(9, 18))
	case 3:
		c.waves()
	default:
		c.high, c.low, c.light = rgb(0x070b1c), c.low.to(rgb(0x14304a), 0.8), rgb(0xdfe9f2)
		c.sky()
		c.aurora()
		c.ridges(2, 0.78)
	}
	return c.RGBA
}

// The painting loops touch only their own canvas. Instrumented for the race
// detector they would take most of the time of every test with pictures,
// hence the norace marks.

// sky is a gradient with one soft sun. A round glow is the product of a
// horizontal and a vertical bell, so it costs one multiplication a pixel.
//
//go:norace
func (c *canvas) sky() {
	size := float64(min(c.w, c.h))
	cx, cy := c.within(0.15, 0.85)*float64(c.w), c.within(0.15, 0.6)*float64(c.h)
	wide, disc := size*c.within(0.3, 0.5), size*c.within(0.04, 0.09)
	gx, gy := bell(c.w, cx, wide), bell(c.h, cy, wide)
	for y := range c.h {
		f := float32(y) / float32(c.h)
		base := c.high.to(c.low, f*f*(3-2*f))
		for x := range c.w {
			glow := gx[x] * gy[y] * 0.75
			if dx, dy := float64(x)-cx, float64(y)-cy; dx*dx+dy*dy < (disc+1)*(disc+1) {
				edge := float32(disc + 1 - math.Sqrt(dx*dx+dy*dy))
				glow += (1 - glow) * min(edge, 1)
			}
			c.set(c.PixOffset(x, y), base.to(c.light, glow), c.speck())
		}
	}
}

func bell(n int, centre, width float64) []float32 {
	out := make([]float32, n)
	for i := range out {
		d := (float64(i) - centre) / width
		out[i] = float32(math.Exp(-d * d))
	}
	return out
}

func encodeJPEG(m image.Image, quality int) []byte {
	var out bytes.Buffer
	_ = jpeg.Encode(&out, m, &jpeg.Options{Quality: quality})
	return out.Bytes()
}

// cutOut keeps a soft oval of a picture and makes the rest transparent.
//
//go:norace
func cutOut(m *image.RGBA) *image.NRGBA {
	w, h := m.Rect.Dx(), m.Rect.Dy()
	out := image.NewNRGBA(m.Rect)
	for y := range h {
		for x := range w {
			dx, dy := float64(2*x-w)/float64(w), float64(2*y-h)/float64(h)
			alpha := max(0, min(1, (0.85-math.Sqrt(dx*dx+dy*dy))*24))
			p := m.RGBAAt(x, y)
			out.SetNRGBA(x, y, color.NRGBA{p.R, p.G, p.B, uint8(255 * alpha)})
		}
	}
	return out
}

// placeholderJPEG is what a blocked URL serves instead of the result.
func placeholderJPEG() []byte {
	const side = 512
	m := image.NewRGBA(image.Rect(0, 0, side, side))
	for y := range side {
		for x := range side {
			shade := uint8(58 + 14*((x+y)/48%2))
			m.SetRGBA(x, y, color.RGBA{shade, shade, shade + 6, 255})
		}
	}
	return encodeJPEG(m, 80)
}
