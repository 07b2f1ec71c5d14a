package export

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"
)

// manifestExt ends the name of the manifest beside a package.
const manifestExt = ".manifest.json"

// listing is that manifest, written as the files come.
type listing struct {
	name  string
	file  *os.File
	buf   *bufio.Writer
	comma string
}

func newListing(cfg Config) (*listing, error) {
	l := &listing{name: cfg.Out + manifestExt + partialExt}
	var err error
	if l.file, err = os.Create(l.name); err != nil {
		return nil, err
	}
	l.buf = bufio.NewWriter(l.file)
	head, err := json.Marshal(struct {
		Export  int                 `json:"export"` // version of this form
		Format  Format              `json:"format"`
		Source  string              `json:"source"`
		From    time.Time           `json:"from,omitzero"`
		To      time.Time           `json:"to,omitzero"`
		Series  string              `json:"series,omitempty"`
		Filters map[string][]string `json:"filters,omitempty"`
	}{1, cfg.Format, cfg.About.Source, cfg.From, cfg.To, cfg.Series, cfg.Filters})
	if err == nil {
		_, err = fmt.Fprintf(l.buf, "%s,\n\"entries\":[", head[:len(head)-1])
	}
	if err != nil {
		return nil, errors.Join(err, l.discard())
	}
	return l, nil
}

func (l *listing) add(f File) error {
	data, err := json.Marshal(f)
	if err == nil {
		_, err = fmt.Fprintf(l.buf, "%s\n%s", l.comma, data)
	}
	l.comma = ","
	return err
}

func (l *listing) close(r Result) error {
	tail, err := json.Marshal(r)
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintf(l.buf, "\n],\n%s\n", tail[1:]); err != nil {
		return err
	}
	err = l.buf.Flush()
	if err == nil {
		err = l.file.Sync()
	}
	return errors.Join(err, l.file.Close())
}

func (l *listing) discard() error {
	_ = l.file.Close() // it may be closed
	if err := os.Remove(l.name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
