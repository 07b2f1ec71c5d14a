package cli

import (
	"bufio"
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/rivo/uniseg"
	"go.yaml.in/yaml/v3"

	"civitar/fetch"
)

func rows(t *testing.T, room int, colour bool, records ...record) []string {
	t.Helper()
	var out bytes.Buffer
	tab := &table{w: bufio.NewWriter(&out), names: []string{"a", "b", "c"}, room: room, colour: colour}
	for _, r := range records {
		if err := tab.write(r); err != nil {
			t.Fatal(err)
		}
	}
	if err := tab.end(); err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
}

func TestTableAlignsWideCharacters(t *testing.T) {
	texts := []string{"plain", "富士山", "👩‍👩‍👧 family", "e\u0301", "🇨🇭", "한국어", "x\u200by", "\x1b[31mred", "", "a\u202eb"}
	var records []record
	for _, text := range texts {
		records = append(records, record{{"a", text}, {"b", text + text}, {"c", "end"}})
	}
	at := -1
	for _, row := range rows(t, 0, false, records...)[1:] {
		i := strings.Index(row, "end")
		if width := uniseg.StringWidth(row[:i]); at >= 0 && width != at {
			t.Errorf("the last column begins at %d, not %d: %q", width, at, row)
		} else {
			at = width
		}
	}
}

func TestTableKeepsWithinTheRoom(t *testing.T) {
	big := strings.Repeat("夜 prompt ", 100_000) // 1.2 MB
	for _, room := range []int{1, 9, 20, 80, 300} {
		for _, row := range rows(t, room, false, record{{"a", "id"}, {"b", big}, {"c", big}}) {
			if width := uniseg.StringWidth(row); width > room {
				t.Errorf("%d columns in a room of %d: %.60q", width, room, row)
			}
		}
	}
	if got := rows(t, 0, false, record{{"a", "id"}, {"b", ""}, {"c", big}})[1]; !strings.Contains(got, strings.TrimSpace(big)) {
		t.Error("without a limit, the prompt is cut")
	}
}

func TestTableColoursStatusesAndLevels(t *testing.T) {
	got := rows(t, 0, true, record{{"a", fetch.Status("failed")}, {"b", fetch.Level("pg")}, {"c", "x"}})
	if got[1] != "\x1b[31mfailed\x1b[0m  \x1b[32mpg\x1b[0m  x" {
		t.Errorf("got %q", got[1])
	}
	if plain := rows(t, 0, false, record{{"a", fetch.Status("failed")}}); strings.Contains(plain[1], "\x1b") {
		t.Errorf("got %q", plain[1])
	}
}

// FuzzFormsMeanTheSame holds JSON and YAML to what the server sent, and keeps both fit for
// a terminal.
func FuzzFormsMeanTheSame(f *testing.F) {
	for _, s := range []string{"", "plain", "\x1b[2J", "\u202e\u2066", "a: b\n- c", "\u0085\u2028", "no", "0x1F", "~", "👩‍👧", "'\"\\", " lead", "tab\t", "\r\n", "<b>&"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		s = strings.ToValidUTF8(s, "?")
		text, err := compactJSON(record{{"v", s}})
		if err != nil {
			t.Fatal(err)
		}
		safe := escapeJSON(text)
		var back struct{ V string }
		if err := json.Unmarshal(safe, &back); err != nil || back.V != s {
			t.Errorf("JSON %s: %v, got %q, want %q", safe, err, back.V, s)
		}
		asYAML, err := toYAML(text, false)
		if err != nil {
			t.Fatal(err)
		}
		var node struct{ V *string }
		if err := yaml.Unmarshal(asYAML, &node); err != nil || node.V == nil || *node.V != s {
			t.Errorf("YAML %s: %v, want %q", asYAML, err, s)
		}
		for _, out := range [][]byte{safe, bytes.ReplaceAll(asYAML, []byte("\n"), nil)} {
			if strings.ContainsFunc(string(out), unprintable) && !strings.Contains(s, "\t") {
				t.Errorf("unfit for a terminal: %q", out)
			}
		}
	})
}
