package cli

import (
	"net/url"
	"path"
	"path/filepath"
	"strings"
	"time"

	"civitar/export"
	"civitar/internal/bucket"
)

// file is the package's name as one of a file, wherever it is to lie.
func (c *exportCmd) file() string {
	if at, err := bucket.Parse(c.Out); err == nil && bucket.Is(c.Out) {
		return at.Prefix
	}
	return c.Out
}

func (c *exportCmd) outName(now time.Time) string {
	now = now.UTC()
	series := c.Series
	if bucket.Is(c.Out) {
		series = url.PathEscape(series)
	}
	return strings.NewReplacer("{date}", now.Format(time.DateOnly), "{time}", now.Format("150405"), "{series}", series).Replace(c.Out)
}

// bucketOut is a package's name in a bucket, and the place that it lies in.
func bucketOut(out string) (at bucket.Location, name string, err error) {
	if at, err = bucket.Parse(out); err != nil {
		return at, "", usageError{err}
	}
	if path, _, _ := strings.Cut(out, "?"); at.Prefix == "" || strings.HasSuffix(path, "/") {
		return at, "", usagef("--out names no object in the bucket: write s3://%s/FOLDER/NAME.tar.zst", at.Bucket)
	}
	at.Prefix, name = path.Split(at.Prefix)
	at.Prefix = strings.TrimSuffix(at.Prefix, "/")
	return at, name, nil
}

// shelf is where the package comes to rest, and its name there.
func (x *exporting) shelf() (export.Shelf, string, error) {
	if !bucket.Is(x.out) {
		on, err := export.OpenFolder(filepath.Dir(x.out))
		return on, filepath.Base(x.out), err
	}
	at, name, err := bucketOut(x.out)
	if err != nil {
		return nil, "", err
	}
	store, err := bucket.Open(at, x.s.env)
	if err != nil {
		return nil, "", err
	}
	return store.Shelf(), name, nil
}
