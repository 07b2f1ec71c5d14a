package units

import (
	"encoding/xml"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"civitar/internal/schedule"
)

func profile(t *testing.T, spec string) Profile {
	t.Helper()
	s, err := schedule.Parse(spec, nil)
	if err != nil {
		t.Fatal(err)
	}
	return Profile{Name: "nightly", Program: "/opt/my tools/civitar", Config: `/home/me/50%/"$x"/civitar.toml`, Schedule: s, Jitter: 10 * time.Minute}
}

func TestCalendars(t *testing.T) {
	for spec, want := range map[string]string{
		"0 3 * * *":       "*-*-* 3:0:00",
		"*/20 1-3 * * *":  "*-*-* 1,2,3:0,20,40:00",
		"5 4 1 jan,JUL *": "*-1,7-1 4:5:00",
		"0 0 * * MON-FRI": "Mon,Tue,Wed,Thu,Fri *-*-* 0:0:00",
		"0 0 * * 7":       "Sun *-*-* 0:0:00",
		"0 6 13 * 5":      "*-*-13 6:0:00|Fri *-*-* 6:0:00",
		"@weekly":         "Sun *-*-* 0:0:00",
		"every 6h":        "*-*-* 0,6,12,18:0:00",
		"every 15m":       "*-*-* *:0,15,30,45:00",
	} {
		files, err := Systemd(profile(t, spec))
		if err != nil {
			t.Errorf("%s: %v", spec, err)
			continue
		}
		var got []string
		for line := range strings.Lines(files[1].Text) {
			if when, ok := strings.CutPrefix(strings.TrimSpace(line), "OnCalendar="); ok {
				got = append(got, when)
			}
		}
		if strings.Join(got, "|") != want {
			t.Errorf("%s: %v, want %s", spec, got, want)
		}
		if _, err := exec.LookPath("systemd-analyze"); err == nil {
			for _, when := range got {
				if out, err := exec.Command("systemd-analyze", "calendar", when).CombinedOutput(); err != nil {
					t.Errorf("%s: %v: %s", when, err, out)
				}
			}
		}
	}
	if files, err := Systemd(profile(t, "every 7h")); err != nil || !strings.Contains(files[1].Text, "OnUnitActiveSec=25200s") {
		t.Error(files, err)
	}
}

// TestSystemdTakesTheUnits asks systemd itself.
func TestSystemdTakesTheUnits(t *testing.T) {
	if _, err := exec.LookPath("systemd-analyze"); err != nil {
		t.Skip("systemd-analyze is not here (Debian's package: systemd)")
	}
	dir := t.TempDir()
	program := filepath.Join(dir, "with space", "civitar")
	if err := errors.Join(os.MkdirAll(filepath.Dir(program), 0o777), os.WriteFile(program, []byte("#!/bin/sh\n"), 0o777)); err != nil {
		t.Fatal(err)
	}
	p := profile(t, "0 3 * * 1-5")
	p.Program, p.Zone = program, "Europe/Berlin"
	files, err := Systemd(p)
	if err != nil {
		t.Fatal(err)
	}
	files = append(files, SystemdDaemon(program, "/etc/civitar.toml"), SystemdFollow("kept", program, "/etc/civitar.toml"))
	var names []string
	for _, f := range files {
		name := filepath.Join(dir, f.Name)
		if err := os.WriteFile(name, []byte(f.Text), 0o666); err != nil {
			t.Fatal(err)
		}
		names = append(names, name)
	}
	cmd := exec.Command("systemd-analyze", append([]string{"verify", "--user", "--man=no"}, names...)...)
	cmd.Env = append(os.Environ(), "XDG_RUNTIME_DIR="+dir, "SYSTEMD_UNIT_PATH="+dir+":")
	if out, err := cmd.CombinedOutput(); err != nil || strings.Contains(string(out), "nknown") || strings.Contains(string(out), "gnoring") {
		t.Errorf("%v: %s", err, out)
	}
}

func TestCommandsSurviveQuoting(t *testing.T) {
	p := profile(t, "0 3 * * *")
	files, err := Systemd(p)
	if err != nil || !strings.Contains(files[0].Text, `ExecStart="/opt/my tools/civitar" run nightly --config "/home/me/50%%/\"$$x\"/civitar.toml"`) {
		t.Error(files, err)
	}
	line, err := Cron(p)
	if err != nil || line.Text != "0 3 * * *  '/opt/my tools/civitar' run nightly --config '/home/me/50\\%/\"$x\"/civitar.toml' --quiet\n" {
		t.Error(line.Text, err)
	}
	// What a shell makes of cron's line, once cron has taken its own marks out.
	p.Program, p.Config = "printf", "a'b \\ $HOME `x`"
	line, err = Cron(p)
	if err != nil {
		t.Fatal(err)
	}
	command := strings.ReplaceAll(strings.SplitN(strings.TrimSpace(line.Text), "  ", 2)[1], `\%`, "%")
	if sh, err := exec.LookPath("sh"); err == nil {
		out, err := exec.Command(sh, "-c", strings.Replace(command, "printf run", "printf '%s|' run", 1)).Output()
		if err != nil || string(out) != "run|nightly|--config|"+p.Config+"|--quiet|" {
			t.Errorf("%q, %v", out, err)
		}
	}
	for word, want := range map[string]string{`C:\a b\`: `"C:\a b\\"`, `say "x"`: `"say \"x\""`, `C:\x`: `C:\x`, ``: `""`} {
		if got := windowsQuoted(word); got != want {
			t.Errorf("%s: %s, want %s", word, got, want)
		}
	}
}

func TestXMLIsWellFormed(t *testing.T) {
	for _, spec := range []string{"0 3 * * *", "0 3,15 * * 1-5", "every 6h", "30 2 * * *"} {
		for _, write := range []func(Profile) (File, error){Launchd, Windows} {
			f, err := write(profile(t, spec))
			if err != nil {
				t.Errorf("%s: %v", spec, err)
				continue
			}
			d := xml.NewDecoder(strings.NewReader(f.Text))
			for {
				if _, err := d.Token(); errors.Is(err, io.EOF) {
					break
				} else if err != nil {
					t.Errorf("%s: %v\n%s", spec, err, f.Text)
					break
				}
			}
		}
	}
	list, err := Launchd(profile(t, "0 3,15 * * 1-5"))
	if n := strings.Count(list.Text, "<dict>"); err != nil || n != 11 {
		t.Errorf("%d dictionaries, %v", n, err)
	}
	task, err := Windows(profile(t, "0 3,15 * * 1-5"))
	if n := strings.Count(task.Text, "<CalendarTrigger>"); err != nil || n != 2 || !strings.Contains(task.Text, "<Friday />") {
		t.Errorf("%d triggers, %v", n, err)
	}
}

func TestWhatCannotBeExpressed(t *testing.T) {
	zoned := profile(t, "0 3 * * *")
	zoned.Zone = "UTC"
	for what, err := range map[string]error{
		"cron":    second(Cron(profile(t, "every 7h"))),
		"windows": second(Windows(profile(t, "0 3 1 * *"))),
		"seconds": second(Windows(profile(t, "every 10s"))),
		"launchd": second(Launchd(profile(t, "*/2 */2 * * *"))),
		"zone":    second(Launchd(zoned)),
		"zone 2":  second(Windows(zoned)),
	} {
		if !errors.Is(err, ErrTimes) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func second(_ File, err error) error { return err }
