package verify

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"time"

	"civitar/manifest"
	"civitar/pipeline"
)

const (
	// bufferSize is how much is read and hashed at a time, in bytes.
	bufferSize = 256 << 10
	// clockSlack is by how much a file's time may be coarser than the clock's.
	clockSlack = 2 * time.Second
)

// file checks one file of the record.
func (v *verification) file(ctx context.Context, f manifest.File, buf []byte) error {
	found, err := v.check(ctx, f, buf)
	if err != nil || found.Kind == "" {
		return err
	}
	if f.Blob == "" { // sidecars change while a run is at work, blobs never do
		if ok, err := v.again(ctx, f, found, buf); ok || err != nil {
			return err
		}
	}
	v.find(found)
	return nil
}

// again looks at a sidecar once more, by what the journal says now.
func (v *verification) again(ctx context.Context, f manifest.File, found Finding, buf []byte) (ok bool, err error) {
	if v.Own {
		return false, nil
	}
	since, _ := v.unsettled()
	if err := v.audit.Follow(ctx); err != nil {
		return false, err
	}
	now, there, err := v.audit.Sidecar(ctx, f.Workflow)
	if err != nil || !there {
		return !there, err
	}
	if now != f {
		found, err = v.check(ctx, now, buf)
		if err != nil || found.Kind == "" {
			return err == nil, err
		}
	}
	return found.Kind != Missing && !since.IsZero() && !found.Since.Before(since), nil
}

// unsettled is since when files may be there that are not recorded yet, zero if none may.
func (v *verification) unsettled() (since time.Time, held bool) {
	since, held = v.audit.Unsettled()
	if !since.IsZero() {
		since = since.Add(-clockSlack)
	}
	return since, held
}

// check compares a file with its record. Its error is the context's.
func (v *verification) check(ctx context.Context, f manifest.File, buf []byte) (Finding, error) {
	bad := Finding{Path: f.Path, Workflow: f.Workflow, Blob: f.Blob, Beside: f.Beside}
	say := func(k Kind, since time.Time, format string, args ...any) (Finding, error) {
		bad.Kind, bad.Since, bad.What = k, since.UTC().Truncate(time.Millisecond), fmt.Sprintf(format, args...)
		return bad, nil
	}
	if f.Path == "" {
		bad.Path = "workflows/"
		return say(Missing, f.Time, "the sidecar of workflow %s was lost", f.Workflow)
	}
	info, err := v.Files.Stat(ctx, f.Path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return say(Missing, f.Time, "recorded as kept, and not there")
	case err != nil:
		return say(Unreadable, f.Time, "%v", err)
	case !info.Regular:
		return say(Altered, info.Changed, "not a regular file any more")
	case f.SHA256 != "" && info.Size < f.Size:
		return say(Truncated, info.Changed, "%d of %d bytes are left", info.Size, f.Size)
	case f.SHA256 != "" && info.Size > f.Size:
		return say(Altered, info.Changed, "%d bytes, recorded with %d", info.Size, f.Size)
	}
	if v.Stored && info.SHA256 != "" && f.SHA256 != "" {
		if info.SHA256 != f.SHA256 {
			return say(Altered, info.Changed, "its stored SHA-256 is %s, recorded with %s", info.SHA256, f.SHA256)
		}
		return Finding{}, nil
	}
	if !v.reads(f, info) {
		return Finding{}, nil
	}
	sum, invalid, err := v.read(ctx, f, buf)
	switch {
	case ctx.Err() != nil:
		return Finding{}, ctx.Err()
	case err != nil:
		return say(Unreadable, info.Changed, "%v", err)
	case f.SHA256 != "" && sum == f.SHA256:
	case invalid != nil:
		return say(Invalid, info.Changed, "the sidecar does not parse: %v", invalid)
	case f.SHA256 != "":
		return say(Altered, info.Changed, "its SHA-256 is %s, recorded with %s", sum, f.SHA256)
	}
	return Finding{}, nil
}

// reads tells whether a file is to be read. What changes the bytes sets the modification
// time; the system's own time of change would tell of every copy and link, too.
func (v *verification) reads(f manifest.File, info Info) bool {
	if v.Quick || !v.part.has(f.Path) {
		return info.Modified.After(f.Time.Add(clockSlack))
	}
	return true
}

// read hashes a file, and tells of a sidecar whether it parses.
func (v *verification) read(ctx context.Context, f manifest.File, buf []byte) (sum string, invalid, err error) {
	file, err := v.Files.Open(ctx, f.Path)
	if err != nil {
		return "", nil, err
	}
	defer file.Close()
	h := sha256.New()
	from := io.TeeReader(v.counted(ctx, file), h)
	if v.Unseal != nil && strings.HasSuffix(f.Path, pipeline.SealedExt) {
		if err := v.proveSealed(f, from, buf); err != nil {
			return "", nil, err
		}
	}
	if _, err := io.CopyBuffer(io.Discard, from, buf); err != nil {
		return "", nil, err
	}
	v.hashed.Add(1)
	sum = hex.EncodeToString(h.Sum(nil))
	if f.Blob == "" && sum != f.SHA256 && f.Plain == (manifest.Content{}) {
		invalid, err = v.parses(ctx, f.Path)
	}
	return sum, invalid, err
}

// proveSealed decrypts a file and compares what it holds with the record.
func (v *verification) proveSealed(f manifest.File, from io.Reader, buf []byte) error {
	clear, err := v.Unseal(from)
	if err != nil {
		return err
	}
	h := sha256.New()
	if _, err := io.CopyBuffer(h, clear, buf); err != nil {
		return err
	}
	if sum := hex.EncodeToString(h.Sum(nil)); f.Plain.SHA256 != "" && sum != f.Plain.SHA256 {
		return fmt.Errorf("what it holds has SHA-256 %s, recorded with %s", sum, f.Plain.SHA256)
	}
	return nil
}

func (v *verification) parses(ctx context.Context, name string) (invalid, err error) {
	file, err := v.Files.Open(ctx, name)
	if err != nil {
		return nil, err
	}
	return parses(file), file.Close()
}

// parses tells whether a file is one JSON value, in little memory.
func parses(file io.Reader) error {
	d := json.NewDecoder(file)
	for depth, values := 0, 0; ; {
		token, err := d.Token()
		if err == io.EOF && depth == 0 && values == 1 {
			return nil
		}
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return err
		}
		switch token {
		case json.Delim('{'), json.Delim('['):
			depth++
		case json.Delim('}'), json.Delim(']'):
			depth--
		}
		if depth == 0 {
			values++
		}
	}
}

// counted reads until the context ends, and counts.
func (v *verification) counted(ctx context.Context, r io.Reader) io.Reader {
	return readerFunc(func(p []byte) (int, error) {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		n, err := r.Read(p)
		v.Progress.Read.Add(int64(n))
		return n, err
	})
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }
