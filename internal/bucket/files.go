package bucket

import (
	"context"
	"io"

	"github.com/minio/minio-go/v7"

	"civitar/internal/verify"
)

// Files are the objects of the archive as a verification looks at them.
func (s *Store) Files() verify.Files { return files{s} }

type files struct{ *Store }

func (f files) Stat(ctx context.Context, name string) (verify.Info, error) {
	o, err := f.client.StatObject(ctx, f.Bucket, f.key(name), minio.StatObjectOptions{})
	if err != nil {
		return verify.Info{}, f.told(name, err)
	}
	return verify.Info{Size: o.Size, Regular: true, Modified: o.LastModified, Changed: o.LastModified, SHA256: o.UserMetadata[sumKey]}, nil
}

func (f files) Open(ctx context.Context, name string) (io.ReadCloser, error) {
	r, _, err := f.Read(ctx, name)
	return r, err
}

// Each hands on every object, but for those of the store's own.
func (f files) Each(ctx context.Context, use func(name string) error, _ func(folder string, err error)) error {
	for o, err := range f.list(ctx, "") {
		if err != nil {
			return err
		}
		if isLease(o.name) || IsPiece(o.name) {
			continue
		}
		if err := use(o.name); err != nil {
			return err
		}
	}
	return nil
}

func (f files) Close() error { return nil }
