package bucket

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"net"
	"net/http"
	"os"
	"path"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

const (
	// partSize is that of an upload's parts, in bytes; a file of 10,000 of them is the
	// largest that the protocol takes.
	partSize = 64 << 20
	// mostCopied is the size in bytes of what the protocol copies in one piece. Not every store
	// can copy in several.
	mostCopied = 5 << 30
	// tries is how often a request is tried that fails for reasons that can pass.
	tries = 5
	// patience is how long the record's own small objects may take.
	patience = 2 * time.Minute

	// sumKey and timeKey are an object's metadata: the SHA-256 of its bytes in hex, and when
	// they are to be told as modified (RFC 3339).
	sumKey  = "Sha256"
	timeKey = "Mtime"
)

// Store is a place in a bucket. Its methods may be called from many goroutines. Errors are
// [*Error]s.
type Store struct {
	Location
	client *minio.Client
	lease  *lease // nil: not held
	retired
}

// Open connects to a location, with the credentials that the usual chain finds:
// AWS_ACCESS_KEY_ID and its kind, the shared file and AWS_PROFILE, the role of the machine.
// It asks nothing yet. env is the environment.
func Open(l Location, env func(string) string) (*Store, error) {
	transport, err := minio.DefaultTransport(!l.Insecure)
	if err != nil {
		return nil, err
	}
	transport.MaxIdleConnsPerHost = 64
	transport.ResponseHeaderTimeout = 2 * time.Minute
	region := or(l.Region, regionOf(l.Endpoint))
	if region == "" && l.Endpoint != amazon {
		region = or(env("AWS_REGION"), env("AWS_DEFAULT_REGION"), "us-east-1") // such servers know one, and mostly do not care
	}
	creds, err := find(env)
	if err != nil {
		return nil, &Error{Place: l.String(), Why: err.Error(), Err: err}
	}
	client, err := minio.New(l.Endpoint, &minio.Options{Creds: creds, Secure: !l.Insecure, Region: region, Transport: transport, MaxRetries: tries})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", l, err)
	}
	return &Store{Location: l, client: client}, nil
}

// find is the usual chain. The library ends its own in nameless access, which here could
// only mean a mistake.
func find(env func(string) string) (*credentials.Credentials, error) {
	chain := []credentials.Provider{
		&credentials.EnvAWS{},
		&credentials.FileAWSCredentials{Filename: env("AWS_SHARED_CREDENTIALS_FILE"), Profile: env("AWS_PROFILE")},
	}
	if !strings.EqualFold(env("AWS_EC2_METADATA_DISABLED"), "true") {
		dial := &net.Dialer{Timeout: 2 * time.Second} // on a machine that has no roles, nobody answers
		chain = append(chain, &credentials.IAM{Client: &http.Client{Transport: &http.Transport{DialContext: dial.DialContext}, Timeout: 10 * time.Second}})
	}
	creds := credentials.NewChainCredentials(chain)
	value, err := creds.GetWithContext(nil)
	if err != nil || value.SignerType.IsAnonymous() {
		return nil, errors.New("no credentials were found: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE and a shared credentials file")
	}
	return creds, nil
}

func or(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}

// object is one of the listing.
type object struct {
	name     string // relative to the archive
	size     int64
	etag     string
	modified time.Time
}

// list hands on the objects whose names begin with a prefix, in the order of their names.
func (s *Store) list(ctx context.Context, prefix string) iter.Seq2[object, error] {
	return func(yield func(object, error) bool) {
		ctx, stop := context.WithCancel(ctx)
		defer stop()
		begin := s.key(prefix)
		if begin == "." {
			begin = ""
		}
		if begin != "" && (prefix == "" || strings.HasSuffix(prefix, "/")) {
			begin += "/"
		}
		for o := range s.client.ListObjectsIter(ctx, s.Bucket, minio.ListObjectsOptions{Prefix: begin, Recursive: true}) {
			if o.Err != nil {
				yield(object{}, s.told(prefix, o.Err))
				return
			}
			if !yield(object{s.path(o.Key), o.Size, strings.Trim(o.ETag, `"`), o.LastModified}, nil) {
				return
			}
		}
	}
}

// Exists tells whether there is an archive at the place.
func (s *Store) Exists(ctx context.Context) (bool, error) {
	for _, err := range s.list(ctx, journalDir) {
		return err == nil, err
	}
	return false, nil
}

