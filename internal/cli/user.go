package cli

import (
	"context"
	"errors"

	"civitar/fetch"
)

type userCmd struct {
	User string `arg:"" name:"userId" help:"The user's number."`
	filterFlags

	Look lookFlags `embed:""`
	showFlags
}

func (userCmd) Help() string {
	return "Example:  civitar user 12345 --take 50 --exclude-failed"
}

// Run lists another user's workflows, which takes a manager's token.
func (c *userCmd) Run(s *session) error {
	if c.Take < 1 || c.Take > 100 {
		return usagef("--take must be from 1 to 100")
	}
	p, err := c.printer(s, workflowShape())
	if err != nil {
		return err
	}
	return c.Look.ask(s, func(ctx context.Context, client *fetch.Client) error {
		q := fetch.UserQuery{User: c.User, Tags: c.Tag, Text: c.Query, ExcludeFailed: c.ExcludeFailed, Ascending: c.Oldest, Cursor: c.Cursor, Take: c.Take}
		l := &listing{pages: client.UserPages(ctx, q), after: fetch.WorkflowID(c.After), take: c.Take,
			match: func(*fetch.Workflow) bool { return true },
			past:  func([]*fetch.Workflow) bool { return false },
		}
		err := l.run(s, p, c.words("user", c.User))
		if errors.Is(err, fetch.ErrForbidden) {
			return hintError{err, "this command needs a manager's token; civitar workflows lists your own"}
		}
		return err
	})
}
