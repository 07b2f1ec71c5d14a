package policy

import (
	"path"
	"strings"

	"civitar/fetch"
)

// Kind is the sort of thing that a blob is.
type Kind string

// The kinds of blobs.
const (
	Image Kind = "image"
	Video Kind = "video"
	Audio Kind = "audio"
	Model Kind = "model" // weights and 3D models
	Text  Kind = "text"
	Other Kind = "other"
)

// Kinds lists all kinds.
func Kinds() []Kind { return []Kind{Image, Video, Audio, Model, Text, Other} }

// KindOf tells the kind of a blob: by its bytes' MIME type where that is known, else by
// what the listing says. It is not sure where the listing says nothing, or two things:
// names and types lie at times, and then the bytes have to decide.
func KindOf(b fetch.Blob, media string) (kind Kind, sure bool) {
	if b.Text {
		return Text, true
	}
	if media == "" {
		media = b.MediaType
	}
	told, named := kindOfType(b.Kind), kindOfName(string(b.ID))
	switch by := KindOfMedia(media); {
	case media == "":
	case by != Other && by != Text || told == "" && named == "": // those two tell how it is packed rather
		return by, true
	case named != "":
		return named, true
	default:
		return told, true
	}
	switch {
	case told == "":
		return named, named != ""
	case named == "" || named == told:
		return told, true
	}
	return told, false
}

// KindOfMedia tells the kind of a MIME type.
func KindOfMedia(media string) Kind {
	class, sort, _ := strings.Cut(media, "/")
	switch {
	case class == "image":
		return Image
	case class == "video":
		return Video
	case class == "audio", sort == "ogg":
		return Audio
	case class == "model", strings.Contains(sort, "safetensors"):
		return Model
	case class == "text", sort == "json", sort == "xml":
		return Text
	}
	return Other
}

// kindOfType reads the API's own types.
func kindOfType(t string) Kind {
	switch t {
	case "image":
		return Image
	case "video":
		return Video
	case "audio":
		return Audio
	case "model", "model3d":
		return Model
	case "text":
		return Text
	}
	return ""
}

func kindOfName(id string) Kind {
	switch strings.ToLower(path.Ext(id)) {
	case ".jpg", ".jpeg", ".png", ".webp", ".gif", ".avif", ".bmp", ".svg", ".heic", ".tif", ".tiff":
		return Image
	case ".mp4", ".webm", ".mov", ".m4v", ".mkv":
		return Video
	case ".mp3", ".wav", ".ogg", ".flac", ".m4a", ".opus", ".aac":
		return Audio
	case ".safetensors", ".ckpt", ".pt", ".glb", ".gltf", ".fbx", ".obj", ".ply", ".stl", ".usdz":
		return Model
	case ".txt", ".json", ".srt", ".vtt", ".csv", ".md":
		return Text
	case ".zip", ".tar", ".gz":
		return Other
	}
	return ""
}