// put makes an object of data. match is "" for any, "*" for the first of its name, or the
// entity tag of the one that it replaces. It returns the new tag.
func (s *Store) put(ctx context.Context, name string, data []byte, media, match string) (etag string, err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	o := minio.PutObjectOptions{ContentType: media, DisableMultipart: true}
	switch match {
	case "":
	case "*":
		o.SetMatchETagExcept("*")
	default:
		o.SetMatchETag(match)
	}
	info, err := s.client.PutObject(ctx, s.Bucket, s.key(name), bytes.NewReader(data), int64(len(data)), o)
	if match != "" && unconditional(err) {
		err = fmt.Errorf("%w: %w", errUnconditional, err)
	}
	return strings.Trim(info.ETag, `"`), s.told(name, err)
}

// unconditional tells whether a store has refused a condition for being one.
func unconditional(err error) bool {
	switch answer := answerOf(err); answer.StatusCode {
	case http.StatusNotImplemented, http.StatusMethodNotAllowed:
		return true
	case http.StatusBadRequest:
		return answer.Code == "InvalidArgument" || answer.Code == "InvalidRequest" || answer.Code == "NotSupported"
	}
	return false
}

// get reads a small object whole, and its entity tag.
func (s *Store) get(ctx context.Context, name string) (data []byte, etag string, err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	o, err := s.client.GetObject(ctx, s.Bucket, s.key(name), minio.GetObjectOptions{})
	if err != nil {
		return nil, "", s.told(name, err)
	}
	defer o.Close()
	if data, err = io.ReadAll(o); err != nil {
		return nil, "", s.told(name, err)
	}
	info, err := o.Stat()
	return data, strings.Trim(info.ETag, `"`), s.told(name, err)
}

// PutFile makes an object of a file, in parts where it is large; it appears when it is
// whole.
func (s *Store) PutFile(ctx context.Context, name, file string, media, sha256 string, modified time.Time) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	o := minio.PutObjectOptions{ContentType: media, PartSize: partSize, NumThreads: 2, UserMetadata: map[string]string{}}
	if sha256 != "" {
		o.UserMetadata[sumKey] = sha256
	}
	if !modified.IsZero() {
		o.UserMetadata[timeKey] = modified.UTC().Format(time.RFC3339)
	}
	_, err = s.client.PutObject(ctx, s.Bucket, s.key(name), f, info.Size(), o)
	return s.told(name, err)
}

// PutText makes an object of a small text, in the place of one that is there.
func (s *Store) PutText(ctx context.Context, name string, data []byte) error {
	_, err := s.put(ctx, name, data, mediaOf(name), "")
	return err
}

// Read opens an object. Errors wrap [fs.ErrNotExist] where there is none.
func (s *Store) Read(ctx context.Context, name string) (io.ReadCloser, int64, error) {
	o, err := s.client.GetObject(ctx, s.Bucket, s.key(name), minio.GetObjectOptions{})
	if err != nil {
		return nil, 0, s.told(name, err)
	}
	info, err := o.Stat()
	if err != nil {
		return nil, 0, errors.Join(s.told(name, err), o.Close())
	}
	return &reading{o, s, name}, info.Size, nil
}

type reading struct {
	*minio.Object
	store *Store
	name  string
}

func (r *reading) Read(p []byte) (int, error) {
	n, err := r.Object.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = r.store.told(r.name, err)
	}
	return n, err
}

// copyTo copies an object within the bucket, its metadata with it.
func (s *Store) copyTo(ctx context.Context, from, to string) error {
	there, err := s.Files().Stat(ctx, from)
	if err != nil {
		return err
	}
	source, target := minio.CopySrcOptions{Bucket: s.Bucket, Object: s.key(from)}, minio.CopyDestOptions{Bucket: s.Bucket, Object: s.key(to)}
	if there.Size > mostCopied {
		_, err = s.client.ComposeObject(ctx, target, source)
	} else {
		_, err = s.client.CopyObject(ctx, target, source)
	}
	return s.told(from, err)
}

// remove removes objects; one that is not there is fine.
func (s *Store) remove(ctx context.Context, names ...string) error {
	for _, name := range names {
		if err := s.client.RemoveObject(ctx, s.Bucket, s.key(name), minio.RemoveObjectOptions{}); err != nil && answerOf(err).Code != "NoSuchKey" {
			return s.told(name, err)
		}
	}
	return nil
}

// mediaOf is the type of what the program itself writes, by its name.
func mediaOf(name string) string {
	switch path.Ext(name) {
	case ".json":
		return "application/json"
	case ".jsonl":
		return "application/jsonl"
	case ".xmp":
		return "application/rdf+xml"
	case ".txt", ".md", ".sha256":
		return "text/plain; charset=utf-8"
	case ".csv":
		return "text/csv; charset=utf-8"
	case ".zip":
		return "application/zip"
	case ".tar":
		return "application/x-tar"
	case ".zst":
		return "application/zstd"
	}
	return "application/octet-stream"
}
