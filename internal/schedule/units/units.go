// Package units writes what has systems call civitar at the times of a profile: systemd's
// units, a line of cron's, launchd's property list, a task of Windows.
package units

import (
	"encoding/xml"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"civitar/internal/schedule"
)

// Profile is what is to be called when.
type Profile struct {
	Name     string
	Program  string // its path
	Config   string // the path of civitar.toml
	Schedule schedule.Schedule
	Zone     string // "" is the system's
	Jitter   time.Duration
}

// File is one to be written. Place is where it belongs, relative to the user's folder.
type File struct{ Name, Place, Text string }

// ErrTimes is wrapped where a system cannot express the times of a schedule.
var ErrTimes = errors.New("civitar daemon can run it")

func inexpressible(system string, s schedule.Schedule) error {
	return fmt.Errorf("%s cannot express %q: %w", system, s.Spec, ErrTimes)
}

// command is the program with its arguments.
func (p Profile) command() []string {
	return []string{p.Program, "run", p.Name, "--config", p.Config}
}

// fields are the five of cron, by what they range over.
type fields struct{ minute, hour, day, month, weekday string }

// times are the fields of a schedule, also of one that is an interval which divides a day.
func times(s schedule.Schedule) (fields, bool) {
	if s.Every > 0 {
		m := int(s.Every / time.Minute)
		switch {
		case s.Every%time.Minute != 0:
		case m < 60 && 60%m == 0:
			return fields{"*/" + strconv.Itoa(m), "*", "*", "*", "*"}, true
		case m%60 == 0 && m < 24*60 && 24%(m/60) == 0:
			return fields{"0", "*/" + strconv.Itoa(m/60), "*", "*", "*"}, true
		case m == 24*60:
			return fields{"0", "0", "*", "*", "*"}, true
		}
		return fields{}, false
	}
	spec := s.Spec
	if named, ok := map[string]string{"@yearly": "0 0 1 1 *", "@annually": "0 0 1 1 *", "@monthly": "0 0 1 * *", "@weekly": "0 0 * * 0",
		"@daily": "0 0 * * *", "@midnight": "0 0 * * *", "@hourly": "0 * * * *"}[spec]; ok {
		spec = named
	}
	f := strings.Fields(spec)
	if len(f) != 5 {
		return fields{}, false
	}
	for i, one := range f {
		if one == "?" {
			f[i] = "*"
		}
	}
	return fields{f[0], f[1], f[2], f[3], strings.ToUpper(f[4])}, true
}

// Cron writes a line for crontab(5), in which % has a meaning of its own.
func Cron(p Profile) (File, error) {
	f, ok := times(p.Schedule)
	if !ok {
		return File{}, inexpressible("cron", p.Schedule)
	}
	var words []string
	for _, w := range append(p.command(), "--quiet") {
		words = append(words, shellQuoted(w))
	}
	line := fmt.Sprintf("%s %s %s %s %s  %s\n", f.minute, f.hour, f.day, f.month, f.weekday, strings.ReplaceAll(strings.Join(words, " "), "%", `\%`))
	if p.Zone != "" {
		line = "CRON_TZ=" + p.Zone + "\n" + line
	}
	return File{Name: "crontab", Text: line}, nil
}

func shellQuoted(w string) string {
	if w != "" && strings.Trim(w, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./:=@+,") == "" {
		return w
	}
	return "'" + strings.ReplaceAll(w, "'", `'\''`) + "'"
}

// expand lists the values of a field of cron's between two bounds, nil for all.
func expand(field string, low, high int) ([]int, bool) {
	if field == "*" {
		return nil, true
	}
	set := map[int]bool{}
	for _, part := range strings.Split(field, ",") {
		span, step, stepped := strings.Cut(part, "/")
		by := 1
		if stepped {
			n, err := strconv.Atoi(step)
			if err != nil || n < 1 {
				return nil, false
			}
			by = n
		}
		from, to := low, high
		if span != "*" {
			a, b, isRange := strings.Cut(span, "-")
			var ok bool
			if from, ok = number(a); !ok {
				return nil, false
			}
			switch {
			case isRange:
				if to, ok = number(b); !ok {
					return nil, false
				}
			case !stepped:
				to = from
			}
		}
		if from < low || to > high || from > to {
			return nil, false
		}
		for n := from; n <= to; n += by {
			set[n] = true
		}
	}
	all := make([]int, 0, len(set))
	for n := range set {
		all = append(all, n)
	}
	slices.Sort(all)
	return all, true
}

