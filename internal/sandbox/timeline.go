package sandbox

import (
	"fmt"
	"sort"
	"strconv"
	"strings"
	"time"
)

// tick is the precision of the API's timestamps.
const tick = 100 * time.Nanosecond

// timeline says when workflow i was created and what its id is, and finds i
// again from either. Creation times strictly increase with i.
type timeline struct {
	seed  int64
	first int // workflows up to and including Epoch
	epoch time.Time
	step  time.Duration // between two of the first workflows
	added time.Duration // between two added later
}

func newTimeline(o Options) timeline {
	step := max(o.Span/time.Duration(max(o.Workflows-1, 1)), 5*time.Millisecond)
	return timeline{seed: o.Seed, first: o.Workflows, epoch: o.Epoch, step: step, added: min(step, time.Second)}
}

func (t timeline) hash(i int, what uint64) uint64 {
	return mixWords(uint64(t.seed), uint64(i), what)
}

// created keeps to the last four fifths of workflow i's slot: the free fifth
// is a millisecond or more, so cutting a time to the millisecond keeps order.
func (t timeline) created(i int) time.Time {
	slot, width := t.epoch.Add(-time.Duration(t.first-1-i)*t.step), t.step
	if i >= t.first {
		slot, width = t.epoch.Add(time.Duration(i-t.first+1)*t.added), t.added
	}
	if i != t.first-1 {
		slot = slot.Add(-time.Duration(t.hash(i, 1) % uint64(width*4/5)))
	}
	if t.hash(i, 2)%3 == 0 {
		return slot.Truncate(tick)
	}
	return slot.Truncate(time.Millisecond)
}

// id gives the three forms of workflow ids on the API page.
func (t timeline) id(i int) string {
	at, kind := t.created(i), t.hash(i, 3)%100
	ms := uint64(at.UnixMilli())
	switch {
	case kind < 85:
		return strconv.Itoa(UserID) + "-" + strings.Replace(at.Format("20060102150405.000"), ".", "", 1)
	case kind < 95:
		h := t.hash(i, 4)
		return "0-" + formatUUID(ms<<16|7<<12|h&0xfff, 2<<62|t.hash(i, 5)>>2)
	default:
		return "wf_" + t.ulid(ms, t.hash(i, 4), t.hash(i, 5))
	}
}

func (t timeline) ulid(ms, a, b uint64) string {
	const letters = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
	out := make([]byte, 26)
	for k := range 10 {
		out[k] = letters[ms>>(45-5*k)&31]
	}
	for k := range 8 {
		out[10+k], out[18+k] = letters[a>>(5*k)&31], letters[b>>(5*k)&31]
	}
	return string(out)
}

// find is the workflow of an id among the first count, or false.
func (t timeline) find(id string, count int) (int, bool) {
	ms, ok := idMillis(id)
	if !ok {
		return 0, false
	}
	i := t.since(time.UnixMilli(ms), count)
	if i < count && t.id(i) == id {
		return i, true
	}
	return 0, false
}

// since is the first workflow created at or after at, or count.
func (t timeline) since(at time.Time, count int) int {
	return sort.Search(count, func(i int) bool { return !t.created(i).Before(at) })
}

func idMillis(id string) (int64, bool) {
	switch {
	case strings.HasPrefix(id, "wf_") && len(id) == 29:
		var ms int64
		for _, c := range id[3:13] {
			at := strings.IndexRune("0123456789ABCDEFGHJKMNPQRSTVWXYZ", c)
			if at < 0 {
				return 0, false
			}
			ms = ms<<5 | int64(at)
		}
		return ms, true
	case strings.HasPrefix(id, "0-") && len(id) == 38:
		ms, err := strconv.ParseInt(strings.Replace(id[2:15], "-", "", 1), 16, 64)
		return ms, err == nil
	}
	_, stamp, found := strings.Cut(id, "-")
	if !found || len(stamp) != 17 {
		return 0, false
	}
	at, err := time.Parse("20060102150405.000", stamp[:14]+"."+stamp[14:])
	return at.UnixMilli(), err == nil
}

// stamp writes a time as the API does: UTC, up to seven decimals, no zeros at
// the end.
func stamp(at time.Time) string {
	return at.UTC().Format("2006-01-02T15:04:05.9999999Z07:00")
}

// parseStamp accepts the ISO 8601 forms the API takes in queries; without a
// zone it is UTC.
func parseStamp(text string) (time.Time, error) {
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05", "2006-01-02T15:04", time.DateOnly} {
		if at, err := time.Parse(layout, text); err == nil {
			return at, nil
		}
	}
	return time.Time{}, fmt.Errorf("the value '%s' is not valid", text)
}
