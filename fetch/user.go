package fetch

import (
	"context"
	"errors"
	"iter"
	"net/url"
	"strconv"
	"strings"
)

const (
	// maxUserTake is what the manager API gives at most, and leastUserTake what it gives
	// to any token (the API page, "One: workflow, step, job").
	maxUserTake   = 100
	leastUserTake = 10
)

// UserQuery selects workflows of another user, which needs a manager's token.
type UserQuery struct {
	User          string   // the user's number
	Tags          []string // all of them must match
	Text          string   // searched in the metadata
	ExcludeFailed bool
	Ascending     bool
	Cursor        string // where to go on, from Page.Next; "" for the start
	Take          int    // workflows a page, at most 100; 0 leaves it to the server
}

// UserPages is [Client.Pages] over another user's workflows. Some tokens get pages of ten
// at most: where a larger one is refused, these are asked for. ErrForbidden means that the
// token is no manager's.
func (c *Client) UserPages(ctx context.Context, q UserQuery) iter.Seq2[*Page, error] {
	q.Take = min(q.Take, maxUserTake)
	op := c.op("list workflows of user", q.User)
	return walkPages(q.Cursor, func(cursor string) (*Page, error) {
		page, err := c.pageAt(ctx, op, "/v1/manager/workflows", q.values(cursor), cursor)
		if q.Take > leastUserTake && tooMany(err) {
			q.Take = leastUserTake
			page, err = c.pageAt(ctx, op, "/v1/manager/workflows", q.values(cursor), cursor)
		}
		return page, err
	})
}

// tooMany tells a refusal of the page's size.
func tooMany(err error) bool {
	var e *Error
	if !errors.Is(err, ErrInvalid) || !errors.As(err, &e) {
		return false
	}
	for name := range e.Fields {
		if strings.EqualFold(name, "take") {
			return true
		}
	}
	return false
}

// values has the manager API's spelling.
func (q UserQuery) values(cursor string) url.Values {
	v := url.Values{"UserId": {q.User}}
	if len(q.Tags) > 0 {
		v["Tags"] = q.Tags
	}
	if q.Text != "" {
		v.Set("Query", q.Text)
	}
	if cursor != "" {
		v.Set("Cursor", cursor)
	}
	if q.Take > 0 {
		v.Set("Take", strconv.Itoa(q.Take))
	}
	if q.ExcludeFailed {
		v.Set("ExcludeFailed", "true")
	}
	if q.Ascending {
		v.Set("Inverse", "true")
	}
	return v
}
