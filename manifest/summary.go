package manifest

import (
	"encoding/json"
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
