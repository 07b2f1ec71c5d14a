package main

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"time"
)

// hashCommand has this program hash a folder's files by one core, and tell how long the hash
// alone took: reading, which every tool does anyway, is no part of what SHA-256 costs.
const hashCommand = "hash"

// hashed is what it prints.
type hashed struct {
	Bytes int64
	Took  time.Duration
}

func runHash(dir string, out io.Writer) error {
	runtime.GOMAXPROCS(1)
	names, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	var total hashed
	buf := make([]byte, 128<<10)
	for _, name := range names {
		if err := total.file(filepath.Join(dir, name.Name()), buf); err != nil {
			return err
		}
	}
	return json.NewEncoder(out).Encode(total)
}

func (h *hashed) file(path string, buf []byte) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	sum := sha256.New()
	for {
		n, err := f.Read(buf)
		start := time.Now()
		sum.Write(buf[:n])
		h.Took += time.Since(start)
		h.Bytes += int64(n)
		if err == io.EOF {
			return f.Close()
		}
		if err != nil {
			return errors.Join(fmt.Errorf("hash: %w", err), f.Close())
		}
	}
}

// sum is a file's SHA-256.
func sum(path string) ([sha256.Size]byte, error) {
	var s [sha256.Size]byte
	f, err := os.Open(path)
	if err != nil {
		return s, err
	}
	h := sha256.New()
	_, err = io.Copy(h, f)
	h.Sum(s[:0])
	return s, errors.Join(err, f.Close())
}
