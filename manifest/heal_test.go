package manifest

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"civitar/internal/durable"
)

// healed writes a segment, heals it, and returns the lines before and after with the
// number of damaged ones.
func healed(t *testing.T, segment []byte) (before, after []Line, damaged, left int) {
	t.Helper()
	dir := t.TempDir()
	must(t, os.MkdirAll(statePath(dir, journalDir), 0o777))
	must(t, os.WriteFile(segmentPath(dir, 1), segment, 0o666))
	f, err := openFolders(dir, nil)
	must(t, err)
	defer f.close()
	read := func() (lines []Line, bad int) {
		j, err := readJournal(f.segments)
		must(t, err)
		j.damaged = func(Damage) { bad++ }
		must(t, j.replay(position{}, func(l Line, _ position) error { lines = append(lines, l); return nil }))
		return lines, bad
	}
	before, damaged = read()
	j, err := readJournal(f.segments)
	must(t, err)
	n, err := heal(f, j, false, slog.New(slog.DiscardHandler))
	must(t, err)
	if n != damaged {
		t.Errorf("healed %d lines of %d damaged ones", n, damaged)
	}
	aside, err := filepath.Glob(statePath(dir, asideDir+"/*/journal/000001.jsonl"))
	must(t, err)
	if (n > 0) != (len(aside) == 1) || n > 0 && !bytes.Equal(readFile(t, aside[0]), segment) {
		t.Errorf("%d damaged lines, put aside: %v", n, aside)
	}
	after, left = read()
	return before, after, damaged, left
}

// FuzzJournal reads any bytes as a segment: it must give the good lines, tell each damaged
// one, and after healing there is none, while the good ones are all there.
func FuzzJournal(f *testing.F) {
	golden, err := filepath.Glob("testdata/format1/journal/*.jsonl")
	if err != nil || len(golden) == 0 {
		f.Fatal("no fixtures", err)
	}
	for _, name := range golden {
		data, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
		f.Add(data[len(data)/3:])
		f.Add(bytes.Replace(data, []byte("\n"), []byte(""), 3))
	}
	f.Add([]byte("\n\n{\n"))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, segment []byte) {
		if bytes.Contains(segment, []byte(`"format"`)) && newer(segment) {
			return // refused, and that is tested elsewhere
		}
		before, after, damaged, left := healed(t, segment)
		if left != 0 || !reflect.DeepEqual(before, after) {
			t.Errorf("%d lines, %d damaged; healed %d lines, %d damaged", len(before), damaged, len(after), left)
		}
	})
}

// newer tells a segment whose header names a format that this version does not read.
func newer(segment []byte) bool {
	line, _, _ := bytes.Cut(segment, []byte("\n"))
	h, _, err := parseLine(line)
	return err == nil && h != nil && h.Format > Format
}

func TestRepairedJournalIsWholeAndKeepsWhatItWas(t *testing.T) {
	t.Parallel()
	dir := archive(t, groups(3)...)
	data := readFile(t, segmentPath(dir, 1))
	lines := bytes.SplitAfter(data, []byte("\n"))
	lines[2][0] = 'x'
	must(t, os.WriteFile(segmentPath(dir, 1), bytes.Join(lines, nil), 0o666))
	m, err := Open(t.Context(), dir, Options{Source: source, Repair: true})
	must(t, err)
	if m.Damaged != 1 {
		t.Errorf("%d damaged lines, want 1", m.Damaged)
	}
	must(t, m.Close())
	if _, damage := replayed(t, dir); damage != "" {
		t.Errorf("still damaged: %s", damage)
	}
	wantTruth(t, dir)
	if _, err := os.Stat(segmentPath(dir, 1) + durable.NewExt); err == nil {
		t.Error("a temporary file is left")
	}
}
