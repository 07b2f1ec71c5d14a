package cli

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"civitar/internal/durable"
	"civitar/internal/vault"
	"civitar/internal/verify"
	"civitar/manifest"
	"civitar/pipeline"
)

type decryptCmd struct {
	Dest     string    `arg:"" help:"Folder of the archive, a package or s3://bucket/prefix."`
	Identity []string  `short:"i" required:"" type:"existingfile" placeholder:"FILE" help:"Whom the archive is for: a file of age or SSH private keys; repeat for more."`
	To       localPath `required:"" placeholder:"FOLDER" help:"Folder to write into; the archive stays as it is."`
	JSON     bool      `name:"json" help:"Write one JSON object a line to stdout."`
	Quiet    bool      `short:"q" help:"Show errors only."`
}

func (decryptCmd) Help() string {
	return "Example:  civitar decrypt ~/vault --identity ~/.config/age/key.txt --to ~/clear"
}

// Run writes every encrypted file of an archive in the clear, under its name without .age,
// and proves it by its hash. Files that are there already and whole are passed over.
func (c *decryptCmd) Run(s *session) error {
	unseal, err := unsealer(s, c.Identity)
	if err != nil {
		return err
	}
	ctx, cancel := s.drainable()
	defer cancel()
	at, err := s.reading(ctx, c.Dest)
	if err != nil {
		return noArchive(err, c.Dest)
	}
	defer at.Close()
	audit, err := manifest.OpenAudit(ctx, at.dir, func(manifest.Damage) {})
	if err != nil {
		return noArchive(err, c.Dest)
	}
	defer audit.Close()
	if err := audit.Follow(ctx); err != nil {
		return err
	}
	files, err := at.files()
	if err != nil {
		return err
	}
	defer files.Close()
	if err := os.MkdirAll(string(c.To), 0o777); err != nil {
		return err
	}
	out, err := durable.Open(string(c.To), nil)
	if err != nil {
		return err
	}
	defer out.Close()
	d := &decryption{decryptCmd: c, s: s, files: files, out: out, unseal: unseal, told: newEvents(s.Stdout)}
	err = audit.Files(ctx, func(f manifest.File) error { return d.file(ctx, f) })
	return d.end(err)
}

// decryption is one decrypt at work.
type decryption struct {
	*decryptCmd
	s      *session
	files  verify.Files
	out    *durable.Folder
	unseal func(io.Reader) (io.Reader, error)
	told   *events

	done, plain, failed int64
}

// file decrypts one. What is wrong with it is told, and keeps nobody from the others; a
// wrong identity or a full disk does.
func (d *decryption) file(ctx context.Context, f manifest.File) error {
	name, sealed := strings.CutSuffix(f.Path, pipeline.SealedExt)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case !sealed:
		d.plain++
		return nil
	case d.whole(name, f.Plain):
		d.done++
		return nil
	}
	from, err := d.files.Open(ctx, f.Path)
	if err != nil {
		return d.fault(f.Path, err)
	}
	defer from.Close()
	clear, err := d.unseal(from)
	if errors.Is(err, vault.ErrNoMatch) {
		return fmt.Errorf("%s: %w", f.Path, err)
	}
	if err != nil {
		return d.fault(f.Path, err)
	}
	h := sha256.New()
	proved := &proving{r: io.TeeReader(clear, h), prove: func() error {
		if sum := hex.EncodeToString(h.Sum(nil)); f.Plain.SHA256 != "" && sum != f.Plain.SHA256 {
			return fmt.Errorf("what it holds has SHA-256 %s, recorded with %s", sum, f.Plain.SHA256)
		}
		return nil
	}}
	if err := copyOut(d.out, proved, name); err != nil {
		if proved.err != nil {
			return d.fault(f.Path, proved.err)
		}
		return err
	}
	d.done++
	return nil
}

// proving is a reader that ends in an error where what was read is not what it should be.
type proving struct {
	r     io.Reader
	prove func() error
	err   error
}

func (p *proving) Read(b []byte) (int, error) {
	n, err := p.r.Read(b)
	if err == io.EOF {
		if fault := p.prove(); fault != nil {
			err = fault
		}
	}
	if err != nil && err != io.EOF {
		p.err = err
	}
	return n, err
}

// whole tells that a file was decrypted before.
func (d *decryption) whole(name string, want manifest.Content) bool {
	file, err := d.out.Open(name)
	if err != nil || want.SHA256 == "" {
		return false
	}
	defer file.Close()
	if info, err := file.Stat(); err != nil || info.Size() != want.Size {
		return false
	}
	h := sha256.New()
	_, err = io.Copy(h, file)
	return err == nil && hex.EncodeToString(h.Sum(nil)) == want.SHA256
}

func (d *decryption) fault(path string, err error) error {
	d.failed++
	if d.JSON {
		d.told.write(map[string]string{"event": "fault", "path": path, "what": err.Error()})
	} else {
		fmt.Fprintf(d.s.Stderr, "civitar: %s: %s\n", oneLine(path), oneLine(err.Error()))
	}
	return nil
}

func (d *decryption) end(err error) error {
	switch {
	case d.JSON:
		d.told.write(map[string]any{"event": "summary", "archive": d.Dest, "to": d.To, "decrypted": d.done, "plain": d.plain, "failed": d.failed})
	case !d.Quiet && err == nil:
		fmt.Fprintf(d.s.Stdout, "%s: %s decrypted into %s; %s in the archive not encrypted, %s failed\n",
			d.Dest, plural(d.done, "file"), d.To, filesAre(d.plain), plural(d.failed, "file"))
	}
	switch {
	case d.s.interrupted():
		return exitError{exitInterrupted}
	case err == nil && d.failed > 0:
		return exitError{exitIncomplete}
	}
	return err
}

func filesAre(n int64) string {
	if n == 1 {
		return "1 file is"
	}
	return plural(n, "file") + " are"
}
