package sandbox

import "strings"

// prompt draws what the user asked for: everyday text, and the characters
// that break naive quoting.
func (b *builder) prompt() string {
	subject := pick(b.rng, []string{
		"a lighthouse on a basalt cliff", "misty mountains at first light", "an observatory above the clouds",
		"paper lanterns over a quiet canal", "a glass greenhouse in the snow", "dunes under two moons",
		"a fox made of autumn leaves", "an old library with floating dust", "tidal pools full of stars",
		"ein Leuchtturm im Nebel, Öl auf Leinwand", "夜明けの富士山、浮世絵風", "северное сияние над озером",
		"a café called \"L'Étoile\" in the rain", "robots playing chess 🤖♟️", "naïve façade, São Paulo",
	})
	style := pick(b.rng, []string{
		"soft rim light, 35mm", "gouache, muted palette", "isometric, clean lines", "long exposure\nfilm grain\nwide",
		"<lora:add_detail:0.6>, (masterpiece:1.2)", "back\\slash & \"double quotes\", it's fine", "low poly, pastel",
		"golden hour", "volumetric fog; depth of field",
	})
	return subject + ", " + style
}

// model is a checkpoint as a workflow's resources name it.
type model struct {
	name, ecosystem, air string
	id, version          int
}

func (b *builder) model() model {
	return pick(b.rng, []model{
		{"Anima", "Anima", "urn:air:anima:checkpoint:civitai:2458426@2945208", 2458426, 2945208},
		{"FLUX.1 [dev]", "Flux1", "urn:air:flux1:checkpoint:civitai:618692@691639", 618692, 691639},
		{"Juggernaut XL", "SDXL", "urn:air:sdxl:checkpoint:civitai:133005@1759168", 133005, 1759168},
		{"DreamShaper", "SD1", "urn:air:sd1:checkpoint:civitai:4384@128713", 4384, 128713},
		{"Pony Diffusion V6 XL", "Pony", "urn:air:sdxl:checkpoint:civitai:257749@290640", 257749, 290640},
	})
}

// describe writes the workflow's metadata, tags and cost as the site's
// generator does, and answers the parameters for use in a step.
func (b *builder) describe(kind, media string) (prompt string, params object) {
	p, m := b.plan, b.model()
	prompt = b.prompt()
	negative := pick(b.rng, []string{"", "blurry, low quality", "text, watermark\nsignature"})
	params = obj("workflow", kind, "ecosystem", m.ecosystem, "prompt", prompt, "negativePrompt", negative,
		"seed", b.between(1, 2_000_000_000), "steps", b.between(12, 40), "cfgScale", float64(b.between(2, 14))/2,
		"sampler", pick(b.rng, []string{"er_sde", "Euler a", "DPM++ 2M Karras"}), "quantity", 1)
	resource := obj("id", m.version, "name", "base-v1.0", "air", m.air,
		"model", obj("id", m.id, "name", m.name, "type", "Checkpoint"), "strength", 1)
	p.metadata = obj("params", params, "resources", list{resource})
	p.tags = []string{"civitai", "gen", kind, media}
	p.search = strings.ToLower(prompt + "\n" + negative + "\n" + m.name + "\n" + m.ecosystem + "\n" + kind)
	b.bill()
	return prompt, params
}

func (b *builder) bill() {
	base := b.between(4, 60)
	account := pick(b.rng, []string{"yellow", "blue", "green"})
	b.plan.transactions = obj("list", list{obj("type", enum("debit"), "amount", base+10,
		"id", nil, "accountType", enum(account))})
	b.plan.cost = obj("base", base, "tips", obj("civitai", 0, "creators", 0), "total", base+10)
}

// image describes a picture workflow and gives the common input.
func (b *builder) image(engine string) object {
	prompt, _ := b.describe("txt2img", "img")
	return obj("engine", engine, "prompt", prompt, "quantity", 1, "outputFormat", "jpeg")
}
