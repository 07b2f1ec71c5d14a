package cli

import (
	"context"
	"slices"

	"civitar/fetch"
)

type jobCmd struct {
	Job string `arg:"" name:"jobId" help:"The job's id, as a step's jobs tell it."`
	Raw bool   `help:"The API's own JSON, all of it."`

	Look lookFlags `embed:""`
	showFlags
}

func (jobCmd) Help() string {
	return "Example:  civitar job 11c39c0a-b3b1-43d9-b758-e9188b2e3108 --output yaml"
}

// Run tells what a job was to do, what became of it, and what the scanners said.
func (c *jobCmd) Run(s *session) error {
	if c.Raw && !c.raw() {
		return usagef("--raw is JSON or YAML: choose its parts with --format")
	}
	return c.Look.ask(s, func(ctx context.Context, client *fetch.Client) error {
		job, err := client.Job(ctx, c.Job)
		if err != nil {
			return err
		}
		if c.Raw {
			return c.showRaw(s, job.JSON)
		}
		return c.show(s, jobRecord(job))
	})
}

func jobRecord(j *fetch.Job) record {
	var results []record
	for _, r := range j.Results {
		results = append(results, record{{"blob", string(r.Blob)}, {"available", availability(r.Available)}})
	}
	r := record{
		{"id", j.ID}, {"type", j.Type}, {"workflow", string(j.Workflow)}, {"created", j.Created}, {"cost", number(j.Cost)},
		{"prompt", j.Prompt}, {"negativePrompt", j.NegativePrompt},
	}
	for _, f := range j.Classification {
		r = append(r, field{"classified." + f.Name, f.Value})
	}
	r = append(r, field{"results", results}, field{"event", j.Event.Type}, field{"eventTime", j.Event.Time},
		field{"provider", j.Event.Provider}, field{"worker", j.Event.Worker}, field{"duration", j.Event.Duration})
	for _, f := range scanFirst(j.Event.Context) {
		r = append(r, field{"scan." + f.Name, f.Value})
	}
	return r
}

// scanFirst puts what a person looks for before the rest.
func scanFirst(context []fetch.Field) []fetch.Field {
	rank := func(f fetch.Field) int {
		first := []string{"hive_csam_score", "hive_vlm_summary", "blocked_reason", "nsfwLevel"}
		if i := slices.Index(first, f.Name); i >= 0 {
			return i
		}
		return len(first)
	}
	sorted := slices.Clone(context)
	slices.SortStableFunc(sorted, func(a, b fetch.Field) int { return rank(a) - rank(b) })
	return sorted
}
