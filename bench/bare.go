package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"net"
	"net/url"
	"os"
	"path"
	"strconv"

	"golang.org/x/sync/errgroup"

	"civitar/internal/durable"
)

// bareCommand has this program do what no archiver can leave out who hashes what it fetches and
// shows nothing that is not whole and durable, and nothing besides: no listing, no record, no
// errors that could be mended, HTTP with as little understanding as this one server takes.
const bareCommand = "bare"

const (
	// bareGroup is how many files are made durable together.
	bareGroup = 256
	// bareBuffer takes each of the blobs of images whole.
	bareBuffer = 512 << 10
)

// runBare fetches the URLs that a file lists into a folder.
func runBare(list, dest string) error {
	text, err := os.ReadFile(list)
	if err != nil {
		return err
	}
	b := &bare{done: make(chan string, bareGroup)}
	for _, name := range []string{"partial", "media"} {
		if err := os.Mkdir(path.Join(dest, name), 0o777); err != nil {
			return err
		}
	}
	root, err := durable.Open(dest, nil)
	if err != nil {
		return err
	}
	defer root.Close()
	if b.partial, err = root.Handle("partial"); err == nil {
		b.media, err = root.Handle("media")
	}
	if err != nil {
		return err
	}
	if !b.media.SyncsAll() {
		return errors.New("bare: files are not synced in groups here")
	}
	urls := make(chan string)
	g, running := errgroup.WithContext(context.Background())
	fetchers, ctx := errgroup.WithContext(running)
	g.Go(func() error {
		defer close(urls)
		for line := range bytes.Lines(text) {
			select {
			case urls <- string(bytes.TrimSpace(line)):
			case <-ctx.Done():
				return nil
			}
		}
		return nil
	})
	for range transfers {
		fetchers.Go(func() error { return b.fetch(ctx, urls) })
	}
	g.Go(func() error { defer close(b.done); return fetchers.Wait() })
	g.Go(b.commit)
	return g.Wait()
}

type bare struct {
	partial, media *durable.Handle
	done           chan string // names of files that are whole
}

// fetch fetches URLs of one server over one connection.
func (b *bare) fetch(ctx context.Context, urls <-chan string) error {
	f := &bareConn{sum: sha256.New(), buf: make([]byte, bareBuffer)}
	for raw := range urls {
		u, err := url.Parse(raw)
		if err == nil && f.conn == nil {
			f.conn, err = net.Dial("tcp", u.Host)
			f.in = bufio.NewReaderSize(f.conn, 64<<10)
		}
		if err == nil {
			err = f.file(u, b.partial)
		}
		if err != nil {
			return err
		}
		select {
		case b.done <- path.Base(u.Path):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if f.conn == nil {
		return nil
	}
	return f.conn.Close()
}

type bareConn struct {
	conn net.Conn
	in   *bufio.Reader
	sum  hash.Hash
	buf  []byte
	last [sha256.Size]byte // so that the hash is used
}

func (f *bareConn) file(u *url.URL, into *durable.Handle) error {
	if _, err := io.WriteString(f.conn, "GET "+u.Path+" HTTP/1.1\r\nHost: "+u.Host+"\r\n\r\n"); err != nil {
		return err
	}
	size, err := f.header()
	if err != nil {
		return err
	}
	file, err := into.Create(path.Base(u.Path), 0o666)
	if err != nil {
		return err
	}
	f.sum.Reset()
	for size > 0 && err == nil {
		part := f.buf[:min(size, int64(len(f.buf)))]
		if _, err = io.ReadFull(f.in, part); err == nil {
			f.sum.Write(part)
			_, err = file.Write(part)
		}
		size -= int64(len(part))
	}
	f.sum.Sum(f.last[:0])
	return errors.Join(err, file.Close())
}

// header reads an answer's header and returns the length of what follows.
func (f *bareConn) header() (size int64, err error) {
	for first := true; ; first = false {
		line, err := f.in.ReadSlice('\n')
		if err != nil {
			return 0, err
		}
		name, value, _ := bytes.Cut(bytes.TrimSpace(line), []byte{':'})
		switch {
		case first && !bytes.Contains(line, []byte(" 200 ")):
			return 0, fmt.Errorf("bare: %q", line)
		case len(name) == 0:
			return size, nil
		case bytes.EqualFold(name, []byte("Content-Length")):
			if size, err = strconv.ParseInt(string(bytes.TrimSpace(value)), 10, 64); err != nil {
				return 0, err
			}
		}
	}
}

// commit makes files durable and gives them their names, in groups.
func (b *bare) commit() error {
	var group []string
	for name := range b.done {
		if group = append(group, name); len(group) == bareGroup {
			if err := b.name(group); err != nil {
				return err
			}
			group = group[:0]
		}
	}
	if err := b.name(group); err != nil {
		return err
	}
	return b.media.SyncAll()
}

func (b *bare) name(group []string) error {
	if err := b.media.SyncAll(); err != nil {
		return err
	}
	for _, name := range group {
		if err := b.partial.Rename(name, b.media, name); err != nil {
			return err
		}
	}
	return nil
}
