package pipeline

import (
	"bytes"
	"path"
	"strings"
	"time"

	"github.com/gabriel-vasile/mimetype"

	"civitar/fetch"
)

// headSize is how many of a file's first bytes tell its type.
const headSize = 3072

// day is the folder of a creation time: its day in UTC.
func day(t time.Time) string {
	if t.IsZero() {
		return "undated"
	}
	return t.UTC().Format(time.DateOnly)
}

// media tells the type of a file from its first bytes, and the extension that goes with
// it; "" where the bytes do not say anything definite.
func media(head []byte) (mediaType, ext string) {
	if isSafetensors(head) {
		return "application/vnd.safetensors", ".safetensors"
	}
	if bytes.HasPrefix(head, []byte("ply\n")) || bytes.HasPrefix(head, []byte("ply\r\n")) {
		return "model/ply", ".ply"
	}
	if bytes.HasPrefix(head, []byte("Kaydara FBX Binary")) {
		return "model/fbx", ".fbx"
	}
	m := mimetype.Detect(head)
	mediaType, _, _ = strings.Cut(m.String(), ";")
	return mediaType, m.Extension()
}

// isSafetensors knows the format by its start: the header's length in eight bytes, little
// endian, and then the header, a JSON object.
func isSafetensors(head []byte) bool {
	if len(head) < 10 || head[8] != '{' {
		return false
	}
	var n uint64
	for i := 7; i >= 0; i-- {
		n = n<<8 | uint64(head[i])
	}
	return n >= 2 && n <= 100<<20 && (head[9] == '"' || head[9] == '}' || head[9] == ' ')
}

// kin are extensions that stand for each other: the bytes alone do not decide among them,
// so a name that has any of them keeps it.
var kin = [...][]string{
	{".jpg", ".jpeg", ".jpe", ".jfif"},
	{".tif", ".tiff"},
	{".png", ".apng"},
	{".mp4", ".m4v", ".mov", ".qt", ".m4a", ".3gp", ".3g2", ".heic", ".heif", ".avif", ".f4v", ".aac"},
	{".ogg", ".oga", ".ogv", ".opus", ".spx", ".ogx"},
	{".webm", ".mkv", ".mka"},
	{".mid", ".midi"},
	{".aif", ".aiff"},
	{".wav", ".wave"},
	{".mp3", ".mp2", ".mpga"},
}

// vague are types that tell how a file is packed rather than what it is: a name that has
// any extension knows better.
func vague(mediaType string) bool {
	switch mediaType {
	case "application/octet-stream", "text/plain", "application/json", "text/xml", "application/xml",
		"application/zip", "application/gzip", "application/x-tar":
		return true
	}
	return false
}

// fileName is the blob's id with an extension that its bytes bear out.
func fileName(id, mediaType, ext string) string {
	has := strings.ToLower(path.Ext(id))
	if len(has) > 12 || strings.ContainsAny(has, " /") {
		has = ""
	}
	if ext == "" || has == ext || has != "" && vague(mediaType) {
		return id
	}
	for _, family := range kin {
		if in(family, has) && in(family, ext) {
			return id
		}
	}
	if isMediaExt(has) {
		return id[:len(id)-len(has)] + ext
	}
	return id + ext
}

func in(list []string, s string) bool {
	for _, it := range list {
		if it == s {
			return true
		}
	}
	return false
}

// isMediaExt tells extensions that claim a type, and so can lie; any other is a part of
// the id.
func isMediaExt(ext string) bool {
	switch ext {
	case ".jpg", ".jpeg", ".png", ".webp", ".gif", ".avif", ".bmp", ".svg", ".mp4", ".webm", ".mov", ".m4v", ".mkv",
		".mp3", ".wav", ".ogg", ".flac", ".m4a", ".opus", ".glb", ".gltf", ".fbx", ".obj", ".ply", ".stl",
		".safetensors", ".ckpt", ".pt", ".bin", ".zip", ".json", ".txt":
		return true
	}
	return false
}

// page tells that the bytes are a web page where a medium was due: an error of some proxy.
func webPage(mediaType string, b fetch.Blob) bool {
	ext := strings.ToLower(path.Ext(string(b.ID)))
	return mediaType == "text/html" && ext != ".html" && ext != ".htm"
}
