package units

import (
	"fmt"
	"strconv"
	"strings"
)

const systemdPlace = ".config/systemd/user"

// hardening is what works in the service of a user, who may not set up namespaces everywhere.
const hardening = `NoNewPrivileges=yes
LockPersonality=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
SystemCallArchitectures=native
UMask=0077
Nice=10
IOSchedulingClass=idle
`

// Systemd writes a user's service and the timer that starts it (systemd.timer(5)). A time
// that was missed is made up for when the machine is on again.
func Systemd(p Profile) ([]File, error) {
	var when strings.Builder
	if f, ok := times(p.Schedule); ok {
		lines, ok := calendar(f)
		if !ok {
			return nil, inexpressible("systemd", p.Schedule)
		}
		for _, l := range lines {
			if p.Zone != "" {
				l += " " + p.Zone
			}
			fmt.Fprintf(&when, "OnCalendar=%s\n", l)
		}
		when.WriteString("Persistent=true\n")
	} else if p.Schedule.Every > 0 {
		fmt.Fprintf(&when, "OnStartupSec=1min\nOnUnitActiveSec=%ds\n", int(p.Schedule.Every.Seconds()))
	} else {
		return nil, inexpressible("systemd", p.Schedule)
	}
	if p.Jitter > 0 {
		fmt.Fprintf(&when, "RandomizedDelaySec=%ds\n", int(p.Jitter.Seconds()))
	}
	name := "civitar-" + p.Name
	return []File{
		{name + ".service", systemdPlace, fmt.Sprintf(`[Unit]
Description=civitar: archive of profile %[1]s
Wants=network-online.target
After=network-online.target

[Service]
Type=oneshot
ExecStart=%[2]s
SuccessExitStatus=3
KillSignal=SIGTERM
TimeoutStopSec=30
%[3]s`, p.Name, execLine(p.command()), hardening)},
		{name + ".timer", systemdPlace, fmt.Sprintf(`[Unit]
Description=civitar: when profile %s is archived

[Timer]
%s
[Install]
WantedBy=timers.target
`, p.Name, when.String())},
	}, nil
}

// SystemdDaemon writes a user's service that runs all scheduled profiles.
func SystemdDaemon(program, config string) File {
	return File{"civitar.service", systemdPlace, fmt.Sprintf(`[Unit]
Description=civitar: archives at their times
Wants=network-online.target
After=network-online.target

[Service]
Type=notify
ExecStart=%s
ExecReload=/bin/kill -HUP $MAINPID
Restart=on-failure
RestartSec=60
KillSignal=SIGTERM
TimeoutStopSec=30
%s
[Install]
WantedBy=default.target
`, execLine([]string{program, "daemon", "--config", config}), hardening)}
}

// SystemdFollow writes a user's service for a profile that follows. It ends by itself only for
// what waiting does not mend, such as a token that is refused: it comes back seldom.
func SystemdFollow(name, program, config string) File {
	return File{"civitar-" + name + ".service", systemdPlace, fmt.Sprintf(`[Unit]
Description=civitar: follows profile %s
Wants=network-online.target
After=network-online.target

[Service]
Type=exec
ExecStart=%s
Restart=on-failure
RestartSec=300
RestartPreventExitStatus=2
KillSignal=SIGTERM
TimeoutStopSec=30
%s
[Install]
WantedBy=default.target
`, name, execLine(Profile{Name: name, Program: program, Config: config}.command()), hardening)}
}

// execLine quotes words as systemd.service(5) reads them: % and $ stand for other things.
func execLine(words []string) string {
	quoted := make([]string, len(words))
	for i, w := range words {
		w = strings.NewReplacer("%", "%%", "$", "$$").Replace(w)
		if strings.ContainsAny(w, " \t\"'\\;") || w == "" {
			w = `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(w) + `"`
		}
		quoted[i] = w
	}
	return strings.Join(quoted, " ")
}

// calendar writes the fields of cron as systemd.time(7) has them. Days of the month and
// weekdays are alternatives in cron, where both are given: there they are two lines.
func calendar(f fields) ([]string, bool) {
	minute, ok1 := systemdField(f.minute, 0, 59)
	hour, ok2 := systemdField(f.hour, 0, 23)
	day, ok3 := systemdField(f.day, 1, 31)
	month, ok4 := systemdField(f.month, 1, 12)
	days, ok5 := expand(f.weekday, 0, 7)
	if !ok1 || !ok2 || !ok3 || !ok4 || !ok5 {
		return nil, false
	}
	clock := fmt.Sprintf("%s:%s:00", hour, minute)
	var names []string
	seen := map[int]bool{}
	for _, d := range days {
		if !seen[d%7] {
			names = append(names, weekdays()[d%7])
		}
		seen[d%7] = true
	}
	byDay := fmt.Sprintf("*-%s-%s %s", month, day, clock)
	if days == nil {
		return []string{byDay}, true
	}
	byWeekday := fmt.Sprintf("%s *-%s-* %s", strings.Join(names, ","), month, clock)
	if day == "*" {
		return []string{byWeekday}, true
	}
	return []string{byDay, byWeekday}, true
}

func systemdField(field string, low, high int) (string, bool) {
	all, ok := expand(field, low, high)
	if !ok || all == nil {
		return "*", ok
	}
	words := make([]string, len(all))
	for i, n := range all {
		words[i] = strconv.Itoa(n)
	}
	return strings.Join(words, ","), true
}
