package export

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
)

// bag makes a bag of a package: BagIt 1.0 (RFC 8493), with SHA-256 for payload and tags. The
// payload is the archive's own tree below data/. What the manifest is to say is noted in a
// file meanwhile: it comes last, and is as long as the archive is large.
type bag struct {
	pack
	about About
	notes *os.File
	noted int64 // bytes
	files int64
	bytes int64
}

func newBag(inner pack, about About, notes *os.File) *bag {
	return &bag{pack: inner, about: about, notes: notes}
}

func (b *bag) add(f File, r io.Reader) error {
	name := "data/" + f.Path
	h := sha256.New()
	inner := f
	inner.Path = path.Join(b.about.Name, name)
	if err := b.pack.add(inner, io.TeeReader(r, h)); err != nil {
		return err
	}
	b.files++
	b.bytes += f.Size
	n, err := fmt.Fprintf(b.notes, "%s  %s\n", hex.EncodeToString(h.Sum(nil)), bagPath(name))
	b.noted += int64(n)
	return err
}

func (b *bag) room(f File) int64 {
	const tags = 12 << 10 // the tag files besides the manifest, packed
	line := 80 + 3*int64(len(f.Path))
	f.Path = path.Join(b.about.Name, "data", f.Path)
	return b.pack.room(f) + b.noted + line + tags
}

// bagPath writes a path as a manifest holds it (RFC 8493, section 2.1.3).
func bagPath(name string) string {
	return strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A").Replace(name)
}

func (b *bag) close() error {
	if _, err := b.notes.Seek(0, io.SeekStart); err != nil {
		return err
	}
	manifest := sha256.New()
	var tags bytes.Buffer
	if err := b.tag("manifest-sha256.txt", b.noted, io.TeeReader(b.notes, manifest)); err != nil {
		return err
	}
	fmt.Fprintf(&tags, "%s  manifest-sha256.txt\n", hex.EncodeToString(manifest.Sum(nil)))
	for _, t := range []struct{ name, text string }{
		{"bag-info.txt", b.info()},
		{"bagit.txt", "BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"},
	} {
		sum := sha256.Sum256([]byte(t.text))
		fmt.Fprintf(&tags, "%s  %s\n", hex.EncodeToString(sum[:]), t.name)
		if err := b.tag(t.name, int64(len(t.text)), strings.NewReader(t.text)); err != nil {
			return err
		}
	}
	if err := b.tag("tagmanifest-sha256.txt", int64(tags.Len()), &tags); err != nil {
		return err
	}
	return b.pack.close()
}

func (b *bag) tag(name string, size int64, r io.Reader) error {
	return b.pack.add(File{Path: path.Join(b.about.Name, name), Size: size, Created: b.about.Date}, r)
}

func (b *bag) info() string {
	var s strings.Builder
	if !b.about.Date.IsZero() {
		fmt.Fprintf(&s, "Bagging-Date: %s\n", b.about.Date.UTC().Format(time.DateOnly))
	}
	fmt.Fprintf(&s, "Bag-Size: %s\nPayload-Oxum: %d.%d\nExternal-Identifier: %s\nInternal-Sender-Description: Results and workflows archived from the Civitai orchestrator\n",
		humanize.IBytes(uint64(b.bytes)), b.bytes, b.files, b.about.Source)
	return s.String()
}
