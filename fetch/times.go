package fetch

import (
	"net/url"
	"strconv"
	"strings"
	"time"
)

func (n node) time(key string) time.Time { return parseTime(n.name(key)) }

// parseTime reads the forms of RFC 3339 that have been seen: any number of fraction
// digits, a missing zone (UTC), a blank for the T; also Unix seconds, which exp
// parameters can be.
func parseTime(text string) time.Time {
	if text = strings.ToUpper(strings.TrimSpace(text)); text == "" {
		return time.Time{}
	}
	for _, layout := range []string{
		"2006-01-02T15:04:05Z07:00", "2006-01-02 15:04:05Z07:00", "2006-01-02T15:04:05Z0700",
		"2006-01-02T15:04:05", "2006-01-02 15:04:05", "2006-01-02T15:04Z07:00", "2006-01-02",
	} {
		if t, err := time.Parse(layout, text); err == nil {
			return dated(t)
		}
	}
	seconds, err := strconv.ParseFloat(text, 64)
	switch {
	case err != nil || !(seconds > 1e8 && seconds < 1e14):
		return time.Time{}
	case seconds >= 1e11:
		return time.UnixMilli(int64(seconds)).UTC()
	}
	return time.Unix(int64(seconds), 0).UTC()
}

// dated turns the year 1, a server's way to say "none", and what no date of JSON can say,
// into the zero time.
func dated(t time.Time) time.Time {
	if t = t.UTC(); t.Year() <= 1 || t.Year() > 9999 {
		return time.Time{}
	}
	return t
}

// expParam reads when a signed address expires.
func expParam(address string) time.Time {
	u, err := url.Parse(address)
	if err != nil {
		return time.Time{}
	}
	query := u.Query()
	t := parseTime(query.Get("exp"))
	if t.IsZero() {
		// A plus sign in the zone, not encoded, has become a blank.
		t = parseTime(strings.ReplaceAll(query.Get("exp"), " ", "+"))
	}
	return t
}

// expiry is when an address stops working: as stated, or as signed into it.
func expiry(stated time.Time, address string) time.Time {
	if !stated.IsZero() || address == "" {
		return stated
	}
	return expParam(address)
}
