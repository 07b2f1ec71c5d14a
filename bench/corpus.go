package main

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
)

// workload is a set of blobs of one size, and where they are had.
type workload struct {
	name  string
	count int
	size  int64 // of each blob, in bytes
	kind  string
	far   bool // every response is late, and the URLs are signed and redirect

	dir   string   // holds the blobs; a far workload shares another's
	blobs []string // ids, which are the names of the files; all of one length
	api   string   // base URL of the orchestrator that lists them
	lists string   // folder of the lists that peers are given
}

// bytes is the size of the whole workload.
func (w *workload) bytes() int64 { return int64(w.count) * w.size }

// title names the workload for the report.
func (w *workload) title() string {
	size := fmt.Sprintf("%d KiB", w.size>>10)
	if w.size >= 1<<20 {
		size = fmt.Sprintf("%d MiB", w.size>>20)
	}
	return fmt.Sprintf("%s: %s x %s", w.name, thousands(w.count), size)
}

// workloads are all of them, at a scale; 1 is the measurement.
func workloads(scale float64) []*workload {
	count := func(n int) int { return max(int(float64(n)*scale), 4) }
	return []*workload{
		{name: "small", count: count(20_000), size: 16 << 10, kind: "image"},
		{name: "images", count: count(3_000), size: 400 << 10, kind: "image"},
		{name: "videos", count: count(24), size: 64 << 20, kind: "video"},
		{name: "small-far", count: count(2_000), size: 16 << 10, kind: "image", far: true},
		{name: "images-far", count: count(2_000), size: 400 << 10, kind: "image", far: true},
	}
}

// corpus holds the blobs of all workloads. Workloads of one size share theirs.
type corpus struct {
	dir  string // the server's root
	made map[int64]*workload
}

// add gives a workload its blobs, which are written unless there are enough of their size
// already.
func (c *corpus) add(ctx context.Context, w *workload) error {
	if have := c.made[w.size]; have != nil && have.count >= w.count {
		w.dir, w.blobs = have.dir, have.blobs[:w.count]
		return nil
	}
	w.dir = filepath.Join(c.dir, w.name, "v2", "consumer", "blobs", "content")
	if err := os.MkdirAll(w.dir, 0o755); err != nil {
		return err
	}
	seed := sha256.Sum256([]byte(w.name))
	random := rand.NewChaCha8(seed)
	for i := range w.count {
		w.blobs = append(w.blobs, w.id(random, i))
		if err := errors.Join(ctx.Err(), w.write(random, w.blobs[i])); err != nil {
			return err
		}
	}
	c.made[w.size] = w
	return nil
}

// id is one of the forms that the service gives ids.
func (w *workload) id(random *rand.ChaCha8, i int) string {
	hi, lo, ext := random.Uint64(), random.Uint64(), "jpg"
	if w.kind == "video" {
		ext = "mp4"
	}
	return fmt.Sprintf("%08x-%04x-%04x-%04x-%012x-%d.%s", hi>>32, hi>>16&0xffff, hi&0xffff, lo>>48, lo&(1<<48-1), i%perWorkflow, ext)
}

// write writes a blob: a head that tells its type, since what cannot be a result is not
// kept, and bytes that no file system can make smaller.
func (w *workload) write(random io.Reader, id string) error {
	f, err := os.Create(filepath.Join(w.dir, id))
	if err != nil {
		return err
	}
	head := w.head()
	out := bufio.NewWriterSize(f, 1<<20)
	_, err = out.Write(head)
	if err == nil {
		_, err = io.CopyN(out, random, w.size-int64(len(head)))
	}
	return errors.Join(err, out.Flush(), f.Close())
}

func (w *workload) mediaType() string {
	if w.kind == "video" {
		return "video/mp4"
	}
	return "image/jpeg"
}

func (w *workload) head() []byte {
	if w.kind == "video" {
		return append(binary.BigEndian.AppendUint32(nil, 24), "ftypisom\x00\x00\x02\x00isommp42"...)
	}
	return []byte("\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00")
}
