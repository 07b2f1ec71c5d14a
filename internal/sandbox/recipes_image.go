package sandbox

// Step types whose results are pictures, after the table on the API page.
func imageRecipes() []recipe {
	return []recipe{
		{"imageGen", 900, buildImageGen},
		{"textToImage", 320, buildTextToImage},
		{"imageGen with two steps", 60, buildUpscaledImage},
		{"convertImage", 20, single("convertImage", "blob", "image", "webp")},
		{"imageUpscaler", 30, single("imageUpscaler", "blob", "image", "png")},
		{"preprocessImage", 15, single("preprocessImage", "blob", "image", "png")},
		{"imageUpload", 15, single("imageUpload", "blob", "image", "jpeg")},
		{"tryOnU", 8, single("tryOnU", "blob", "image", "jpeg")},
		{"humanoidImageMask", 8, single("humanoidImageMask", "blob", "image", "png")},
		{"imageBackgroundRemoval", 20, single("imageBackgroundRemoval", "image", "image", "cutout")},
		{"imageToSvg", 8, single("imageToSvg", "svg", "blob", "svg")},
		{"model3DPreview", 8, buildModelPreview},
		{"comfy", 40, buildComfy},
		{"customComfy", 20, buildCustomComfy},
		{"Comfy Cloud", 10, buildComfyCloud},
		{"repeat", 12, buildRepeat},
		{"blobArchive", 3, func(b *builder) { buildArchive(b, "zip", false) }},
		{"blobArchive tar", 1, func(b *builder) { buildArchive(b, "tar", false) }},
		{"blobArchive expired", 1, func(b *builder) { buildArchive(b, "zip", true) }},
	}
}

// buildImageGen varies where the prompt stands and what the user did with
// the results afterwards.
func buildImageGen(b *builder) {
	prompt, params := b.describe("txt2img", "img")
	n := pick(b.rng, []int{1, 1, 1, 2, 2, 4})
	s := b.add("imageGen", obj("engine", "sdcpp", "prompt", prompt, "quantity", n, "outputFormat", "jpeg"))
	switch b.intn(5) {
	case 0: // the prompt only in the step's metadata
		s.metadata, s.input = obj("params", params), obj("engine", "sdcpp", "quantity", n)
		b.plan.metadata = obj("resources", list{})
	case 1: // the prompt only in the input
		b.plan.metadata = obj("resources", list{})
	}
	if b.aside.chance(15) {
		s.give("images", list{b.upload(s, "jpeg"), b.earlier(s)})
	}
	images := b.pictures(s, n)
	if images[0].fate == fateDeliverable {
		switch b.intn(12) {
		case 0:
			b.hide(s, "output", images[0])
		case 1:
			b.mark(s, "output", images[0], obj("favorite", true, "feedback", "liked"))
		case 2:
			b.mark(s, "output", images[0], obj("hidden", false, "feedback", "disliked"))
		}
	}
	s.output = obj("images", images, "errors", list{})
}

func buildTextToImage(b *builder) {
	prompt, _ := b.describe("txt2img", "img")
	n := pick(b.rng, []int{1, 2, 4})
	s := b.add("textToImage", obj("quantity", n, "batchSize", n, "model", "urn:air:sdxl:checkpoint:civitai:101055@128078",
		"prompt", prompt, "negativePrompt", nil, "scheduler", enum("eulerA"), "steps", 25, "cfgScale", 7,
		"width", 512, "height", 512, "seed", b.between(1, 1<<31-1), "clipSkip", 2))
	if b.aside.chance(30) {
		b.feed(s, "sourceImage")
	}
	s.output = obj("images", b.pictures(s, n))
}

func buildUpscaledImage(b *builder) {
	s := b.add("imageGen", b.image("flux1"))
	s.output = obj("images", b.pictures(s, 1), "errors", nil)
	up := b.add("imageUpscaler", obj("image", obj("$ref", "$0", "path", "output.images[0].url"), "numberOfRepeats", 1))
	up.output = obj("blob", b.picture(up, sized(640, 640)))
}

// single is a step type whose output is one blob under one name.
func single(typ, slot, blobType, content string) func(*builder) {
	return func(b *builder) {
		b.describe(typ, "img")
		s := b.add(typ, obj("image", "https://images.example/source/"+hexWord(b.next())+".jpeg", "quantity", 1))
		b.feed(s, "image")
		size := b.size()
		bl := b.blob(s, blobType, content, sized(size[0], size[1]))
		if content == "webp" {
			bl.width, bl.height = webpSize(bl.key)
		}
		s.output = obj(slot, bl)
	}
}

func buildModelPreview(b *builder) {
	b.describe("preview3d", "img")
	s := b.add("model3DPreview", obj("modelUrl", "https://models.example/mesh.glb", "width", 448, "height", 448,
		"cameraPoses", list{obj("name", "front"), obj("name", "side"), obj("name", "top")}))
	s.output = obj("images", b.pictures(s, 3, sized(448, 448), as(fateDeliverable)))
}

