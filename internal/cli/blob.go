package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"

	"civitar/fetch"
	"civitar/internal/durable"
	"civitar/pipeline"
	"civitar/sink"
)

type blobCmd struct {
	Blob     string    `arg:"" name:"blobId" help:"The blob's id, with its extension."`
	Download bool      `help:"Fetch it."`
	NSFW     bool      `name:"nsfw" help:"Mature and unrated content is welcome (else it is refused)."`
	Output   localPath `short:"o" default:"auto" placeholder:"WHERE" help:"With --download: a file, or - for stdout (default the id's name here). Else as ${forms}"`

	Look lookFlags `embed:""`
	formFlags
}

func (blobCmd) Help() string {
	return "Example:  civitar blob JNFDW54JNTATNW42HACYCWSQP0.jpeg --download --output - | display"
}

// Run tells the server's verdict on a blob, or fetches it where there is none against it.
func (c *blobCmd) Run(s *session) error {
	show := showFlags{Output: string(c.Output), formFlags: c.formFlags}
	forms := []string{"auto", "table", "json", "jsonl", "yaml", "csv"}
	switch {
	case c.Output == "":
		return usagef("--output is empty")
	case !c.Download && !slices.Contains(forms, string(c.Output)):
		return usagef("--output %s: without --download, this is one of table, json, jsonl, yaml and csv", c.Output)
	}
	if c.Download {
		show.Output = "auto"
	}
	return c.Look.ask(s, func(ctx context.Context, client *fetch.Client) error {
		d, err := client.Describe(ctx, fetch.BlobID(c.Blob))
		if err != nil {
			return err
		}
		v := c.judge(d)
		if !c.Download {
			if v.state == "deliverable" {
				if v.size, v.media, err = look(ctx, client, d.Location); err != nil {
					return err
				}
			}
			return show.show(s, v.record())
		}
		if v.state != "deliverable" {
			return fmt.Errorf("blob %s is %s: %s", c.Blob, v.state, v.reason)
		}
		return c.fetch(ctx, s, client)
	})
}

// verdict is what can be said of a blob.
type verdict struct {
	id            fetch.BlobID
	state, reason string
	level         fetch.Level
	size          any // bytes; nil when not known
	media         string
}

func (v verdict) record() record {
	return record{{"blob", string(v.id)}, {"state", v.state}, {"reason", v.reason}, {"nsfw", v.level}, {"size", v.size}, {"media", v.media}}
}

func (c *blobCmd) judge(d *fetch.Description) verdict {
	v := verdict{id: d.ID, level: d.Level, state: "deliverable"}
	switch {
	case d.Withheld != "":
		v.state, v.reason = "withheld", d.Withheld
	case c.NSFW:
	case d.Level.Mature():
		v.state, v.reason = "refused", fmt.Sprintf("its level is %s, which is mature; --nsfw allows it", d.Level)
	case d.Level == "na":
		v.state, v.reason = "refused", "it has no level (na), so it may be mature; --nsfw allows it"
	}
	return v
}

// look asks for the bytes to learn of their number and type, and reads none.
func look(ctx context.Context, client *fetch.Client, loc fetch.Location) (size any, media string, err error) {
	body, err := client.Open(ctx, loc, fetch.Resume{})
	if err != nil {
		return nil, "", err
	}
	if body.Size >= 0 {
		size = body.Size
	}
	return size, body.MediaType, body.Close()
}

// fetch downloads the blob. Its bytes go to a folder beside the file until they are whole
// and proved, so that nothing else ever has the file's name; an interrupted download goes
// on there.
func (c *blobCmd) fetch(ctx context.Context, s *session, client *fetch.Client) error {
	if c.Output == "-" {
		return c.fetchToStdout(ctx, s, client)
	}
	named := c.Output != "auto"
	target := string(c.Output)
	if !named {
		target = sink.Element(c.Blob)
	}
	if info, err := os.Stat(target); err == nil && info.IsDir() {
		return fmt.Errorf("%s is a folder: name a file", target)
	}
	staging := target + ".part"
	f, err := c.stage(ctx, s, client, staging)
	if err != nil {
		return err
	}
	if !named { // the bytes may have corrected the extension
		target = f.Name
	}
	if err := place(filepath.Join(staging, f.Name), target); err != nil {
		return err
	}
	if err := os.RemoveAll(staging); err != nil {
		return err
	}
	fmt.Fprintf(s.Stderr, "civitar: %s: %d bytes, %s, sha256 %s\n", oneLine(target), f.Size, f.Media, f.SHA256)
	return nil
}

// fetchToStdout hands on the bytes when they are whole: what went down a pipe cannot be
// taken back.
func (c *blobCmd) fetchToStdout(ctx context.Context, s *session, client *fetch.Client) (err error) {
	staging, err := os.MkdirTemp("", "civitar-blob-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(staging)) }()
	f, err := c.stage(ctx, s, client, staging)
	if err != nil {
		return err
	}
	file, err := os.Open(filepath.Join(staging, f.Name))
	if err != nil {
		return err
	}
	_, err = io.Copy(s.Stdout, file)
	return errors.Join(err, file.Close())
}

// stage brings the blob into a folder of its own.
func (c *blobCmd) stage(ctx context.Context, s *session, client *fetch.Client, folder string) (f pipeline.Fetched, err error) {
	dir, err := sink.Open(folder)
	if err != nil {
		return f, err
	}
	defer func() {
		if err = errors.Join(err, dir.Close()); err != nil {
			removeEmpty(folder)
		}
	}()
	return pipeline.Fetch(ctx, pipeline.Config{Source: client, Sink: dir, Tries: c.Look.Retries, Logger: slog.New(notes{s.Stderr})},
		fetch.Blob{ID: fetch.BlobID(c.Blob), Available: true})
}

// removeEmpty removes a sink that holds nothing to go on with: folders go only when empty.
func removeEmpty(folder string) {
	for _, name := range []string{filepath.Join(sink.StateDir, "partial"), sink.StateDir, "."} {
		_ = os.Remove(filepath.Join(folder, name))
	}
}

// place gives a durable file its name for good.
func place(from, to string) error {
	if err := os.Rename(from, to); err != nil {
		return err
	}
	folder, err := durable.Open(filepath.Dir(to), nil)
	if err != nil {
		return err
	}
	return errors.Join(folder.SyncDir("."), folder.Close())
}
