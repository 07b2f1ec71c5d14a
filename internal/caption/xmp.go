package caption

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"strconv"
	"time"

	"civitar/internal/generation"
)

// Namespace is that of the fields that no standard one has.
const Namespace = "urn:civitar:xmp:1"

// XMP is an XMP packet (ISO 16684-1) in UTF-8, for a file of its own beside the one that it
// is about. Equal captions give equal packets.
func XMP(c Caption) []byte {
	x := &writer{}
	x.line(0, `<x:xmpmeta xmlns:x="adobe:ns:meta/">`)
	x.line(1, `<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">`)
	x.line(2, `<rdf:Description rdf:about=""`)
	for _, ns := range []field{
		{"dc", "http://purl.org/dc/elements/1.1/"}, {"xmp", "http://ns.adobe.com/xap/1.0/"}, {"photoshop", "http://ns.adobe.com/photoshop/1.0/"},
		{"exif", "http://ns.adobe.com/exif/1.0/"}, {"civitar", Namespace},
	} {
		x.line(4, `xmlns:%s="%s"`, ns.name, ns.value)
	}
	x.out.Truncate(x.out.Len() - 1)
	x.out.WriteString(">\n")
	if prompt := c.Generation.Prompt; prompt != "" {
		x.line(3, `<dc:description><rdf:Alt><rdf:li xml:lang="x-default">%s</rdf:li></rdf:Alt></dc:description>`, escaped(prompt))
	}
	x.bag("dc:subject", c.Tags)
	if at := c.made(); !at.IsZero() {
		stamp := at.UTC().Format(time.RFC3339)
		for _, name := range []string{"xmp:CreateDate", "photoshop:DateCreated", "exif:DateTimeOriginal"} {
			x.element(name, stamp)
		}
	}
	x.element("xmp:CreatorTool", creator(c))
	if stars := c.rating(); stars > 0 {
		x.element("xmp:Rating", strconv.Itoa(stars))
	}
	for _, f := range c.generated() {
		x.element("civitar:"+f.name, f.value)
	}
	x.resources(c.Generation.Resources)
	x.line(2, `</rdf:Description>`)
	x.line(1, `</rdf:RDF>`)
	x.line(0, `</x:xmpmeta>`)
	return x.out.Bytes()
}

func creator(c Caption) string {
	if model := c.Generation.Model(); model != "" {
		return "Civitai (" + model + ")"
	}
	return "Civitai"
}

// writer writes XML by the line.
type writer struct{ out bytes.Buffer }

func (x *writer) line(depth int, format string, args ...any) {
	for range depth {
		x.out.WriteByte(' ')
	}
	fmt.Fprintf(&x.out, format, args...)
	x.out.WriteByte('\n')
}

func (x *writer) element(name, value string) {
	x.line(3, "<%s>%s</%s>", name, escaped(value), name)
}

func (x *writer) bag(name string, values []string) {
	if len(values) == 0 {
		return
	}
	x.line(3, "<%s><rdf:Bag>", name)
	for _, v := range values {
		x.line(4, "<rdf:li>%s</rdf:li>", escaped(v))
	}
	x.line(3, "</rdf:Bag></%s>", name)
}

func (x *writer) resources(all []generation.Resource) {
	if len(all) == 0 {
		return
	}
	x.line(3, "<civitar:Resources><rdf:Bag>")
	for _, r := range all {
		x.line(4, `<rdf:li rdf:parseType="Resource">`)
		for _, f := range []field{{"Name", r.Title()}, {"Type", r.Type}, {"Strength", r.Strength}, {"ModelID", r.ModelID}, {"VersionID", r.Version}, {"AIR", r.AIR}} {
			if f.value != "" {
				x.line(5, "<civitar:%s>%s</civitar:%s>", f.name, escaped(f.value), f.name)
			}
		}
		x.line(4, "</rdf:li>")
	}
	x.line(3, "</rdf:Bag></civitar:Resources>")
}

// escaped is a text as XML writes it.
func escaped(s string) string {
	var b bytes.Buffer
	_ = xml.EscapeText(&b, []byte(clean(s))) // a buffer takes everything
	return b.String()
}
