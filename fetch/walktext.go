package fetch

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/url"
	"path"
	"strconv"
	"strings"
)

// text looks at one string of an output: a blob's address, an archive's, a trace's,
// or data inline.
func (w *walker) text(text string, parent node, sc scope) {
	if media, data, ok := dataURI(text); ok {
		w.addData(media, data, sc)
		return
	}
	if !isAddress(text) || textType(sc.step.kind) && !strings.HasSuffix(strings.ToLower(sc.key), "url") {
		return // what a model writes may look like an address, and be anybody's
	}
	u, err := url.Parse(text)
	if err != nil {
		return
	}
	b := w.describe(node{}, sc)
	b.URL, b.Available = SignedURL(text), true
	b.Expires = expiry(parent.time(sc.key+"ExpiresAt"), text)
	switch where := placeOf(u); {
	case sc.key == "traceUrl" || where == streaming:
		b.ID, b.Temp = BlobID(path.Base(u.Path)), true
	case where == archive:
		b.ID = w.freeID(sc.step.name, "."+archiveExt(parent.str("format")), b.URL)
		b.Expires = orElse(b.Expires, parent.time("expiresAt"))
	case where == content:
		// Only the place in the output names it; the token is another one each time.
		b.ID = w.freeID(sc.step.name+"-"+sc.key, "", b.URL)
	case where == blobByID:
		b.ID = BlobID(blobIDOf(text))
	}
	if b.ID == "" || b.ID == "." || b.ID == "/" {
		return
	}
	w.add(b, sc.step, false)
	sc.step.found++
}

// freeID is a made name that no other address has.
func (w *walker) freeID(base, ext string, address SignedURL) BlobID {
	id := BlobID(base + ext)
	for n := 2; n < 10; n++ {
		at, taken := w.index[id]
		if !taken || w.blobs[at].URL == address {
			return id
		}
		id = BlobID(base + "-" + strconv.Itoa(n) + ext)
	}
	sum := sha256.Sum256([]byte(address))
	return BlobID(base + "-" + hex.EncodeToString(sum[:6]) + ext)
}

func archiveExt(format string) string {
	if strings.Contains(strings.ToLower(format), "tar") {
		return "tar"
	}
	return "zip"
}

// addData keeps bytes that came inside the output, named after what they are.
func (w *walker) addData(media string, data []byte, sc scope) {
	sum := sha256.Sum256(data)
	kind, _, _ := strings.Cut(media, "/")
	b := w.describe(node{}, sc)
	b.ID = BlobID(sc.step.name + "-" + hex.EncodeToString(sum[:6]) + extension(media))
	b.Kind, b.MediaType, b.Data, b.Available = kind, media, data, true
	w.add(b, sc.step, true)
}

// addText keeps a step's whole output as a result. It gets its id in results, when
// all others are known.
func (w *walker) addText(st *step, output node) {
	var data bytes.Buffer
	if json.Indent(&data, w.s.scrubJSON(output.json()), "", "  ") != nil {
		w.note("a text result")
		return
	}
	data.WriteByte('\n')
	w.blobs = append(w.blobs, Blob{
		Step: st.name, StepType: st.kind, StepStatus: st.status, Kind: "text",
		Available: true, Data: data.Bytes(), MediaType: "application/json", Text: true,
	})
}

// results are the blobs found, each with an id of its own.
func (w *walker) results() []Blob {
	for i := range w.blobs {
		b := &w.blobs[i]
		if !b.Text {
			continue
		}
		for ext := ".json"; ; ext = ".output" + ext {
			b.ID = BlobID(b.Step + ext)
			if _, taken := w.index[b.ID]; !taken {
				break
			}
		}
		w.index[b.ID] = i
	}
	return w.blobs
}

// textType is true for the step types whose output is the result, whatever else is in
// it. Types not listed are recognised by having no blobs.
func textType(kind string) bool {
	switch strings.ToLower(kind) {
	case "chatcompletion", "transcription", "mediacaptioning", "audiocaptioning", "promptenhancement",
		"ageclassification", "batchocrsafetyclassification", "echo", "mediahash", "mediarating",
		"modelclamscan", "modelhash", "modelparsemetadata", "modelpicklescan", "qwenimagebench",
		"shieldstralmoderation", "videometadata", "wdtagging", "xguardmoderation":
		return true
	}
	return false
}

// meaningful reports whether a value says anything: a text, number or truth value
// that is not an error, a type's name, inline data or a nested step's.
func meaningful(v node, depth int) bool {
	switch v.kind {
	case '"':
		return strings.TrimSpace(v.text) != "" && !isDataURI(v.text)
	case '0', 't':
		return true
	}
	if depth > maxDepth {
		return len(v.values()) > 0
	}
	for i, item := range v.values() {
		if v.kind == '{' {
			key := v.keys()[i]
			if key == "errors" || key == "$type" || key == "type" || key == "steps" && holdsSteps(item) {
				continue
			}
		}
		if meaningful(item, depth+1) {
			return true
		}
	}
	return false
}

// json is a value's text.
func (n node) json() []byte {
	switch n.kind {
	case '{', '[':
		return n.raw()
	case '"':
		return quoteJSON(n.text)
	case '0':
		return []byte(n.text)
	case 't':
		return strconv.AppendBool(nil, n.yes)
	}
	return []byte("null")
}

// isAddress reports whether a text is a URL, or a path below the API's.
func isAddress(text string) bool {
	if strings.ContainsAny(text, " \t\r\n") {
		return false
	}
	head := strings.ToLower(text[:min(len(text), 8)])
	return strings.HasPrefix(head, "https://") || strings.HasPrefix(head, "http://") ||
		strings.HasPrefix(text, "/") && strings.Contains(text, "/consumer/")
}

// blobIDOf is the id in a blob's address, or "".
func blobIDOf(address string) string {
	if !isAddress(address) {
		return ""
	}
	u, err := url.Parse(address)
	if err != nil || placeOf(u) != blobByID {
		return ""
	}
	_, rest, ok := strings.Cut(u.EscapedPath(), "/consumer/blobs/")
	if !ok {
		return ""
	}
	rest, _, _ = strings.Cut(rest, "/")
	id, err := url.PathUnescape(rest)
	if err != nil || id == "upload" || id == "." || id == ".." {
		return ""
	}
	return id
}
