package sandbox

// Step types whose results are films and sound, after the table on the API
// page.
func mediaRecipes() []recipe {
	return []recipe{
		{"videoGen", 60, buildVideoGen},
		{"videoGen with additional videos", 10, buildVideoSet},
		{"videoUpscaler", 10, video("videoUpscaler")},
		{"videoInterpolation", 8, video("videoInterpolation")},
		{"videoEnhancement", 8, video("videoEnhancement")},
		{"videoBackgroundRemoval", 6, buildVideoCutout},
		{"videoFrameExtraction", 6, buildFrames},
		{"aceStepAudio", 8, buildSong},
		{"textToSpeech", 8, buildSpeech},
		{"composeMedia audio", 4, buildComposedAudio},
		{"composeMedia video", 4, buildComposedVideo},
		{"transcode", 8, buildTranscode},
		{"output.videos", 6, buildOldVideos},
	}
}

// clip gives a video the size of the film it will hold.
func (b *builder) clip() option {
	return func(bl *blob) { bl.width, bl.height = clipSize(bl.key) }
}

func (b *builder) film(s *step, options ...option) *blob {
	return b.blob(s, "video", "mp4", append([]option{b.clip()}, options...)...)
}

func buildVideoGen(b *builder) {
	prompt, _ := b.describe("txt2vid", "vid")
	s := b.add("videoGen", obj("engine", "wan", "prompt", prompt, "duration", 2))
	b.feed(s, "sourceImage")
	s.output = obj("video", b.film(s), "additionalVideos", nil, "draftCache", nil, "progress", nil,
		"externalTOSViolation", false, "message", nil)
}

func buildVideoSet(b *builder) {
	prompt, _ := b.describe("txt2vid", "vid")
	s := b.add("videoGen", obj("engine", "ltx2", "prompt", prompt, "quantity", 3))
	s.give("images", list{b.upload(s, "jpeg"), pictureAIR, b.upload(s, "png")})
	s.output = obj("video", b.film(s), "additionalVideos", []*blob{b.film(s), b.film(s)},
		"draftCache", b.blob(s, "blob", "latent", rated("")))
}

func video(typ string) func(*builder) {
	return func(b *builder) {
		b.describe(typ, "vid")
		s := b.add(typ, obj("videoUrl", "https://videos.example/"+hexWord(b.next())+".mp4"))
		if b.aside.chance(80) {
			s.give("videoUrl", b.upload(s, "mp4"))
		}
		s.output = obj("video", b.film(s))
	}
}

// buildVideoCutout answers a lossless animated WebP, as the vendor says.
func buildVideoCutout(b *builder) {
	b.describe("videoBackgroundRemoval", "vid")
	s := b.add("videoBackgroundRemoval", obj("videoUrl", "https://videos.example/source.mp4", "prompt", "the dancer"))
	w, h := webpAnimSize()
	s.output = obj("video", b.blob(s, "video", "webpanim", sized(w, h)))
}

func buildFrames(b *builder) {
	b.describe("videoFrameExtraction", "img")
	s := b.add("videoFrameExtraction", obj("videoUrl", "https://videos.example/source.mp4", "frameRate", 1))
	frames := b.pictures(s, 6, sized(320, 180))
	s.output = obj("frames", frames, "totalFramesExtracted", len(frames))
}

// buildSong makes sound, or a film with sound: the step type does not say.
func buildSong(b *builder) {
	b.describe("txt2music", "audio")
	s := b.add("aceStepAudio", obj("tags", "ambient, piano", "lyrics", "[verse]\nla la", "duration", 3))
	if b.chance(30) {
		s.output = obj("blob", b.film(s))
		return
	}
	s.output = obj("blob", b.blob(s, "audio", "ogg", lasting(3)))
}

func buildSpeech(b *builder) {
	b.describe("tts", "audio")
	s := b.add("textToSpeech", obj("engine", "qwen3", "text", "It's twenty to nine, and the fog is lifting.", "language", "English"))
	s.output = obj("audioBlob", b.blob(s, "audio", "wav", lasting(2)), "modelType", "CustomVoice", "speaker", "Vivian")
}

func buildComposedAudio(b *builder) {
	b.describe("compose", "audio")
	s := b.add("composeMedia", obj("elements", list{obj("mediaUrl", "https://audio.example/a.ogg")}, "normalize", true))
	s.output = obj("type", enum("audio"), "audioBlob", b.blob(s, "audio", "ogg", lasting(3)), "elements", list{obj("startSeconds", 0, "duration", 3)})
}

func buildComposedVideo(b *builder) {
	b.describe("compose", "vid")
	s := b.add("composeMedia", obj("elements", list{obj("mediaUrl", "https://videos.example/a.mp4")}, "normalize", false))
	s.output = obj("type", enum("video"), "videoBlob", b.film(s), "elements", list{obj("startSeconds", 0, "duration", 2)})
}

// buildTranscode has the blob in place of an output: no type, no rating.
func buildTranscode(b *builder) {
	b.describe("transcode", "vid")
	s := b.add("transcode", obj("sourceUrl", "https://videos.example/source.webm", "containerFormat", enum("mp4"), "width", 320))
	s.output = b.film(s, rated(""), func(bl *blob) { bl.typ, bl.terse, bl.job = "", true, s.job })
}

// buildOldVideos is a form only older tools saw.
func buildOldVideos(b *builder) {
	prompt, _ := b.describe("img2vid", "vid")
	s := b.add("videoGen", obj("engine", "haiper", "prompt", prompt))
	s.output = obj("videos", []*blob{b.film(s), b.film(s)})
}
