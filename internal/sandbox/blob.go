package sandbox

import "strings"

// fate is what becomes of a blob when somebody tries to fetch it. The API
// page, "Where blobs hide" and "Getting a blob's bytes", describes them.
type fate uint8

const (
	fateDeliverable fate = iota
	fateByID             // signed URL leads to blocked, by id with the token to the bytes
	fateBlocked          // carries a blockedReason
	fateLate             // carries one everywhere but in the listing
	fatePlaceholder      // looks deliverable, every way leads to blocked
	fateHidden           // deliverable but deleted by the user on the site
	fateUnavailable      // available: false, its URL answers 404
	fateTemp             // an intermediate of customComfy
	fateGone             // available: true, but lost on the server's side
	fatePending          // its workflow has not ended
)

func (f fate) disposition() string {
	return [...]string{
		"deliverable", "deliverable", "blocked", "late", "placeholder", "hidden",
		"unavailable", "temp", "gone", "pending",
	}[f]
}

// hasBytes tells whether some request can get the blob's bytes.
func (f fate) hasBytes() bool {
	switch f {
	case fateDeliverable, fateByID, fateHidden, fateTemp:
		return true
	default:
		return false
	}
}

// format is what a blob's bytes are, whatever its name says.
type format struct{ ext, media, kind string }

func formats() map[string]format {
	return map[string]format{
		"jpeg":        {"jpeg", "image/jpeg", "image"},
		"png":         {"png", "image/png", "image"},
		"cutout":      {"png", "image/png", "image"},
		"tiny":        {"png", "image/png", "image"},
		"webp":        {"webp", "image/webp", "image"},
		"webpanim":    {"webp", "image/webp", "image"},
		"svg":         {"svg", "image/svg+xml", "image"},
		"mp4":         {"mp4", "video/mp4", "video"},
		"ogg":         {"ogg", "audio/ogg", "audio"},
		"wav":         {"wav", "audio/wav", "audio"},
		"glb":         {"glb", "model/gltf-binary", "model3d"},
		"fbx":         {"fbx", "application/octet-stream", "model3d"},
		"ply":         {"ply", "application/octet-stream", "model3d"},
		"safetensors": {"safetensors", "application/octet-stream", "model"},
		"zip":         {"zip", "application/zip", "archive"},
		"json":        {"json", "application/json", "data"},
		"large":       {"safetensors", "application/octet-stream", "model"},
		"latent":      {"bin", "application/octet-stream", "data"},
	}
}

// blob is one result of a workflow. Its bytes are a function of content and
// key alone.
type blob struct {
	id       string
	workflow int
	step     *step
	job      string
	typ      string // the JSON "type"; empty leaves it out
	content  string // a key of formats
	width    int
	height   int
	duration float64
	size     int64  // of large content; of any other it follows from the key
	level    string // as written in the JSON; empty leaves it out
	reason   string
	fate     fate
	key      uint64
	served   string // Content-Type; follows the name, which can lie
	preview  string // id of a small rendering, not itself a result
	terse    bool   // null and unset fields are left out
	noURL    bool   // not available, and no url either
	named    bool   // appears by name only, never as an object
}

// version is what the bytes are known by: those of an id can be replaced.
func (b *blob) version() string { return b.id + hexWord(b.key) }

type (
	// blobName writes only a blob's id, blobLink only its signed URL.
	blobName struct{ *blob }
	blobLink struct{ *blob }
	// pathLink is a path below the server's origin.
	pathLink string
)

// levelRank orders NSFW levels; unrated is 0.
func levelRank(level string) int {
	switch strings.ToLower(level) {
	case "pg":
		return 1
	case "pg13":
		return 2
	case "r":
		return 3
	case "x":
		return 4
	case "xxx":
		return 5
	default:
		return 0
	}
}

// mature follows the API page, "NSFW levels": r and above.
func (b *blob) mature() bool { return levelRank(b.level) >= levelRank("r") }

func (b *blob) available() bool {
	switch b.fate {
	case fateUnavailable, fatePending:
		return false
	case fateBlocked:
		return b.key%2 == 0 // both are seen: the reason decides
	default:
		return true
	}
}
