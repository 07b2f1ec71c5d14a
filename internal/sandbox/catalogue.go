package sandbox

// recipe makes one kind of workflow. weight is how often it is drawn once the
// catalogue has been walked through; zero means never again.
type recipe struct {
	name   string
	weight int
	build  func(*builder)
}

// catalogue is every kind of workflow an account can hold.
type catalogue struct {
	ended   []recipe // the oldest numbers, in this order
	open    []recipe // still running; near the top
	weights int
	minors  bool // some blobs are blocked for showing minors
}

// newCatalogue is the one of a name, without any recipe if the name is unknown.
func newCatalogue(name string) catalogue {
	var c catalogue
	switch name {
	case "":
		c.open = openRecipes()
		for _, group := range [][]recipe{imageRecipes(), mediaRecipes(), modelRecipes(), textRecipes(), fateRecipes(), oddRecipes()} {
			c.ended = append(c.ended, group...)
		}
	case CatalogueLevels:
		c.ended, c.minors = append(levelRecipes(), minorRecipes()...), true
	}
	for _, r := range c.ended {
		c.weights += r.weight
	}
	return c
}

// openEvery spreads the running workflows over the newest numbers.
const openEvery = 3

// choose is the recipe of workflow i in an account that began with first
// workflows; luck decides where neither the catalogue nor the top does.
func (c catalogue) choose(i, first int, luck uint64) recipe {
	if fromTop := first - 2 - i; first >= len(c.open)*openEvery*2 && fromTop >= 0 &&
		fromTop%openEvery == 0 && fromTop/openEvery < len(c.open) {
		return c.open[fromTop/openEvery]
	}
	if i < len(c.ended) && i < first {
		return c.ended[i]
	}
	if i >= first && luck%12 == 0 && len(c.open) > 0 {
		return c.open[luck/12%uint64(len(c.open))]
	}
	at := int(luck >> 8 % uint64(c.weights))
	for _, r := range c.ended {
		if at -= r.weight; at < 0 {
			return r
		}
	}
	return c.ended[0]
}
