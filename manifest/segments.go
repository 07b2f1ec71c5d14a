package manifest

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"maps"
	"regexp"
	"sort"
	"strconv"
	"strings"

	"civitar/internal/durable"
)

// position is a place in the journal: up to there it is known.
type position struct {
	Segment int   `json:"segment"`
	Offset  int64 `json:"offset"` // bytes
}

func (p position) before(q position) bool {
	return p.Segment < q.Segment || p.Segment == q.Segment && p.Offset < q.Offset
}

// Damage is a line of the journal that cannot be read. Offset is in bytes.
type Damage struct {
	Segment string
	Offset  int64
	Err     error

	at position // after the line
}

var segmentName = regexp.MustCompile(`^([0-9]{6,9})\.jsonl$`)

func segmentFile(n int) string { return fmt.Sprintf("%06d.jsonl", n) }

// readJournal finds the segments and reads the first header.
func readJournal(root *durable.Folder) (*journal, error) {
	entries, err := fs.ReadDir(root.FS(), ".")
	if err != nil {
		return nil, err
	}
	j := &journal{root: root, compacted: map[int]position{}, log: slog.New(slog.DiscardHandler)}
	for _, e := range entries {
		if m := segmentName.FindStringSubmatch(e.Name()); m != nil {
			n, err := strconv.Atoi(m[1])
			if err != nil {
				return nil, err
			}
			j.segments = append(j.segments, n)
		}
	}
	sort.Ints(j.segments)
	for _, n := range j.segments {
		h, err := readHeader(root, segmentFile(n))
		if err != nil {
			return nil, err
		}
		if h != nil && j.created.IsZero() {
			j.source, j.created = h.Source, h.Created
		}
		if h != nil && h.Compacted != (position{}) {
			j.compacted[n] = h.Compacted
		}
	}
	return j, nil
}

// readHeader returns the segment's header, or nil when its first line is none. A format
// that is too new is an error.
func readHeader(root *durable.Folder, name string) (*header, error) {
	f, err := root.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	line, err := bufio.NewReader(io.LimitReader(f, maxLine)).ReadBytes('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	h, _, err := parseLine(line)
	if err != nil || h == nil || h.Journal != journalName {
		return nil, nil // damage: told when the line is replayed
	}
	if h.Format > Format {
		return nil, fmt.Errorf("%s has format %d, this version reads up to %d: %w", name, h.Format, Format, ErrNewerFormat)
	}
	return h, nil
}

// clear removes what a rewriting of segments left that did not come to its end.
func (j *journal) clear() error {
	entries, err := fs.ReadDir(j.root.FS(), ".")
	for _, e := range entries {
		if name, ok := strings.CutSuffix(e.Name(), durable.NewExt); ok && segmentName.MatchString(name) {
			err = errors.Join(err, j.root.Remove(e.Name()))
		}
	}
	return err
}

// known is the place up to which the journal must be read to be known: what stands before may
// lack lines that others, up to there, supersede.
func (j *journal) known() (p position) {
	for _, at := range j.compacted {
		if p.before(at) {
			p = at
		}
	}
	return p
}

// reread finds the segments again, and tells whether some were compacted meanwhile. Nobody
// compacts those of a journal that is open for appending.
func (j *journal) reread() (compacted bool, err error) {
	if j.file != nil {
		return false, nil
	}
	now, err := readJournal(j.root)
	if err != nil {
		return false, err
	}
	compacted = !maps.Equal(j.compacted, now.compacted)
	j.segments, j.compacted = now.segments, now.compacted
	return compacted, nil
}
