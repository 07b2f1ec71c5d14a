package manifest

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

// oneOfEach is a line of every kind with every field set, and one with as little as can be.
func oneOfEach() []Line {
	odd := "<a&b> \"c\"\\ \x00\n\u2028 é🎨"
	return []Line{
		Blob{Time: day, Run: "r1", Workflow: "w1", Created: day.Add(time.Millisecond), Step: "$0", Type: "imageGen", Blob: "b1.jpg",
			State: Kept, Reason: "why", Asked: true, Path: "media/2026-08-10/w1_b1.jpg", Size: 1 << 40, SHA256: "0123", Media: "image/jpeg", NSFW: "pg13"},
		Blob{Time: day, Workflow: odd, Blob: odd, Step: odd, State: Withheld, Reason: odd},
		Blob{},
		Workflow{Time: day, Run: "r1", Workflow: "w1", Created: day, Completed: day.Add(time.Hour), Status: "succeeded", Open: true,
			Scope: "s", Sidecar: "workflows/2026-08-10/w1.json", Print: "p", Size: 9, SHA256: "bb"},
		Workflow{Workflow: odd},
		Coverage{Time: day, Run: "r1", Scope: "s", Spans: []Span{{Newest: day, Oldest: day.Add(-time.Hour), Cursor: "c"}, {Oldest: day, Done: true}}},
		Coverage{Scope: "empty", Spans: []Span{}},
		Coverage{Scope: "none"},
		Run{Time: day, Run: "r1", Scope: "s", Summary: json.RawMessage(`{"kept":1}`)},
		Run{Summary: json.RawMessage(`null`)},
	}
}

func TestAppendedLinesAreReadBack(t *testing.T) {
	t.Parallel()
	want := oneOfEach()
	dir := archive(t, want...)
	got, damage := replayed(t, dir)
	if damage != "" {
		t.Errorf("damage: %s", damage)
	}
	if len(got) != len(want) {
		t.Fatalf("%d lines, want %d", len(got), len(want))
	}
	for i := range want {
		if !reflect.DeepEqual(got[i], want[i]) {
			t.Errorf("read %#v\nwant %#v", got[i], want[i])
		}
	}
	wantTruth(t, dir)
}

// What is in people's archives must not change its shape.
func TestLinesHaveTheirDocumentedText(t *testing.T) {
	t.Parallel()
	const want = `{"time":"2026-08-10T12:00:00Z","run":"r","workflow":"w","created":"2026-08-10T12:00:00Z","step":"$0","type":"imageGen","blob":"b.jpg","state":"kept","reason":"<&>","asked":true,"path":"media/b.jpg","size":7,"sha256":"aa","media":"image/jpeg","nsfw":"pg13","role":"preview","plain":{"size":6,"sha256":"cc"},"beside":{"path":"media/b.jpg.xmp","size":5,"sha256":"dd"}}
{"time":"2026-08-10T12:00:00Z","run":"","workflow":"w","blob":"b","state":"gone"}
{"time":"2026-08-10T12:00:00Z","run":"r","workflow":"w","created":"2026-08-10T12:00:00Z","completed":"2026-08-10T12:00:00Z","status":"succeeded","open":true,"scope":"s","sidecar":"w.json","print":"p","size":9,"sha256":"bb","plain":{"size":8,"sha256":"ee"}}
{"time":"2026-08-10T12:00:00Z","run":"","workflow":"w","status":""}
{"time":"2026-08-10T12:00:00Z","run":"r","scope":"","coverage":[{"newest":"2026-08-10T12:00:00Z","cursor":"c"},{"done":true}]}
{"time":"2026-08-10T12:00:00Z","run":"r","policy":{"a":1},"summary":{"kept":1}}
{"time":"2026-08-10T12:00:00Z","run":"r","filing":{"layout":"{blob}","mature":"encrypt","encryptAll":true,"recipients":["age1x"],"sidecar":"xmp","mtime":"now"}}
`
	dir := archive(t,
		Blob{day, "r", "w", day, "$0", "imageGen", "b.jpg", Kept, "<&>", true, "media/b.jpg", 7, "aa", "image/jpeg", "pg13", RolePreview, Content{"", 6, "cc"}, Content{"media/b.jpg.xmp", 5, "dd"}},
		Blob{Time: day, Workflow: "w", Blob: "b", State: Gone},
		Workflow{day, "r", "w", day, day, "succeeded", true, "s", "w.json", "p", 9, "bb", Content{"", 8, "ee"}},
		Workflow{Time: day, Workflow: "w"},
		Coverage{day, "r", "", []Span{{Newest: day, Cursor: "c"}, {Done: true}}},
		Run{day, "r", "", json.RawMessage(`{"a":1}`), json.RawMessage(`{"kept":1}`)},
		Filing{day, "r", Files{"{blob}", "encrypt", true, []string{"age1x"}, "xmp", "now"}},
	)
	header, got, _ := strings.Cut(string(readFile(t, segmentPath(dir, 1))), "\n")
	if got != want {
		t.Errorf("the journal is\n%swant\n%s", got, want)
	}
	if !strings.HasPrefix(header, `{"journal":"civitar","format":1,"source":"`+source+`","created":"2`) {
		t.Errorf("the header is %s", header)
	}
}

