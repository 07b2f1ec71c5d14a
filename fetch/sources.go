package fetch

import (
	"net/url"
	"path"
	"strings"
)

// sources looks in a step's input for blobs of the server's own that the step worked on.
// They are told by address; an AIR, data inline and other people's addresses are none.
func (w *walker) sources(v node, key string, st *step, depth int) {
	if depth > maxDepth {
		w.note("an input nested too deep")
		return
	}
	if v.kind == '"' {
		w.source(v.text, key, st)
	}
	for i, item := range v.values() {
		if v.kind == '{' {
			key = v.keys()[i]
		}
		w.sources(item, key, st, depth+1)
	}
}

func (w *walker) source(address, key string, st *step) {
	id := BlobID(blobIDOf(address))
	u, err := url.Parse(address)
	if id == "" || err != nil || !ofAPI(u, w.base) || w.worked[id] {
		return
	}
	w.worked[id] = true
	w.inputs = append(w.inputs, Blob{
		ID: id, Step: st.name, StepType: st.kind, StepStatus: st.status, Kind: sourceKind(string(id), key),
		URL: SignedURL(address), Expires: expParam(address), Available: true,
	})
}

// ofAPI reports whether an address is at the API's own origin, or at one that the vendor
// has for it (the API page, "Base, auth, errors").
func ofAPI(u, base *url.URL) bool {
	switch {
	case u.Host == "":
		return u.Scheme == "" // below the API's own
	case plainURL(u) != nil:
		return false
	}
	at := u.Scheme + "://" + hostPort(u)
	return sameOrigin(u, base) || at == "https://orchestration.civitai.com:443" || at == "https://orchestration-new.civitai.com:443"
}

// sourceKind goes by the name, and else by what the input calls it.
func sourceKind(id, key string) string {
	switch strings.ToLower(path.Ext(id)) {
	case ".jpg", ".jpeg", ".png", ".webp", ".gif", ".avif", ".svg":
		return "image"
	case ".mp4", ".webm", ".mov", ".mkv":
		return "video"
	case ".mp3", ".ogg", ".wav", ".flac", ".m4a":
		return "audio"
	}
	key = strings.ToLower(key)
	for _, kind := range []string{"image", "video", "audio"} {
		if strings.Contains(key, kind) {
			return kind
		}
	}
	return ""
}

// foreign are the sources that are not results of the workflow itself.
func (w *walker) foreign() []Blob {
	var all []Blob
	for _, b := range w.inputs {
		if _, result := w.index[b.ID]; !result {
			all = append(all, b)
		}
	}
	return all
}
