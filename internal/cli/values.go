package cli

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/dustin/go-humanize"

	"civitar/internal/bucket"
)

// byteSize is a flag's number of bytes: 500k, 10MiB, 1.5GB.
type byteSize int64

func (b *byteSize) UnmarshalText(text []byte) error {
	n, err := humanize.ParseBytes(string(text))
	if err != nil || n > math.MaxInt64 {
		return fmt.Errorf("%q is no size: write it like 10MiB, 500k or 0", text)
	}
	*b = byteSize(n)
	return nil
}

// percent is a flag's share of something: 5%, from above 0 to 1.
type percent float64

func (p *percent) UnmarshalText(text []byte) error {
	number, isPercent := strings.CutSuffix(string(text), "%")
	n, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
	if isPercent {
		n /= 100
	}
	if err != nil || !(n >= 1e-6) || n > 1 {
		return fmt.Errorf("%q is no share: write it like 5%%", text)
	}
	*p = percent(n)
	return nil
}

// moment is a flag's date or time. UTC is assumed where no zone is given.
type moment struct {
	time.Time
	day bool // only a date was given
}

func (m *moment) UnmarshalText(text []byte) error {
	s := string(text)
	if t, err := time.Parse(time.DateOnly, s); err == nil {
		*m = moment{t, true}
		return nil
	}
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999", "2006-01-02T15:04", "2006-01-02 15:04:05", "2006-01-02 15:04"} {
		if t, err := time.Parse(layout, s); err == nil {
			*m = moment{t.UTC(), false}
			return nil
		}
	}
	return fmt.Errorf("%q is no date: write it like 2026-08-10 or 2026-08-10T15:04:05Z", text)
}

// end is the last instant that the moment stands for: a bare day includes that day.
func (m moment) end() time.Time {
	if !m.day {
		return m.Time
	}
	return m.AddDate(0, 0, 1).Add(-time.Nanosecond)
}

// localPath is a file or folder of this machine, and nothing in a bucket, whose name would
// make a folder called s3: here.
type localPath string

// UnmarshalText implements [encoding.TextUnmarshaler].
func (p *localPath) UnmarshalText(text []byte) error {
	if bucket.Is(string(text)) {
		return fmt.Errorf("%q lies in a bucket: give a path of this machine", text)
	}
	*p = localPath(text)
	return nil
}
