package units

import (
	"fmt"
	"strings"
	"time"
)

// Windows writes a task for Task Scheduler (its XML schema, version 1.2): once a day, on
// days of the week, or every so often. It knows no time zones.
func Windows(p Profile) (File, error) {
	trigger, err := windowsTrigger(p)
	if err != nil {
		return File{}, err
	}
	words := p.command()
	for i, w := range words[1:] {
		words[i+1] = windowsQuoted(w)
	}
	// No encoding is named: PowerShell writes what it redirects in one of its own.
	text := "<?xml version=\"1.0\"?>\n" + fmt.Sprintf(`<Task version="1.2" xmlns="http://schemas.microsoft.com/windows/2004/02/mit/task">
  <RegistrationInfo>
    <Description>civitar: archive of profile %s</Description>
  </RegistrationInfo>
  <Triggers>
%s  </Triggers>
  <Settings>
    <MultipleInstancesPolicy>IgnoreNew</MultipleInstancesPolicy>
    <DisallowStartIfOnBatteries>false</DisallowStartIfOnBatteries>
    <StopIfGoingOnBatteries>false</StopIfGoingOnBatteries>
    <StartWhenAvailable>true</StartWhenAvailable>
    <RunOnlyIfNetworkAvailable>true</RunOnlyIfNetworkAvailable>
    <ExecutionTimeLimit>PT0S</ExecutionTimeLimit>
  </Settings>
  <Actions>
    <Exec>
      <Command>%s</Command>
      <Arguments>%s</Arguments>
    </Exec>
  </Actions>
</Task>
`, escaped(p.Name), trigger, escaped(words[0]), escaped(strings.Join(words[1:], " ")))
	return File{Name: "civitar-" + p.Name + ".xml", Text: text}, nil
}

func windowsTrigger(p Profile) (string, error) {
	const day = "2026-01-01T" // any that has passed
	delay := ""
	if p.Jitter > 0 {
		delay = fmt.Sprintf("      <RandomDelay>PT%dS</RandomDelay>\n", int(p.Jitter.Seconds()))
	}
	if p.Zone != "" {
		return "", fmt.Errorf("the Task Scheduler knows the system's time zone only: leave timezone out, or %w", ErrTimes)
	}
	if every := p.Schedule.Every; every > 0 {
		if every < time.Minute {
			return "", inexpressible("the Task Scheduler", p.Schedule)
		}
		return fmt.Sprintf(`    <TimeTrigger>
      <Repetition>
        <Interval>PT%dS</Interval>
      </Repetition>
      <StartBoundary>%s00:00:00</StartBoundary>
%s    </TimeTrigger>
`, int(every.Seconds()), day, delay), nil
	}
	m, ok := expanded(p.Schedule)
	if !ok || m.days != nil || m.months != nil || m.hours == nil || m.minutes == nil || len(m.hours)*len(m.minutes) > 48 {
		return "", inexpressible("the Task Scheduler", p.Schedule)
	}
	on := "        <DaysInterval>1</DaysInterval>\n"
	kind := "ScheduleByDay"
	if m.weekdays != nil {
		kind = "ScheduleByWeek"
		on = "        <DaysOfWeek>\n"
		for _, d := range m.weekdays {
			on += "          <" + time.Weekday(d).String() + " />\n"
		}
		on += "        </DaysOfWeek>\n        <WeeksInterval>1</WeeksInterval>\n"
	}
	var all strings.Builder
	for _, h := range m.hours {
		for _, minute := range m.minutes {
			fmt.Fprintf(&all, "    <CalendarTrigger>\n      <StartBoundary>%s%02d:%02d:00</StartBoundary>\n%s      <%s>\n%s      </%s>\n    </CalendarTrigger>\n",
				day, h, minute, delay, kind, on, kind)
		}
	}
	return all.String(), nil
}

// windowsQuoted quotes a word as programs of Windows take their command line apart.
func windowsQuoted(w string) string {
	if w != "" && !strings.ContainsAny(w, " \t\"") {
		return w
	}
	var b strings.Builder
	b.WriteByte('"')
	slashes := 0
	for _, r := range w {
		switch r {
		case '\\':
			slashes++
			continue
		case '"':
			b.WriteString(strings.Repeat(`\`, 2*slashes+1))
		default:
			b.WriteString(strings.Repeat(`\`, slashes))
		}
		slashes = 0
		b.WriteRune(r)
	}
	b.WriteString(strings.Repeat(`\`, 2*slashes) + `"`)
	return b.String()
}