func TestLinesOfUnknownKindsArePassedOver(t *testing.T) {
	t.Parallel()
	dir := archive(t, groupOf(1)...)
	known := readFile(t, segmentPath(dir, 1))
	for name, line := range map[string]string{
		"empty object":           `{}`,
		"null":                   `null`,
		"an event":               `{"event":"verified","time":"2026-08-10T12:00:00Z"}`,
		"about a workflow":       `{"event":"tagged","workflow":"w0001","tag":"x"}`,
		"about a kept blob":      `{"event":"verified","workflow":"w0001","path":"media/x","sha256":"bb"}`,
		"nulls for known fields": `{"blob":null,"workflow":"w0001","journal":null}`,
	} {
		t.Run(name, func(t *testing.T) {
			h, l, err := parseLine([]byte(line))
			if h != nil || l != nil || err != nil {
				t.Fatalf("parsed as %+v, %#v, %v", h, l, err)
			}
			must(t, os.WriteFile(segmentPath(dir, 1), append(bytes.Clone(known), line+"\n"...), 0o666))
			lines, damage := replayed(t, dir)
			if len(lines) != 3 || damage != "" {
				t.Errorf("%d lines, damage %q", len(lines), damage)
			}
		})
	}
}

func TestUnknownFieldsOfKnownLinesAreIgnored(t *testing.T) {
	t.Parallel()
	_, l, err := parseLine([]byte(`{"workflow":"w","blob":"b","state":"burnt","later":{"blob":1},"time":"2026-08-10T14:00:00+02:00"}`))
	must(t, err)
	b, ok := l.(Blob)
	if !ok || b.Workflow != "w" || b.Blob != "b" || b.State != "burnt" || !b.Time.Equal(day) {
		t.Errorf("parsed as %#v", l)
	}
}

func TestStatesListsEachOnce(t *testing.T) {
	t.Parallel()
	seen := map[State]bool{}
	for _, s := range States() {
		seen[s] = true
	}
	for _, s := range []State{Kept, Skipped, Withheld, Gone, Failed, Pending} {
		if !seen[s] {
			t.Errorf("%s is missing", s)
		}
	}
	if len(seen) != len(States()) {
		t.Errorf("%v repeats a state", States())
	}
}

func FuzzParseLine(f *testing.F) {
	for _, l := range oneOfEach() {
		data, err := json.Marshal(l)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
		f.Add(data[:len(data)-1])
	}
	golden, err := filepath.Glob("testdata/format1/journal/*.jsonl")
	if err != nil || len(golden) == 0 {
		f.Fatal("no fixtures", err)
	}
	for _, name := range golden {
		data, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		for line := range bytes.Lines(data) {
			f.Add(line)
		}
	}
	f.Add([]byte(`{"coverage":null}`))
	f.Add([]byte("{\"summary\": { \"a\" : \"\xff<>\" } }"))
	f.Add([]byte(`{"time":"9999-12-31T23:59:59.999999999-23:59","blob":""}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		h, l, err := parseLine(data)
		if err != nil && (h != nil || l != nil) || h != nil && l != nil {
			t.Fatalf("parsed as %+v, %#v, %v", h, l, err)
		}
		if l == nil {
			return
		}
		text, err := json.Marshal(l)
		if err != nil {
			t.Fatalf("%#v cannot be written: %v", l, err)
		}
		_, again, err := parseLine(text)
		if err != nil {
			t.Fatalf("%s cannot be read: %v", text, err)
		}
		if r, ok := l.(Run); ok { // the one part that is kept as it came, and written without its spaces
			var b bytes.Buffer
			for _, raw := range []json.RawMessage{again.(Run).Summary, again.(Run).Policy} {
				if err := json.Compact(&b, raw); err != nil && len(raw) > 0 {
					t.Fatal(err)
				}
			}
			second, err := json.Marshal(again)
			if err != nil || !bytes.Equal(text, second) {
				t.Fatalf("%s becomes %s, %v", text, second, err)
			}
			r.Summary, r.Policy, again = nil, nil, Run{again.(Run).Time, again.(Run).Run, again.(Run).Scope, nil, nil}
			l = r
		}
		if !reflect.DeepEqual(l, again) {
			t.Fatalf("%#v\nbecomes %#v", l, again)
		}
	})
}
