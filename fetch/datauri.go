package fetch

import (
	"encoding/base64"
	"mime"
	"net/url"
	"strings"
)

// isDataURI is strict about the head: prose can begin with "data:" too.
func isDataURI(text string) bool {
	if len(text) < 6 || !strings.EqualFold(text[:5], "data:") {
		return false
	}
	comma := strings.IndexByte(text[:min(len(text), 256)], ',')
	return comma > 0 && strings.Contains(text[:comma], "/") && !strings.ContainsAny(text[:comma], " \t\r\n")
}

// dataURI decodes RFC 2397, forgiving the variants of base64.
func dataURI(text string) (media string, data []byte, ok bool) {
	if !isDataURI(text) {
		return "", nil, false
	}
	head, body, _ := strings.Cut(text[5:], ",")
	encoded := false
	if plain, found := strings.CutSuffix(strings.ToLower(head), ";base64"); found {
		head, encoded = plain, true
	}
	media, _, err := mime.ParseMediaType(head)
	if err != nil || !strings.Contains(media, "/") {
		return "", nil, false
	}
	if strings.Contains(body, "%") || !encoded {
		if body, err = url.PathUnescape(body); err != nil {
			return "", nil, false
		}
	}
	if !encoded {
		return media, []byte(body), body != ""
	}
	body = strings.TrimRight(strings.NewReplacer("\n", "", "\r", "", " ", "", "-", "+", "_", "/").Replace(body), "=")
	data, err = base64.RawStdEncoding.DecodeString(body)
	return media, data, err == nil && len(data) > 0
}

// extension is fixed here: the system's tables differ from one to the next.
func extension(media string) string {
	switch media {
	case "image/jpeg", "image/jpg":
		return ".jpg"
	case "image/svg+xml":
		return ".svg"
	case "audio/mpeg":
		return ".mp3"
	case "audio/wav", "audio/x-wav", "audio/wave":
		return ".wav"
	case "video/quicktime":
		return ".mov"
	case "text/plain":
		return ".txt"
	case "model/gltf-binary":
		return ".glb"
	}
	_, sub, _ := strings.Cut(media, "/")
	sub = strings.TrimPrefix(sub, "x-")
	if sub == "" || len(sub) > 8 || strings.ContainsFunc(sub, func(r rune) bool { return !('a' <= r && r <= 'z' || '0' <= r && r <= '9') }) {
		return ".bin"
	}
	return "." + sub
}
