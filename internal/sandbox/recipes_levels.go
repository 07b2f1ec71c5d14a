package sandbox

// levelRecipes are one workflow for each way to write its level and each fate. It holds a
// blob of every level, with a preview, and works on an upload that nobody rated.
func levelRecipes() []recipe {
	var all []recipe
	for _, level := range writtenLevels() {
		for _, f := range levelFates() {
			name := "level " + level + ", " + f.name
			if level == "" {
				name = "no level, " + f.name
			}
			all = append(all, recipe{name, 1, func(b *builder) { b.levels(level, f.option) }})
		}
	}
	return all
}

// writtenLevels are those of the API page, "NSFW levels", as both APIs write them.
func writtenLevels() []string {
	return []string{"pg", "PG", "pg13", "PG13", "r", "R", "x", "X", "xxx", "XXX", "na", "NA", ""}
}

// levelFate is what becomes of all blobs of a workflow.
type levelFate struct {
	name   string
	option option
}

func levelFates() []levelFate {
	return []levelFate{
		{"deliverable", as(fateDeliverable)},
		{"blocked", blocked("Content flagged by moderation")},
		{"placeholder", as(fatePlaceholder)},
		{"by id only", as(fateByID)},
		{"hidden", as(fateHidden)},
		{"unavailable", as(fateUnavailable)},
	}
}

func (b *builder) levels(workflow string, fate option) {
	s := b.add("textToImage", b.image("sdcpp"))
	s.give("sourceImage", b.upload(s, "tiny"))
	var images []*blob
	for _, level := range writtenLevels() {
		bl := b.small(s, rated(level), fate)
		if bl.fate == fateHidden {
			b.hide(s, "output", bl)
		}
		images = append(images, bl)
	}
	s.output = obj("images", images)
	b.plan.level, b.rated = workflow, true
}

// small makes a picture of a few bytes that has a preview.
func (b *builder) small(s *step, options ...option) *blob {
	bl := b.blob(s, "image", "tiny", append([]option{sized(4, 4)}, options...)...)
	bl.preview = b.account.ids.token(idPreview, bl.workflow, len(b.plan.blobs)) + ".jpeg"
	return bl
}

// minorRecipes are workflows with blobs that are blocked for showing minors, beside one
// that is not: told by the listing, or only when the blob is asked for.
func minorRecipes() []recipe {
	return []recipe{
		{"minors, listed", 1, func(b *builder) { b.minors(fateBlocked) }},
		{"minors, told late", 1, func(b *builder) { b.minors(fateLate) }},
	}
}

func (b *builder) minors(f fate) {
	s := b.add("imageGen", b.image("sdcpp"))
	images := []*blob{b.small(s, rated("pg"))}
	for i, reason := range []string{"minor detected", "CSAM", "Underage subject", "ChildSafety", "young_person", "MinorDetected"} {
		variant := func(bl *blob) { bl.key += uint64(i) - bl.key%6 } // see refuses, available
		level := pick(b.rng, writtenLevels())
		images = append(images, b.small(s, rated(level), blocked(reason), func(bl *blob) { bl.fate = f }, variant))
	}
	s.output = obj("images", images, "errors", nil)
}
