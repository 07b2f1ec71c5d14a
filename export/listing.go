package export

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// manifestExt ends the name of the manifest beside a package.
const manifestExt = ".manifest.json"

// listing is that manifest, written as the files come.
type listing struct {
	Draft
	comma string
}

func newListing(ctx context.Context, cfg Config) (*listing, error) {
	draft, err := cfg.Shelf.Draft(ctx, cfg.Out+manifestExt)
	if err != nil {
		return nil, err
	}
	l := &listing{Draft: draft}
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
		_, err = fmt.Fprintf(l, "%s,\n\"entries\":[", head[:len(head)-1])
	}
	if err != nil {
		return nil, errors.Join(err, l.Discard())
	}
	return l, nil
}

func (l *listing) add(f File) error {
	data, err := json.Marshal(f)
	if err == nil {
		_, err = fmt.Fprintf(l, "%s\n%s", l.comma, data)
	}
	l.comma = ","
	return err
}

func (l *listing) close(r Result) error {
	tail, err := json.Marshal(r)
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintf(l, "\n],\n%s\n", tail[1:]); err != nil {
		return err
	}
	return l.Finish()
}
