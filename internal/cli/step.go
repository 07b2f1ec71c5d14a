package cli

import (
	"context"
	"strings"

	"civitar/fetch"
)

type stepCmd struct {
	Workflow string `arg:"" name:"workflowId" help:"The workflow's id."`
	Step     string `arg:"" name:"stepName" help:"The step's name; 0 stands for $0, which shells take for themselves."`

	Look lookFlags `embed:""`
	showFlags
}

func (stepCmd) Help() string {
	return "Example:  civitar step 8484131-20260810223715659 0 --format '{{.status}}'"
}

// Run answers the API's own JSON, unless a table or fields are asked for.
func (c *stepCmd) Run(s *session) error {
	name := c.Step
	if name != "" && strings.Trim(name, "0123456789") == "" {
		name = "$" + name
	}
	return c.Look.ask(s, func(ctx context.Context, client *fetch.Client) error {
		step, err := client.Step(ctx, fetch.WorkflowID(c.Workflow), name)
		if err != nil {
			return err
		}
		if c.raw() {
			return c.showRaw(s, step.JSON)
		}
		return c.show(s, record{{"workflow", c.Workflow}, {"name", firstOf(step.Name, name)}, {"type", step.Type}, {"status", step.Status}})
	})
}