// number reads a number, or the English name of a month or weekday.
func number(word string) (int, bool) {
	if n, err := strconv.Atoi(word); err == nil {
		return n, true
	}
	for _, names := range [][]string{weekdays(), months()} {
		for i, name := range names {
			if name != "" && strings.EqualFold(name, word) {
				return i, true
			}
		}
	}
	return 0, false
}

func weekdays() []string { return []string{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"} }

func months() []string {
	return []string{"", "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"}
}

// moments are the values of all fields of a schedule, nil for those that do not matter.
type moments struct{ minutes, hours, days, months, weekdays []int }

func expanded(s schedule.Schedule) (moments, bool) {
	f, ok := times(s)
	if !ok {
		return moments{}, false
	}
	var m moments
	for _, one := range []struct {
		to        *[]int
		field     string
		low, high int
	}{{&m.minutes, f.minute, 0, 59}, {&m.hours, f.hour, 0, 23}, {&m.days, f.day, 1, 31}, {&m.months, f.month, 1, 12}, {&m.weekdays, f.weekday, 0, 7}} {
		if *one.to, ok = expand(one.field, one.low, one.high); !ok {
			return m, false
		}
	}
	for i, d := range m.weekdays { // Sunday is 0 and 7
		m.weekdays[i] = d % 7
	}
	slices.Sort(m.weekdays)
	m.weekdays = slices.Compact(m.weekdays)
	return m, true
}

// Launchd writes a property list for launchd.plist(5), which knows no time zones.
func Launchd(p Profile) (File, error) {
	label := "civitar." + p.Name
	var when strings.Builder
	switch m, ok := expanded(p.Schedule); {
	case p.Zone != "":
		return File{}, fmt.Errorf("launchd knows the system's time zone only: leave timezone out, or %w", ErrTimes)
	case p.Schedule.Every > 0:
		fmt.Fprintf(&when, "\t<key>StartInterval</key>\n\t<integer>%d</integer>\n", int(p.Schedule.Every.Seconds()))
	case !ok:
		return File{}, inexpressible("launchd", p.Schedule)
	default:
		all := m.each()
		if len(all) > 200 {
			return File{}, inexpressible("launchd", p.Schedule)
		}
		when.WriteString("\t<key>StartCalendarInterval</key>\n\t<array>\n")
		for _, one := range all {
			when.WriteString("\t\t<dict>\n")
			for _, v := range one {
				fmt.Fprintf(&when, "\t\t\t<key>%s</key><integer>%d</integer>\n", v.key, v.n)
			}
			when.WriteString("\t\t</dict>\n")
		}
		when.WriteString("\t</array>\n")
	}
	var args strings.Builder
	for _, w := range p.command() {
		fmt.Fprintf(&args, "\t\t<string>%s</string>\n", escaped(w))
	}
	text := xml.Header + `<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0">
<dict>
	<key>Label</key>
	<string>` + escaped(label) + `</string>
	<key>ProgramArguments</key>
	<array>
` + args.String() + "\t</array>\n" + when.String() + `	<key>ProcessType</key>
	<string>Background</string>
	<key>LowPriorityIO</key>
	<true/>
	<key>StandardErrorPath</key>
	<string>/tmp/` + escaped(label) + `.log</string>
</dict>
</plist>
`
	return File{label + ".plist", "Library/LaunchAgents", text}, nil
}

type keyed struct {
	key string
	n   int
}

// each lists every combination of the values that matter. Days of the month and weekdays are
// alternatives, where both are given.
func (m moments) each() [][]keyed {
	all := [][]keyed{nil}
	with := func(all [][]keyed, key string, values []int) [][]keyed {
		if values == nil {
			return all
		}
		var more [][]keyed
		for _, one := range all {
			for _, n := range values {
				more = append(more, append(slices.Clone(one), keyed{key, n}))
			}
		}
		return more
	}
	all = with(with(with(all, "Month", m.months), "Hour", m.hours), "Minute", m.minutes)
	switch {
	case m.days != nil && m.weekdays != nil:
		return append(with(all, "Day", m.days), with(all, "Weekday", m.weekdays)...)
	case m.days != nil:
		return with(all, "Day", m.days)
	}
	return with(all, "Weekday", m.weekdays)
}

func escaped(s string) string {
	var b strings.Builder
	if xml.EscapeText(&b, []byte(s)) != nil { // it fails with its writer only
		return ""
	}
	return b.String()
}
