package caption

import (
	"bytes"
	"encoding/xml"
	"strconv"

	"civitar/internal/generation"
)

// Namespace is where the properties are that no standard has. It ends in a slash because
// names are appended to it, and because some libraries append one themselves otherwise.
const Namespace = "urn:civitar:xmp:1/"

const (
	// The packet's id is the same in all XMP (ISO 16684-1, 7.3.2). No padding: a sidecar is
	// never changed in place.
	head = "<?xpacket begin=\"\ufeff\" id=\"W5M0MpCehiHzreSzNTczkc9d\"?>\n" +
		"<x:xmpmeta xmlns:x=\"adobe:ns:meta/\">\n" +
		" <rdf:RDF xmlns:rdf=\"http://www.w3.org/1999/02/22-rdf-syntax-ns#\">\n" +
		"  <rdf:Description rdf:about=\"\"\n" +
		"    xmlns:dc=\"http://purl.org/dc/elements/1.1/\"\n" +
		"    xmlns:xmp=\"http://ns.adobe.com/xap/1.0/\"\n" +
		"    xmlns:exif=\"http://ns.adobe.com/exif/1.0/\"\n" +
		"    xmlns:photoshop=\"http://ns.adobe.com/photoshop/1.0/\"\n" +
		"    xmlns:digiKam=\"http://www.digikam.org/ns/1.0/\"\n" +
		"    xmlns:civitar=\"" + Namespace + "\">\n"
	tail = "  </rdf:Description>\n </rdf:RDF>\n</x:xmpmeta>\n<?xpacket end=\"w\"?>\n"
)

// XMP is an XMP packet (ISO 16684-1) in UTF-8. It is well-formed whatever the texts hold:
// bytes that are no UTF-8 and characters that XML 1.0 has no place for become U+FFFD.
func XMP(c Caption) []byte {
	p := &packet{}
	p.WriteString(head)
	p.standard(c)
	p.own(c)
	p.WriteString(tail)
	return p.Bytes()
}

// packet is an XMP packet being written.
type packet struct{ bytes.Buffer }

// standard writes what any reader of XMP knows. Programs differ in which date and which list
// of tags they look for, so each is written under all of its usual names.
func (p *packet) standard(c Caption) {
	if prompt := c.Generation.Prompt; prompt != "" {
		p.WriteString("   <dc:description><rdf:Alt><rdf:li xml:lang=\"x-default\">")
		p.text(prompt)
		p.WriteString("</rdf:li></rdf:Alt></dc:description>\n")
	}
	p.list("dc:subject", "rdf:Bag", c.Tags)
	p.list("digiKam:TagsList", "rdf:Seq", c.Tags)
	made := stamp(c.made())
	p.property("xmp:CreateDate", made)
	p.property("exif:DateTimeOriginal", made)
	p.property("photoshop:DateCreated", made)
	p.property("xmp:CreatorTool", tool(c.Generation.Model()))
	p.property("xmp:Rating", rating(c))
}

// own writes the rest.
func (p *packet) own(c Caption) {
	g := c.Generation
	for _, field := range [][2]string{
		{"workflowID", c.Workflow}, {"stepName", c.Step}, {"stepType", c.StepType}, {"blobID", c.Blob},
		{"level", c.Level},
		{"task", g.Workflow}, {"engine", g.Engine}, {"ecosystem", g.Ecosystem},
		{"negativePrompt", g.Negative},
		{"seed", g.Seed}, {"steps", g.Steps}, {"cfgScale", g.CFG},
		{"sampler", g.Sampler}, {"scheduler", g.Scheduler}, {"clipSkip", g.ClipSkip},
		{"width", count(g.Width)}, {"height", count(g.Height)},
	} {
		p.property("civitar:"+field[0], field[1])
	}
	if len(g.Resources) == 0 {
		return
	}
	p.WriteString("   <civitar:resources><rdf:Bag>\n")
	for _, r := range g.Resources {
		p.resource(r)
	}
	p.WriteString("   </rdf:Bag></civitar:resources>\n")
}

func (p *packet) resource(r generation.Resource) {
	p.WriteString("    <rdf:li rdf:parseType=\"Resource\">\n")
	for _, field := range [][2]string{
		{"model", r.Model}, {"name", r.Name}, {"type", r.Type}, {"strength", r.Strength},
		{"modelID", r.ModelID}, {"version", r.Version}, {"air", r.AIR},
	} {
		p.property("civitar:"+field[0], field[1])
	}
	p.WriteString("    </rdf:li>\n")
}

// property writes a simple value, if there is one.
func (p *packet) property(name, value string) {
	if value == "" {
		return
	}
	p.WriteString("   <" + name + ">")
	p.text(value)
	p.WriteString("</" + name + ">\n")
}

func (p *packet) list(name, kind string, values []string) {
	if len(values) == 0 {
		return
	}
	p.WriteString("   <" + name + "><" + kind + ">\n")
	for _, value := range values {
		p.WriteString("    <rdf:li>")
		p.text(value)
		p.WriteString("</rdf:li>\n")
	}
	p.WriteString("   </" + kind + "></" + name + ">\n")
}

// text escapes, and replaces what cannot be escaped. A buffer takes all that is written.
func (p *packet) text(s string) { _ = xml.EscapeText(&p.Buffer, []byte(s)) }

func tool(model string) string {
	if model == "" {
		return "Civitai"
	}
	return "Civitai (" + model + ")"
}

// rating is in stars. Never -1, which programs take for "rejected" and hide.
func rating(c Caption) string {
	switch {
	case c.Favorite:
		return "5"
	case c.Feedback == "liked":
		return "4"
	case c.Feedback == "disliked":
		return "1"
	}
	return ""
}

// count is a number, or "" for none.
func count(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}
