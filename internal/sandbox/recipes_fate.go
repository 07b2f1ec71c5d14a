package sandbox

// Workflows in which something is missing, withheld or over, after "Where
// blobs hide" and "NSFW levels" on the API page.
func fateRecipes() []recipe {
	return []recipe{
		{"blocked", 4, func(b *builder) {
			b.gallery(3, blocked("Content flagged by moderation: \"unsafe\""), rated("xxx"))
		}},
		{"placeholder", 3, func(b *builder) { b.gallery(2, as(fatePlaceholder), rated("x")) }},
		{"adult, by id only", 6, func(b *builder) { b.gallery(3, as(fateByID), rated("X")) }},
		{"hidden in output", 4, func(b *builder) { b.hiding("output") }},
		{"hidden in images", 2, func(b *builder) { b.hiding("images") }},
		{"favorite and feedback", 6, buildFavorites},
		{"unavailable", 4, func(b *builder) { b.gallery(2, as(fateUnavailable)) }},
		{"unavailable without url", 3, func(b *builder) { b.gallery(2, withoutURL()) }},
		{"gone", 2, buildGone},
		{"failed", 18, buildFailed},
		{"failed with one result", 4, buildHalfFailed},
		{"expired", 8, func(b *builder) { b.unfinished("expired") }},
		{"canceled", 12, func(b *builder) { b.unfinished("canceled") }},
		{"deleted", 2, buildDeleted},
		{"mature, all levels", 6, buildLevels},
	}
}

// gallery is one deliverable picture followed by n-1 of the given kind.
func (b *builder) gallery(n int, options ...option) {
	s := b.add("imageGen", b.image("sdcpp"))
	images := []*blob{b.picture(s, as(fateDeliverable), func(bl *blob) { bl.reason = "" })}
	images = append(images, b.pictures(s, n-1, append([]option{func(bl *blob) { bl.reason = "" }}, options...)...)...)
	s.output = obj("images", images, "errors", list{})
}

func (b *builder) hiding(under string) {
	s := b.add("textToImage", b.image("sdcpp"))
	images := b.clean(s, 4)
	b.hide(s, under, images[1])
	b.hide(s, under, images[3])
	b.mark(s, under, images[2], obj("hidden", false))
	s.output = obj("images", images)
}

// clean makes pictures that are all deliverable.
func (b *builder) clean(s *step, n int, options ...option) []*blob {
	return b.pictures(s, n, append(options, as(fateDeliverable), func(bl *blob) { bl.reason = "" })...)
}

func buildFavorites(b *builder) {
	s := b.add("imageGen", b.image("sdcpp"))
	images := b.clean(s, 3)
	b.mark(s, "output", images[0], obj("favorite", true, "feedback", "liked"))
	b.mark(s, "output", images[1], obj("feedback", "disliked"))
	b.mark(s, "images", images[2], obj("favorite", true))
	s.output = obj("images", images, "errors", nil)
}

func buildGone(b *builder) {
	b.gallery(4, as(fateGone))
	b.plan.extra = obj("lostBlobsRefund", 12)
}

func buildFailed(b *builder) {
	b.plan.status = "failed"
	s := b.add("imageGen", b.image("sdcpp"))
	why := pick(b.rng, []string{"CUDA out of memory.\nTried to allocate 2.00 GiB", "The prompt was rejected by the provider: \"policy\"", "Worker timed out after 00:21:00"})
	s.output = obj("images", list{}, "errors", []string{why, "Retries exhausted"})
}

func buildHalfFailed(b *builder) {
	b.plan.status = "failed"
	s := b.add("imageGen", b.image("flux1"))
	s.status = "succeeded"
	s.output = obj("images", b.clean(s, 1), "errors", nil)
	up := b.add("videoGen", obj("engine", "wan", "prompt", "slow pan"))
	up.output = obj("video", b.film(up, as(fateUnavailable)), "errors", []string{"upstream: 503 no capacity"})
}

func (b *builder) unfinished(status string) {
	b.plan.status = status
	s := b.add("imageGen", b.image("sdcpp"))
	if b.chance(50) {
		s.output = obj("images", b.pictures(s, 1, as(fateUnavailable), func(bl *blob) { bl.reason = "" }))
	}
}

// buildDeleted is listed with a deletedAt; every read of it answers 404.
func buildDeleted(b *builder) {
	s := b.add("imageGen", b.image("sdcpp"))
	s.output = obj("images", b.clean(s, 2), "errors", nil)
	b.plan.deleted = true
	b.plan.extra = obj("deletedAt", when(b.plan.completed.AddDate(0, 0, 1)))
}

func buildLevels(b *builder) {
	s := b.add("imageGen", b.image("sdcpp"))
	var images []*blob
	for _, level := range []string{"pg", "PG13", "r", "X", "xxx", "na", ""} {
		images = append(images, b.clean(s, 1, rated(level))...)
	}
	s.output = obj("images", images, "errors", nil)
}
