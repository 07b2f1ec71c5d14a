package caption

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"unicode"

	"civitar/internal/generation"
)

// Parameters is what AUTOMATIC1111's web UI writes into its pictures, as text in UTF-8: the
// prompt, the negative prompt, and one line of settings, which ends in the resources as
// Civitai writes them.
//
// The form has no way to quote a prompt. A prompt's own words that readers would take for the
// beginning of another part get a space before their colon; the XMP has them unchanged.
func Parameters(c Caption) []byte {
	var out strings.Builder
	if prompt := part(c.Generation.Prompt); prompt != "" {
		out.WriteString(prompt + "\n")
	}
	if negative := part(c.Generation.Negative); negative != "" {
		out.WriteString("Negative prompt: " + negative + "\n")
	}
	out.WriteString(settings(c) + "\n")
	return []byte(out.String())
}

// settings is the last line. Readers know it by its beginning, or by three settings in it,
// so that "Steps" and the ids are always there. "Undefined" is Civitai's own word.
func settings(c Caption) string {
	g := c.Generation
	if g.Steps == "" {
		g.Steps = "Undefined"
	}
	size := ""
	if g.Width > 0 && g.Height > 0 {
		size = fmt.Sprintf("%dx%d", g.Width, g.Height)
	}
	var all []string
	for _, pair := range [][2]string{
		{"Steps", g.Steps}, {"Sampler", g.Sampler}, {"Schedule type", g.Scheduler}, {"CFG scale", g.CFG},
		{"Seed", g.Seed}, {"Size", size}, {"Model", g.Model()}, {"Clip skip", g.ClipSkip},
		{"Civitai workflow", c.Workflow}, {"Civitai step", c.Step}, {"Civitai blob", c.Blob},
	} {
		if value := strings.TrimSpace(clean(pair[1])); value != "" {
			all = append(all, pair[0]+": "+quote(value))
		}
	}
	if made := stamp(c.made()); made != "" {
		all = append(all, "Created Date: "+made) // Civitai's reader knows a date that is not quoted
	}
	if list := resources(g.Resources); list != "" {
		all = append(all, "Civitai resources: "+list)
	}
	return strings.Join(all, ", ")
}

// markers begin another part, for one reader or another, also in the middle of a line or word.
var markers = regexp.MustCompile(`(?i)(\b(?:parameters|template|steps)|negative prompt):`)

// part is a prompt as it can stand above the settings.
func part(prompt string) string {
	return strings.TrimSpace(markers.ReplaceAllString(clean(prompt), "$1 :"))
}

// clean leaves newlines as the only thing that any reader takes for the end of a line, and
// no control characters but tabs.
func clean(s string) string {
	s = strings.ReplaceAll(strings.ToValidUTF8(s, "\ufffd"), "\r\n", "\n")
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\r':
			return '\n'
		case r == '\n', r == '\t':
			return r
		case unicode.IsControl(r), r == '\u2028', r == '\u2029':
			return ' '
		}
		return r
	}, s)
}

// quote makes a JSON string of a value that could not stand in the line as it is.
func quote(value string) string {
	if !strings.ContainsAny(value, ",:\n\"") {
		return value
	}
	return jsonString(value)
}

// resources are those of a list that Civitai's own ids name, in its form; of others, the AIR.
func resources(list []generation.Resource) string {
	var all []string
	for _, r := range list {
		var fields []string
		add := func(key, value string) {
			if value != "" {
				fields = append(fields, `"`+key+`":`+value)
			}
		}
		add("type", str(strings.ToLower(r.Type)))
		add("weight", number(r.Strength))
		add("modelVersionId", number(r.Version))
		add("modelName", str(r.Model))
		add("modelVersionName", str(r.Name))
		if number(r.Version) == "" {
			add("air", str(r.AIR))
		}
		if len(fields) > 0 {
			all = append(all, "{"+strings.Join(fields, ",")+"}")
		}
	}
	if len(all) == 0 {
		return ""
	}
	return "[" + strings.Join(all, ",") + "]"
}

// str is a JSON string, or "" for none.
func str(s string) string {
	if s == "" {
		return ""
	}
	return jsonString(clean(s))
}

// jsonString escapes all that a setting, a list or a JSON value could begin or end with.
// Readers look for these before they look at quotes, wherever they stand.
func jsonString(s string) string {
	var out strings.Builder
	out.WriteByte('"')
	for _, r := range s {
		if r < ' ' || strings.ContainsRune(`"\,:[]{}`, r) {
			fmt.Fprintf(&out, `\u%04x`, r)
		} else {
			out.WriteRune(r)
		}
	}
	out.WriteByte('"')
	return out.String()
}

// number is a literal that is a JSON number, or "".
func number(literal string) string {
	if literal == "" || strings.Trim(literal, "-+.eE0123456789") != "" || !json.Valid([]byte(literal)) {
		return ""
	}
	return literal
}
