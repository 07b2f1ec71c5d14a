package manifest

import (
	"encoding/json"
	"fmt"
	"time"

	"civitar/internal/durable"
)

// summary is manifest.json: derived, for people and scripts.
type summary struct {
	Format   int        `json:"format"`
	Source   string     `json:"source"`
	Created  time.Time  `json:"created"`
	Updated  time.Time  `json:"updated"`
	Totals   Totals     `json:"totals"`
	Coverage []Coverage `json:"coverage"`
	Runs     []Run      `json:"runs"`
}

// writeSummary replaces manifest.json, whole.
func writeSummary(state *durable.Folder, s summary) error {
	data, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	return state.Replace(summaryFile, append(data, '\n'), 0o666)
}

// checkSummary refuses an archive whose manifest.json is of a newer format. The file is
// derived: one that is missing or cannot be read says nothing.
func checkSummary(state *durable.Folder) error {
	data, err := state.ReadFile(summaryFile)
	if err != nil {
		return nil
	}
	var s struct{ Format int }
	if json.Unmarshal(data, &s) == nil && s.Format > Format {
		return fmt.Errorf("%s has format %d, this version reads up to %d: %w", summaryFile, s.Format, Format, ErrNewerFormat)
	}
	return nil
}
