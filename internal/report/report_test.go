package report

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"civitar/pipeline"
)

func TestReport(t *testing.T) {
	at := time.Date(2026, 11, 24, 3, 0, 0, 0, time.UTC)
	r := Report{Run: "ABC", Archive: "my_archive*", Started: at, Ended: at.Add(time.Minute), Outcome: Incomplete, Error: "<b>x</b>",
		Waiting: 3, Soon: 1, SoonDays: 5, Next: at.AddDate(0, 0, 2), Summary: &pipeline.Summary{Kept: 1200, Failed: 2, Bytes: 1 << 20}}
	if r.Name() != "reports/20261124T030100Z-ABC" || !Is(r.Name()+".json") || !Is(r.Name()+".md") || Is("reports/mine.md") {
		t.Error(r.Name())
	}
	md := string(r.Markdown())
	for _, want := range []string{`# my\_archive\*: incomplete`, "| kept | 1,200 |", "**1 within 5 days**", "2026-11-26", "&lt;b>"} {
		if !strings.Contains(md, want) {
			t.Errorf("no %q in:\n%s", want, md)
		}
	}
	if got := r.Line(); got != "my_archive*: incomplete, 1,200 kept (1.0 MiB), 2 failed: <b>x</b>" {
		t.Error(got)
	}
	if data, err := r.JSON(); err != nil || !strings.Contains(string(data), `"nextExpiry": "2026-11-26T03:00:00Z"`) {
		t.Error(string(data), err)
	}
}

func TestOldReportsGo(t *testing.T) {
	names := []string{"mine.md", "notes"}
	for i := range Keep + 3 {
		base := at(i)
		names = append(names, base+".json", base+".md")
	}
	if old := Old(names); len(old) != 6 || old[0] != at(0)+".json" || old[5] != at(2)+".md" {
		t.Error(old)
	}
	if old := Old(names[:20]); len(old) != 0 {
		t.Error(old)
	}
}

func at(i int) string {
	return fmt.Sprintf("%s-R", time.Date(2026, 1, 1, i, 0, 0, 0, time.UTC).Format("20060102T150405Z"))
}
