package sandbox

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// DefaultTake and MaxTake are the API page's sizes of a page of workflows.
const (
	DefaultTake = 100
	MaxTake     = 1000
)

// query is a request for a page of workflows, as "Listing" on the API page
// describes it; the manager API's parameters come down to the same.
type query struct {
	take          int
	tags          []string
	text          string
	ascending     bool
	hideMature    bool
	from, to      time.Time // zero: open
	excludeFailed bool
	cursor        string // as sent
	at            cursor
}

// refusal is why a query was refused.
type refusal struct {
	status      int
	field, what string
}

func (f *refusal) answer(w http.ResponseWriter, r *http.Request) {
	invalid(w, r, f.status, f.field, f.what)
}

// params reads typed query parameters and keeps the first refusal.
type params struct {
	values url.Values
	bad    *refusal
}

func (p *params) refuse(status int, field, what string) {
	if p.bad == nil {
		p.bad = &refusal{status, field, what}
	}
}

func (p *params) flag(name string) bool {
	text := p.values.Get(name)
	if text == "" {
		return false
	}
	on, err := strconv.ParseBool(strings.ToLower(text))
	if err != nil {
		p.refuse(http.StatusBadRequest, name, "The value '"+text+"' is not valid.")
	}
	return on
}

// count is a number from 1; larger ones than most are cut to it.
func (p *params) count(name string, ifAbsent, most int) int {
	text := p.values.Get(name)
	if text == "" {
		return ifAbsent
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		p.refuse(http.StatusBadRequest, name, "The field "+name+" must be a number from 1.")
		return ifAbsent
	}
	return min(n, most)
}

func (p *params) date(name string) time.Time {
	text := p.values.Get(name)
	if text == "" {
		return time.Time{}
	}
	at, err := parseStamp(text)
	if err != nil {
		p.refuse(http.StatusUnprocessableEntity, name, "The value '"+text+"' is not a valid date.")
	}
	return at
}

func (s *Server) consumerQuery(values url.Values) (query, *refusal) {
	p := &params{values: values}
	q := query{
		take: p.count("take", DefaultTake, MaxTake), tags: values["tags"], text: strings.ToLower(values.Get("query")),
		ascending: p.flag("ascending"), hideMature: p.flag("hideMatureContent"), excludeFailed: p.flag("excludeFailed"),
		from: p.date("fromDate"), to: p.date("toDate"), cursor: values.Get("cursor"),
	}
	q.at = s.readCursor(p, "cursor", q)
	return q, p.bad
}

// cursor is a place between two workflows: the next one to answer is index,
// then on in the query's direction. Numbers do not move when newer workflows
// are added, so a cursor stays good.
type cursor struct {
	set   bool
	index int
	empty bool // an empty page has been put in front of this one
}

func (s *Server) writeCursor(c cursor, ascending bool) string {
	text := strconv.Itoa(c.index) + direction(ascending)
	if c.empty {
		text += "e"
	}
	return s.account.sealer.seal("cursor", text)
}

func direction(ascending bool) string {
	if ascending {
		return "a"
	}
	return "d"
}

func (s *Server) readCursor(p *params, name string, q query) cursor {
	if q.cursor == "" {
		return cursor{}
	}
	text, ok := s.account.sealer.open("cursor", q.cursor)
	number, empty := strings.CutSuffix(text, "e")
	number, forward := strings.CutSuffix(number, direction(q.ascending))
	index, err := strconv.Atoi(number)
	if !ok || !forward || err != nil {
		p.refuse(http.StatusBadRequest, name, "The cursor is not valid.")
	}
	return cursor{set: true, index: index, empty: empty}
}

// matches tells whether a workflow is asked for, dates apart.
func (q query) matches(p *plan) bool {
	if q.excludeFailed && failed(p.status) || !strings.Contains(p.search, q.text) {
		return false
	}
	have, _ := p.tags.([]string)
	for _, want := range q.tags {
		if !contains(have, want) {
			return false
		}
	}
	return true
}

func contains(all []string, one string) bool {
	for _, s := range all {
		if strings.EqualFold(s, one) {
			return true
		}
	}
	return false
}
