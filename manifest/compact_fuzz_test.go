package manifest

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"testing"
)

// said is what a journal comes to: the last line about each subject, the lines of unknown
// kinds, and how many are damaged.
func said(t *testing.T, j *journal) (last map[string]Line, unknown []string, damaged int) {
	t.Helper()
	last = map[string]Line{}
	runs := 0
	for _, n := range j.segments {
		must(t, eachLine(j.root, segmentFile(n), func(line []byte, bad error) error {
			h, l, err := parseLine(line)
			if _, ok := l.(Run); ok {
				runs++
			}
			switch {
			case err != nil:
				damaged++
			case l != nil:
				last[string(subject(l, runs))] = l
			case h == nil:
				unknown = append(unknown, string(line))
			}
			return nil
		}))
	}
	return last, unknown, damaged
}

// FuzzCompaction takes any bytes for two segments. Whatever they are, what the journal comes to
// is the same without the lines that are superseded, and nothing that cannot be judged is lost.
func FuzzCompaction(f *testing.F) {
	golden, err := filepath.Glob("testdata/format1/journal/*.jsonl")
	if err != nil || len(golden) != 2 {
		f.Fatal(golden, err)
	}
	var segments [][]byte
	for _, name := range golden {
		data, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		segments = append(segments, data)
	}
	f.Add(segments[0], segments[1])
	f.Add(segments[0], segments[0])
	f.Add(segments[1], segments[0][:len(segments[0])/2])
	const head = `{"journal":"civitar","format":1}` + "\n"
	f.Add([]byte(head+`{"workflow":"a","blob":"b c"}`+"\n"), []byte(head+`{"workflow":"a b","blob":"c"}`+"\n"+`{"blob":""}`+"\n{}\n"))
	f.Fuzz(func(t *testing.T, first, second []byte) {
		if newer(first) || newer(second) {
			return // refused, and that is tested elsewhere
		}
		dir := t.TempDir()
		for n, data := range [][]byte{first, second, []byte(head)} {
			must(t, os.WriteFile(filepath.Join(dir, segmentFile(n+1)), data, 0o666))
		}
		j := journalOf(t, dir)
		last, unknown, damaged := said(t, j)
		s, err := findSuperseded(t.Context(), j)
		must(t, err)
		var gone int64
		for _, n := range j.segments[:2] {
			lines, _, err := s.leaveOut(t.Context(), j, n)
			if err != nil && !errors.Is(err, errLeft) {
				t.Fatal(err)
			}
			gone += lines
		}
		must(t, s.close())
		l, u, d := said(t, j)
		if !reflect.DeepEqual(l, last) || !reflect.DeepEqual(u, unknown) || d != damaged {
			t.Errorf("%d lines are left out; the journal says\n%v, %q, %d damaged\nand said\n%v, %q, %d damaged", gone, l, u, d, last, unknown, damaged)
		}
		for _, n := range j.segments {
			if _, err := readHeader(j.root, segmentFile(n)); err != nil {
				t.Error(err)
			}
		}
	})
}
