package sandbox

import "fmt"

// Step types whose results are 3D models and trained weights, after the table
// on the API page.
func modelRecipes() []recipe {
	return []recipe{
		{"polyGen", 10, func(b *builder) { buildPolyGen(b, false) }},
		{"polyGen rigged", 3, func(b *builder) { buildPolyGen(b, true) }},
		{"training", 3, buildTraining},
		{"imageResourceTraining", 2, func(b *builder) { buildOldTraining(b, false) }},
		{"imageResourceTraining stored as assets", 1, func(b *builder) { buildOldTraining(b, true) }},
		{"comfyNodepackSnapshot", 2, buildNodepack},
	}
}

func (b *builder) mesh(s *step, content string) *blob { return b.blob(s, "model3d", content) }

func buildPolyGen(b *builder, rigged bool) {
	b.describe("txt2model", "3d")
	s := b.add("polyGen", obj("engine", "hunyuan3d", "prompt", "a smooth pebble"))
	o := obj("model", b.mesh(s, "glb"), "fbxModel", b.mesh(s, "fbx"),
		"thumbnail", b.blob(s, "image", "png", sized(320, 320)))
	if !rigged {
		s.output = o.with("riggedModel", nil, "animatedModel", nil, "basicAnimations", nil)
		return
	}
	animations := object{}
	for _, slot := range []string{"walkingModel", "walkingFbxModel", "walkingArmatureModel", "runningModel", "runningFbxModel", "runningArmatureModel"} {
		content := "glb"
		if slot == "walkingFbxModel" || slot == "runningFbxModel" {
			content = "fbx"
		}
		animations = animations.with(slot, b.mesh(s, content))
	}
	s.output = o.with("riggedModel", b.mesh(s, "glb"), "riggedFbxModel", b.mesh(s, "fbx"),
		"animatedModel", b.mesh(s, "ply"), "animatedFbxModel", b.mesh(s, "fbx"), "basicAnimations", animations)
}

func buildTraining(b *builder) {
	b.describe("training", "model")
	s := b.add("training", obj("engine", "ai-toolkit", "trainingData", obj("type", "zip", "count", 24)))
	var epochs list
	for i := range 2 {
		model := b.blob(s, "model", "safetensors", rated(""))
		epochs = append(epochs, obj("epochNumber", i+1, "model", model,
			"samples", b.pictures(s, 2, as(fateDeliverable), sized(256, 256))))
	}
	s.output = obj("moderationStatus", enum("approved"), "epochs", epochs)
}

// buildOldTraining names its results and links them, without blob objects.
// storedAsAssets means a store that this API does not serve.
func buildOldTraining(b *builder, elsewhere bool) {
	b.describe("training", "model")
	s := b.add("imageResourceTraining", obj("engine", "kohya", "model", "urn:air:sd1:checkpoint:civitai:127227@139180",
		"trainingData", "https://data.example/cats.zip", "trainingDataImagesCount", 20, "loraName", "cats"))
	fate := fateDeliverable
	if elsewhere {
		fate = fateGone
	}
	var epochs list
	for i := range 2 {
		weights := b.blob(s, "", "safetensors", byName(), as(fate), rated(""))
		var link any = blobLink{weights}
		if elsewhere {
			weights.id = fmt.Sprintf("cats-%s-%06d.safetensors", s.job[:8], i+1)
			link = pathLink("/v1/consumer/jobs/" + s.job + "/assets/" + weights.id)
		}
		var samples list
		for range 2 {
			samples = append(samples, blobName{b.oldSample(s, fate)})
		}
		epochs = append(epochs, obj("epochNumber", i+1, "blobName", blobName{weights}, "blobSize", safetensorsSize(weights.key),
			"sampleImages", samples, "blobUrl", link))
	}
	s.output = obj("moderationStatus", enum("approved"), "epochs", epochs, "sampleImagesPrompts", []string{"a cat", "a cat asleep"},
		"sampleInputImages", nil, "storedAsAssets", elsewhere, "eta", nil)
}

// oldSample is a training sample: a name and no more. Unrated, and so not
// withheld from anyone.
func (b *builder) oldSample(s *step, f fate) *blob {
	return b.blob(s, "", "jpeg", byName(), as(f), rated(""), sized(256, 256))
}

func buildNodepack(b *builder) {
	b.describe("nodepack", "other")
	s := b.add("comfyNodepackSnapshot", obj("nodepacks", []string{"comfy:nodepack:impact@1.2.0"}))
	plain := rated("")
	s.output = obj("results", list{obj("nodepack", "comfy:nodepack:impact@1.2.0", "layerAir", "urn:air:other:layer:civitai:1@2",
		"layer", b.blob(s, "layer", "zip", plain), "objectInfo", b.blob(s, "json", "json", plain), "web", b.blob(s, "web", "zip", plain))})
}
