package sandbox

import "math"

// ridges paints hills one behind the other, the nearer the darker, each
// fading into mist towards its foot. The first begins at top of the height.
//
//go:norace
func (c *canvas) ridges(layers int, top float64) {
	lines := make([][]float32, layers)
	for l := range lines {
		f := float64(l) / float64(layers)
		level := (top + (1.02-top)*f) * float64(c.h)
		lines[l] = c.ridge(level, float64(c.h)*(0.11-0.05*f))
	}
	depth := float32(c.h) * 0.3
	for y := range c.h {
		for x := range c.w {
			for l := layers - 1; l >= 0; l-- {
				under := float32(y) - lines[l][x]
				if under < -1 {
					continue
				}
				hill := c.far.to(c.near, float32(l+1)/float32(layers))
				hill = hill.to(c.low, max(0, min(0.5, under/depth*0.6)))
				at := c.PixOffset(x, y)
				if under < 0 { // the row above the edge, half covered
					c.set(at, c.at(at).to(hill, under+1), 0)
					continue
				}
				c.set(at, hill, c.speck())
				break
			}
		}
	}
}

// ridge is a skyline: a few waves of falling height on top of each other.
//
//go:norace
func (c *canvas) ridge(level, height float64) []float32 {
	out := make([]float32, c.w)
	for i := range out {
		out[i] = float32(level)
	}
	for octave := 1.0; octave <= 32; octave *= 2 {
		phase, turns := c.within(0, 2*math.Pi), octave*c.within(0.7, 1.4)
		amp := height / math.Pow(octave, 0.85)
		for i := range out {
			out[i] -= float32(amp * math.Sin(phase+turns*2*math.Pi*float64(i)/float64(c.w)))
		}
	}
	return out
}

// lights are soft discs of different size, out of focus.
func (c *canvas) lights(n int) {
	for range n {
		radius := float32(c.within(0.03, 0.17)) * float32(min(c.w, c.h))
		cx, cy := float32(c.within(0, 1))*float32(c.w), float32(c.within(0, 1))*float32(c.h)
		colour := c.light.to(pick(&c.rng, []tone{c.far, c.low, c.light}), 0.5)
		c.disc(cx, cy, radius, colour, float32(c.within(0.18, 0.55)))
	}
}

//go:norace
func (c *canvas) disc(cx, cy, radius float32, colour tone, strength float32) {
	for y := max(0, int(cy-radius)); y < min(c.h, int(cy+radius)+1); y++ {
		for x := max(0, int(cx-radius)); x < min(c.w, int(cx+radius)+1); x++ {
			dx, dy := float32(x)-cx, float32(y)-cy
			d := (dx*dx + dy*dy) / (radius * radius)
			if d >= 1 {
				continue
			}
			edge := min(1, (1-d)*6) * (0.75 + 0.25*d)
			at := c.PixOffset(x, y)
			c.set(at, c.at(at).to(colour, strength*edge), 0)
		}
	}
}

// waves are bands of colour that follow one curve, like dunes or paper.
//
//go:norace
func (c *canvas) waves() {
	curve := c.ridge(0, float64(c.h)*0.09)
	bands := float32(c.between(6, 11))
	lean := float32(c.within(-0.35, 0.35))
	colours := []tone{c.high, c.low, c.light, c.far, c.near.to(c.far, 0.4)}
	for y := range c.h {
		f := float32(y) / float32(c.h)
		for x := range c.w {
			v := (float32(y) + curve[x]*(0.4+f) + lean*float32(x)) / float32(c.h) * bands
			v += 3 * bands
			band := int(v)
			part := v - float32(band)
			t := colours[band%len(colours)].to(c.near, 0.32*(1-part)*(1-part))
			next := colours[(band+1)%len(colours)].to(c.near, 0.32)
			if edge := (part - 1) * float32(c.h) / bands; edge > -1 {
				t = t.to(next, edge+1)
			}
			c.set(c.PixOffset(x, y), t, c.speck()*0.5)
		}
	}
}

// aurora hangs a few curtains of light over a sky with stars.
//
//go:norace
func (c *canvas) aurora() {
	// Drawn apart: their number depends on the size, and a small rendering
	// should show the same curtains.
	stars := newRNG(c.grain)
	for range c.w * c.h / 900 {
		at := c.PixOffset(stars.intn(c.w), stars.intn(c.h*3/4))
		c.set(at, c.at(at).to(rgb(0xffffff), float32(stars.within(0.2, 0.9))), 0)
	}
	for range c.between(2, 3) {
		foot := c.ridge(c.within(0.45, 0.7)*float64(c.h), float64(c.h)*0.12)
		pleat := c.ridge(0.6, 0.5)
		colour := pick(&c.rng, []tone{rgb(0x6ef3a5), rgb(0x7dd3fc), rgb(0xc4a1ff), rgb(0x5eead4)})
		length := float32(c.within(0.25, 0.45)) * float32(c.h)
		for y := range c.h {
			for x := range c.w {
				up := (foot[x] - float32(y)) / length
				if up < -0.06 || up > 1 {
					continue
				}
				glow := (1 - up) * (1 - up)
				if up < 0 {
					glow = 1 + up/0.06
				}
				at := c.PixOffset(x, y)
				c.set(at, c.at(at).to(colour, glow*0.55*max(0.1, min(1, pleat[x]))), 0)
			}
		}
	}
}
