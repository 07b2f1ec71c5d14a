package cli

import (
	"fmt"
	"time"
)

type testCmd struct {
	Look lookFlags `embed:""`
	showFlags
}

func (testCmd) Help() string {
	return "Example:  civitar test --api-url https://orchestration-new.civitai.com"
}

// Run asks once. What answered is told also when the answer was no good one.
func (c *testCmd) Run(s *session) error {
	client, access, err := c.Look.client(s)
	if err != nil {
		return err
	}
	defer client.Close()
	ctx, cancel := s.drainable()
	defer cancel()
	greeting, failure := client.Check(ctx)
	if greeting.Status == 0 {
		return failure
	}
	shown := record{
		{"url", client.Scrub(access.url)},
		{"ok", failure == nil},
		{"status", greeting.Status},
		{"server", greeting.Server},
		{"protocol", greeting.Proto},
		{"latency", greeting.Latency.Round(time.Millisecond / 10).String()},
		{"token", "from " + access.from},
	}
	if err := c.show(s, shown); err != nil {
		return err
	}
	if failure == nil {
		fmt.Fprintln(s.Stderr, "civitar: the API answers and takes the token")
	}
	return failure
}