func buildComfy(b *builder) {
	b.describe("txt2img-hires", "img")
	s := b.add("comfy", obj("comfyWorkflow", b.graph(), "quantity", 2))
	s.output = obj("blobs", list{b.picture(s), b.blob(s, "image", "jpeg", sized(512, 512))})
}

// graph is a ComfyUI node graph, with the prompt inside.
func (b *builder) graph() object {
	prompt := b.prompt()
	b.plan.search += "\n" + prompt
	return obj(
		"3", obj("class_type", "KSampler", "inputs", obj("seed", b.between(1, 1<<31-1), "steps", 20, "cfg", 7, "positive", list{"6", 0}, "latent_image", list{"5", 0})),
		"5", obj("class_type", "EmptyLatentImage", "inputs", obj("width", 512, "height", 512, "batch_size", 1)),
		"6", obj("class_type", "CLIPTextEncode", "inputs", obj("text", prompt, "clip", list{"4", 1})),
		"9", obj("class_type", "SaveImage", "inputs", obj("filename_prefix", "ComfyUI", "images", list{"8", 0})))
}

func buildCustomComfy(b *builder) {
	b.describe("customComfy", "img")
	s := b.add("customComfy", obj("resources", []string{"urn:air:sdxl:checkpoint:civitai:101055@128078"},
		"workflow", b.graph(), "trace", enum("logs"), "minVramGb", 24))
	t := &trace{step: s, number: len(b.plan.traces), key: b.next()}
	b.plan.traces = append(b.plan.traces, t)
	results := []*blob{b.picture(s, as(fateDeliverable)), b.blob(s, "video", "mp4", b.clip())}
	temps := []*blob{
		b.blob(s, "image", "png", sized(256, 256), as(fateTemp)),
		b.blob(s, "latent", "latent", as(fateTemp)),
	}
	s.output = obj("blobs", results, "traceUrl", pathLink(b.account.tracePath(b.plan, t)), "tempBlobs", temps,
		"usage", obj("buzzPerSecond", 0.4, "runtimeSeconds", 31.5, "estimatedCost", 13, "startedAt", when(b.plan.started), "computedAt", when(b.plan.completed)))
}

// buildComfyCloud has no metadata: the prompt is only in the node graph.
func buildComfyCloud(b *builder) {
	b.plan.metadata, b.plan.tags = object{}, []string{"comfy-cloud"}
	b.bill()
	s := b.add("customComfy", obj("resources", []string{}, "workflow", b.graph(), "trace", enum("none")))
	s.output = obj("blobs", b.pictures(s, 2), "traceUrl", nil, "tempBlobs", list{}, "usage", nil)
}

func buildRepeat(b *builder) {
	b.describe("batch", "img")
	s := b.add("repeat", obj("for", obj("$ref", "$0", "path", "output.prompts", "as", "prompt"),
		"template", obj("$type", "imageGen", "input", obj("engine", "flux2"))))
	var inner []*step
	for i := range 3 {
		n := b.nest(s, "$0-"+string(rune('0'+i)), "imageGen", obj("engine", "flux2", "prompt", b.prompt()))
		n.output = obj("images", b.pictures(n, 1+i%2), "errors", nil)
		inner = append(inner, n)
	}
	deep := b.nest(s, "$0-3", "repeat", obj("template", obj("$type", "convertImage")))
	leaf := b.nest(deep, "$0-3-0", "convertImage", obj("output", obj("format", "webp")))
	leaf.give("image", b.upload(leaf, "png"))
	leaf.output = obj("blob", b.picture(leaf, as(fateDeliverable)))
	deep.output = obj("steps", []*step{leaf})
	s.output = obj("steps", append(inner, deep))
}

// buildArchive bundles what the workflow's first step made.
func buildArchive(b *builder, format string, expired bool) {
	s := b.add("imageGen", b.image("sdcpp"))
	images := b.pictures(s, 3, as(fateDeliverable), rated("pg"), func(bl *blob) { bl.reason = "" })
	s.output = obj("images", images, "errors", nil)
	var entries list
	for _, bl := range images {
		entries = append(entries, obj("blobId", bl.id, "fileName", nil))
	}
	step := b.add("blobArchive", obj("entries", entries, "archiveName", nil, "format", enum(format)))
	step.jobless = true
	a := &archive{step: step, number: len(b.plan.archives), entries: images, format: format, expires: b.account.opt.Epoch.AddDate(0, 0, 190)}
	if expired {
		a.expires = b.plan.created.AddDate(0, 0, -1)
	}
	b.plan.archives = append(b.plan.archives, a)
	step.output = obj("url", pathLink(b.account.archivePath(b.plan, a)), "entryCount", len(images),
		"format", enum(format), "expiresAt", when(a.expires))
}
