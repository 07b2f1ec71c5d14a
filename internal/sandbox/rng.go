package sandbox

// rng is SplitMix64. Its sequence is part of what "same seed, same account"
// means, so it is written out here instead of taken from a library that may
// change how it draws.
type rng struct{ state uint64 }

// newRNG starts a sequence from any number of words.
func newRNG(words ...uint64) rng {
	return rng{mixWords(words...)}
}

func mixWords(words ...uint64) uint64 {
	h := uint64(0x9e3779b97f4a7c15)
	for _, w := range words {
		h = mix(h ^ w)
	}
	return h
}

func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

func (r *rng) next() uint64 {
	out := mix(r.state)
	r.state += 0x9e3779b97f4a7c15
	return out
}

// intn is uniform enough in [0, n); n below 1 gives 0.
func (r *rng) intn(n int) int {
	if n < 1 {
		return 0
	}
	return int(r.next() >> 1 % uint64(n))
}

// between is in [lo, hi], both included.
func (r *rng) between(lo, hi int) int { return lo + r.intn(hi-lo+1) }

// float is in [0, 1).
func (r *rng) float() float64 { return float64(r.next()>>11) / (1 << 53) }

// within is in [lo, hi).
func (r *rng) within(lo, hi float64) float64 { return lo + (hi-lo)*r.float() }

// chance is true in percent of 100 draws.
func (r *rng) chance(percent int) bool { return r.intn(100) < percent }

func pick[T any](r *rng, from []T) T { return from[r.intn(len(from))] }

// fill writes pseudo-random bytes over p.
func (r *rng) fill(p []byte) {
	for len(p) >= 8 {
		putUint64(p, r.next())
		p = p[8:]
	}
	if len(p) > 0 {
		var last [8]byte
		putUint64(last[:], r.next())
		copy(p, last[:])
	}
}

func putUint64(p []byte, v uint64) {
	_ = p[7]
	for i := range 8 {
		p[i] = byte(v >> (8 * i))
	}
}
