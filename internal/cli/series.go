package cli

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"path/filepath"
	"time"

	"civitar/internal/durable"
	"civitar/manifest"
	"civitar/sink"
)

// seriesFile holds how far each series of exports has come.
const seriesFile = sink.StateDir + "/exports.json"

// exported is what was last exported of a series.
type exported struct {
	manifest.Mark
	Time time.Time `json:"time"`
	Out  string    `json:"out"` // the name of the package
	// Choice is what of all there is the series takes.
	Choice string `json:"choice,omitempty"`
}

// series reads how far the exports of an archive have come, by name.
func (h *home) series(ctx context.Context) (map[string]exported, error) {
	all := map[string]exported{}
	files, err := h.files()
	if err != nil {
		return nil, err
	}
	defer files.Close()
	r, err := files.Open(ctx, seriesFile)
	if errors.Is(err, fs.ErrNotExist) {
		return all, nil
	}
	if err != nil {
		return nil, err
	}
	defer r.Close()
	text, err := io.ReadAll(r)
	if err == nil && json.Unmarshal(text, &all) != nil {
		return map[string]exported{}, nil // damaged: everything is exported once more
	}
	return all, err
}

// note writes down how far a series has come.
func (h *home) note(ctx context.Context, name string, e exported) error {
	all, err := h.series(ctx)
	if err != nil {
		return err
	}
	all[name] = e
	text, err := json.MarshalIndent(all, "", "  ")
	if err != nil {
		return err
	}
	text = append(text, '\n')
	if h.store != nil {
		return h.store.PutText(ctx, seriesFile, text)
	}
	state, err := durable.Open(filepath.Join(h.dir, sink.StateDir), nil)
	if err != nil {
		return err
	}
	return errors.Join(state.Replace(filepath.Base(seriesFile), text, 0o666), state.Close())
}
