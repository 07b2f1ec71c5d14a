package fetch

import (
	"net/url"
	"time"
)

// PreviewOf is a blob's preview as a blob of its own, with what is known of the blob: its
// step, level and what the user said of it. False where there is none, and for what the
// server blocks.
//
// Its id is the one in its address, or where that names none, the blob's with ".preview";
// it can then be asked for by its address only.
func PreviewOf(b Blob) (Blob, bool) {
	u, err := url.Parse(string(b.Preview))
	if err != nil || !isAddress(string(b.Preview)) || b.Blocked != "" || placeOf(u) == blocked {
		return Blob{}, false
	}
	p := b
	p.ID = BlobID(blobIDOf(string(b.Preview)))
	if p.ID == "" || p.ID == b.ID {
		p.ID, p.nameless = b.ID+".preview", true
	}
	p.Kind, p.URL, p.Expires = "image", b.Preview, b.PreviewExpires
	p.Preview, p.PreviewExpires, p.Size = "", time.Time{}, 0
	return p, true
}
