package bucket

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"

	"civitar/export"
)

// Shelf is the place as one for packages, which are uploaded in parts while they are made: no
// disk need hold one, and an object appears when it gets its name.
func (s *Store) Shelf() export.Shelf { return shelf{s} }

type shelf struct{ *Store }

func (s shelf) Path(name string) string { return s.URL(name) }

func (s shelf) Has(ctx context.Context, name string) (bool, error) {
	_, err := s.Files().Stat(ctx, name)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

func (s shelf) Remove(ctx context.Context, name string) error { return s.remove(ctx, name) }

func (s shelf) Sync() error { return nil }

func (s shelf) Scratch(string) (*os.File, error) { return os.CreateTemp("", "civitar-*") }

// Lock locks nothing: whether a name is taken is asked once more before it is given.
func (s shelf) Lock(string) (release func(), err error) { return func() {}, nil }

func (s shelf) Close() error { return nil }

const (
	// listPart is the size of the parts of the manifest beside a package, in bytes.
	listPart = 8 << 20
	// mostParts is how many an object can have.
	mostParts = 10_000
	// begins is how much room a draft has at first.
	begins = 1 << 20
)

// draft is an upload in parts that goes on.
type draft struct {
	ctx   context.Context
	store *Store
	core  minio.Core
	name  string
	id    string // of the upload; "" when it has ended
	size  int    // of a part
	buf   []byte
	parts []minio.CompletePart
}

func (s shelf) Draft(ctx context.Context, name string) (export.Draft, error) {
	d := &draft{ctx: ctx, store: s.Store, core: minio.Core{Client: s.client}, name: name, size: partSize}
	if strings.HasSuffix(name, ".json") {
		d.size = listPart
	}
	var err error
	d.id, err = d.core.NewMultipartUpload(ctx, s.Bucket, s.key(name), minio.PutObjectOptions{ContentType: mediaOf(name)})
	return d, s.told(name, err)
}

func (d *draft) Write(p []byte) (n int, err error) {
	for len(p) > 0 {
		if len(d.buf) == d.size {
			if err := d.put(); err != nil {
				return n, err
			}
		}
		if len(d.buf) >= begins {
			d.buf = slices.Grow(d.buf, d.size-len(d.buf))
		}
		fits := min(len(p), d.size-len(d.buf))
		d.buf = append(d.buf, p[:fits]...)
		p, n = p[fits:], n+fits
	}
	return n, nil
}

// put uploads a part.
func (d *draft) put() error {
	number := len(d.parts) + 1
	if number > mostParts {
		return &Error{Place: d.store.URL(d.name), Why: fmt.Sprintf("no object can be larger than %d GiB: export with --split", mostParts*int64(d.size)>>30)}
	}
	part, err := d.core.PutObjectPart(d.ctx, d.store.Bucket, d.store.key(d.name), d.id, number, bytes.NewReader(d.buf), int64(len(d.buf)), minio.PutObjectPartOptions{})
	if err != nil {
		return d.store.told(d.name, err)
	}
	d.parts = append(d.parts, minio.CompletePart{PartNumber: number, ETag: part.ETag})
	d.buf = d.buf[:0]
	return nil
}

func (d *draft) Finish() error {
	if len(d.buf) == 0 && len(d.parts) > 0 {
		return nil
	}
	err := d.put()
	d.buf = nil
	return err
}

func (d *draft) Name(ctx context.Context) error {
	_, err := d.core.CompleteMultipartUpload(ctx, d.store.Bucket, d.store.key(d.name), d.id, d.parts, minio.PutObjectOptions{})
	if err == nil {
		d.id = ""
	}
	return d.store.told(d.name, err)
}

func (d *draft) Discard() error {
	if d.id == "" {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(d.ctx), time.Minute)
	defer cancel()
	err := d.core.AbortMultipartUpload(ctx, d.store.Bucket, d.store.key(d.name), d.id)
	d.id, d.buf = "", nil
	if answerOf(err).Code == "NoSuchUpload" {
		return nil
	}
	return d.store.told(d.name, err)
}
