package sandbox

import (
	"encoding/base64"
	"encoding/json"
)

// Step types whose output is itself the result, after the table on the API
// page.
func textRecipes() []recipe {
	return []recipe{
		{"chatCompletion", 12, buildChat},
		{"chatCompletion with images", 4, buildChatImages},
		{"transcription", 6, buildTranscription},
		{"mediaCaptioning", 8, buildCaption},
		{"promptEnhancement", 8, buildEnhancement},
		{"wdTagging", 6, buildTagging},
		{"echo", 1, buildEcho},
	}
}

// textStep makes a step with a textual result.
func (b *builder) textStep(typ string, input, output object) *step {
	b.describe(typ, "text")
	s := b.add(typ, input)
	s.text, s.output = true, output
	return s
}

func (b *builder) completion(message object) object {
	return obj("id", "chatcmpl-"+hexWord(b.next()), "object", "chat.completion", "created", int(b.plan.created.Unix()),
		"model", "gemini-2.5-flash-image", "choices", list{obj("index", 0, "message", message, "finishReason", "stop", "logprobs", nil)},
		"usage", obj("promptTokens", 31, "completionTokens", 120, "totalTokens", 151), "systemFingerprint", nil, "parsed", nil)
}

func (b *builder) chat(message object) *step {
	return b.textStep("chatCompletion", obj("model", "gemini-2.5-flash-image", "messages",
		list{obj("role", "user", "content", b.prompt())}, "temperature", 1), b.completion(message))
}

func buildChat(b *builder) {
	b.chat(obj("role", "assistant", "content", "Here are three ideas:\n1. \""+b.prompt()+"\"\n2. größer, heller\n3. <none>",
		"name", nil, "refusal", nil, "tool_calls", nil, "images", nil))
}

// buildChatImages holds its pictures as data URIs: results without blobs.
func buildChatImages(b *builder) {
	var images list
	for range 2 {
		uri := "data:image/png;base64," + base64.StdEncoding.EncodeToString(encodePNG(paint(b.next(), 64, 64), 0))
		images = append(images, obj("type", "image_url", "image_url", obj("url", uri)))
	}
	s := b.chat(obj("role", "assistant", "content", nil, "name", nil, "refusal", nil, "tool_calls", nil, "images", images))
	asked, _ := s.input.(object)
	messages, _ := asked.get("messages").(list)
	seen := obj("type", "image_url", "image_url", obj("url", b.upload(s, "jpeg")))
	s.give("messages", append(messages, obj("role", "user", "content", list{seen})))
}

func buildTranscription(b *builder) {
	b.textStep("transcription", obj("mediaUrl", "https://audio.example/talk.mp3", "returnTimeStamps", true),
		obj("text", "It's twenty to nine. Ça va très bien.", "language", "en", "timeStamps", list{
			obj("text", "It's twenty to nine.", "startTime", 0.12, "endTime", 1.48),
			obj("text", "Ça va très bien.", "startTime", 1.6, "endTime", 2.91),
		}, "elapsedSeconds", float64(b.between(10, 90))/10))
}

func buildCaption(b *builder) {
	b.textStep("mediaCaptioning", obj("mediaUrl", "https://images.example/a.jpeg", "temperature", 0.6),
		obj("caption", "A photograph of "+b.prompt()))
}

func buildEnhancement(b *builder) {
	b.textStep("promptEnhancement", obj("ecosystem", "flux1", "prompt", "cat"),
		obj("issues", list{obj("description", "too short", "severity", "warning"), obj("description", "no style", "severity", nil)},
			"recommendations", []string{"say what the light does"}, "enhancedPrompt", b.prompt(), "enhancedNegativePrompt", nil))
}

func buildTagging(b *builder) {
	b.textStep("wdTagging", obj("mediaUrl", "https://images.example/a.jpeg"),
		obj("tags", obj("scenery", 0.98, "no_humans", 0.93, "mountain", b.float()), "rating", obj("general", 0.99)))
}

// buildEcho answers JSON exactly as it was given, number forms included.
func buildEcho(b *builder) {
	b.textStep("echo", obj("message", "hello"), obj("message", "hello", "raw", json.RawMessage(`{"exact":1.0,"big":12345678901234567890,"e":1e-7}`)))
}
