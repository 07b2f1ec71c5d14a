// Package bucket keeps an archive in an object store that speaks the S3 protocol: results
// and sidecars as objects under their paths, the journal as numbered objects that are only
// ever added, the lock as an object with a lease.
//
// The record is worked on in a local folder, which is a copy that can be lost: [Store.Pull]
// brings it up to what the bucket says, and [Store.Publish] adds to the bucket before
// anything is written locally. Every object of the journal is put on the condition that
// there is none of its name, so two writers can never both go on, whatever became of the
// lock. Objects appear only when they are whole: that is the protocol's own promise, and
// with it a result in the bucket is as good as a durable file.
package bucket

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/url"
	"path"
	"strings"

	"github.com/minio/minio-go/v7/pkg/s3utils"
)

// scheme begins the name of an archive in a bucket.
const scheme = "s3://"

// Location is where an archive lies: s3://bucket/prefix?region=…&endpoint=….
type Location struct {
	Bucket, Prefix string
	Endpoint       string // host and port
	Region         string // "" is found out
	Insecure       bool   // http, for a server of one's own
}

// Is tells whether the name of an archive is a Location's, and no folder's.
func Is(dest string) bool {
	return len(dest) >= len(scheme) && strings.EqualFold(dest[:len(scheme)], scheme)
}

// amazon is the endpoint where none is given.
const amazon = "s3.amazonaws.com"

// Parse reads a location. Its error says what is wrong and how it is written.
func Parse(text string) (Location, error) {
	const form = "write s3://bucket/prefix?region=REGION&endpoint=https://HOST"
	u, err := url.Parse(text)
	if err != nil || u.Opaque != "" {
		return Location{}, fmt.Errorf("%q is no place in a bucket: %s", text, form)
	}
	if u.User != nil {
		return Location{}, fmt.Errorf("credentials do not belong into the name of an archive, where every log would show them: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE")
	}
	l := Location{Bucket: u.Host, Prefix: strings.Trim(path.Clean("/"+u.Path), "/"), Endpoint: amazon}
	if l.Bucket == "" || u.Fragment != "" {
		return Location{}, fmt.Errorf("%q names no bucket: %s", text, form)
	}
	if err := s3utils.CheckValidBucketName(l.Bucket); err != nil {
		return Location{}, fmt.Errorf("%q can name no bucket (%w): %s", l.Bucket, err, form)
	}
	for name, values := range u.Query() {
		switch value := values[len(values)-1]; name {
		case "region":
			l.Region = value
		case "endpoint":
			if l.Endpoint, l.Insecure, err = endpoint(value); err != nil {
				return Location{}, err
			}
		default:
			return Location{}, fmt.Errorf("%q is no setting of a bucket: %s", name, form)
		}
	}
	return l, nil
}

func endpoint(text string) (host string, insecure bool, err error) {
	if !strings.Contains(text, "://") {
		text = "https://" + text
	}
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.User != nil {
		return "", false, fmt.Errorf("endpoint %q is no address of a server: write https://HOST or http://HOST:PORT", text)
	}
	return u.Host, u.Scheme == "http", nil
}

// regionOf is the region that the name of a public store's endpoint tells, "" where it tells none.
func regionOf(endpoint string) string {
	host, _, _ := strings.Cut(endpoint, ":")
	for _, of := range []string{".amazonaws.com", ".backblazeb2.com", ".wasabisys.com", ".scw.cloud", ".io.cloud.ovh.net"} {
		if region, ok := strings.CutSuffix(host, of); ok && strings.HasPrefix(region, "s3.") {
			return strings.TrimPrefix(region, "s3.")
		}
	}
	if strings.HasSuffix(host, ".r2.cloudflarestorage.com") {
		return "auto"
	}
	return ""
}

// String is the location in one way of writing it.
func (l Location) String() string {
	q := url.Values{}
	if l.Region != "" {
		q.Set("region", l.Region)
	}
	if l.Insecure {
		q.Set("endpoint", "http://"+l.Endpoint)
	} else if l.Endpoint != amazon {
		q.Set("endpoint", "https://"+l.Endpoint)
	}
	u := url.URL{Scheme: "s3", Host: l.Bucket, Path: "/" + l.Prefix, RawQuery: q.Encode()}
	return u.String()
}

// URL is the object of a path of the archive, for people.
func (l Location) URL(name string) string { return scheme + l.Bucket + "/" + l.key(name) }

// ID is a short name for the place, the same for all ways to write it.
func (l Location) ID() string {
	sum := sha256.Sum256([]byte(l.Endpoint + "\n" + l.Bucket + "\n" + l.Prefix))
	return hex.EncodeToString(sum[:8])
}

// key is the object of a path of the archive, and path its reverse.
func (l Location) key(name string) string { return path.Join(l.Prefix, name) }

func (l Location) path(key string) string {
	if l.Prefix == "" {
		return key
	}
	return strings.TrimPrefix(key, l.Prefix+"/")
}
