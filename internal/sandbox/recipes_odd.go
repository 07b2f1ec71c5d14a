package sandbox

// Forms that older or future tools meet, and workflows still running. The API
// page warns of each: "any field may be null or missing".
func oddRecipes() []recipe {
	return []recipe{
		{"output.blobId", 3, buildBlobID},
		{"output.blobIds", 3, buildBlobIDs},
		{"future step type", 6, buildFuture},
		{"lying extension", 10, func(b *builder) { b.misnamed("jpeg") }},
		{"no extension", 8, func(b *builder) { b.misnamed("") }},
		{"null fields", 8, buildNulls},
		{"missing fields", 8, buildBare},
		{"no steps", 3, func(b *builder) { b.describe("txt2img", "img") }},
	}
}

func openRecipes() []recipe {
	return []recipe{
		{"processing", 0, buildProcessing},
		{"scheduled", 0, func(b *builder) { b.waiting("scheduled") }},
		{"half landed", 0, buildHalfLanded},
		{"preparing", 0, func(b *builder) { b.waiting("preparing") }},
		{"unassigned", 0, func(b *builder) { b.waiting("unassigned") }},
		{"status of the future", 0, func(b *builder) { b.waiting("finalizing") }},
	}
}

func buildBlobID(b *builder) {
	s := b.add("imageUpscaler", b.image("older"))
	bl := b.picture(s, as(fateDeliverable), byName(), func(bl *blob) { bl.reason = "" })
	s.output = obj("blobId", blobName{bl})
}

func buildBlobIDs(b *builder) {
	s := b.add("comfy", b.image("older"))
	var names list
	for _, bl := range b.clean(s, 3, byName()) {
		names = append(names, blobName{bl})
	}
	s.output = obj("blobIds", names)
}

// buildFuture is a step type nobody has heard of.
func buildFuture(b *builder) {
	b.describe("sceneWeave", "scene")
	s := b.add("sceneWeave", obj("engine", "loom", "beats", list{obj("text", b.prompt(), "weight", 0.5)}))
	var layers list
	for i, bl := range b.clean(s, 2) {
		layers = append(layers, obj("depth", float64(i)+0.5, "asset", bl, "mask", nil))
	}
	s.output = obj(
		"scene", obj("layers", layers, "soundtrack", obj("takes", list{list{b.blob(s, "audio", "ogg", lasting(3), rated("pg"))}})),
		"hologram", obj("preview", b.blob(s, "hologram", "glb", rated("pg")), "quality", enum("draft")),
		"notes", []string{"woven in 3 passes"})
	b.plan.extra = obj("weaveVersion", 7)
}

// misnamed has PNG bytes under another name, or under none.
func (b *builder) misnamed(ext string) {
	s := b.add("imageGen", b.image("sdcpp"))
	images := []*blob{
		b.blob(s, "image", "png", b.named(ext), sized(320, 480)),
		b.blob(s, "image", "jpeg", b.named(ext), sized(480, 320)),
	}
	s.output = obj("images", images, "errors", nil)
}

func buildNulls(b *builder) {
	s := b.add("imageGen", obj("engine", nil, "prompt", nil))
	s.jobless, s.metadata = true, nil
	s.output = obj("images", b.clean(s, 1, rated("")), "errors", nil)
	p := b.plan
	p.metadata, p.tags, p.transactions, p.cost = nil, nil, nil, nil
}

func buildBare(b *builder) {
	p := b.plan
	p.bare, p.metadata, p.tags, p.transactions = true, absent{}, absent{}, absent{}
	s := b.add("imageGen", obj("prompt", b.prompt()))
	s.metadata = absent{}
	s.output = obj("images", b.clean(s, 2))
}

func buildProcessing(b *builder) {
	s := b.add("imageGen", b.image("sdcpp"))
	s.output = obj("images", b.clean(s, 4), "errors", nil)
	b.running("processing")
}

// waiting has nothing to show yet.
func (b *builder) waiting(status string) {
	s := b.add("imageGen", b.image("flux1"))
	s.output = obj("images", b.clean(s, 2), "errors", nil)
	b.unborn = b.running(status)
}

// buildHalfLanded has one step done, with results that can be fetched, and
// the next at work.
func buildHalfLanded(b *builder) {
	s := b.add("imageGen", b.image("sdcpp"))
	images := b.clean(s, 2)
	s.output = obj("images", images, "errors", nil)
	film := b.add("videoGen", obj("engine", "wan", "prompt", "slow pan"))
	film.output = obj("video", b.film(film))
	film.give("sourceImage", blobLink{images[0]})
	if b.running("processing") {
		s.status = "succeeded"
		b.landed = map[*blob]bool{images[0]: true, images[1]: true}
	}
}
