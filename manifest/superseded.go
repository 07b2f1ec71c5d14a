package manifest

import (
	"bufio"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"civitar/internal/database"
)

// superseded knows which lines of a journal later ones supersede. It has read the journal for
// that: to go by the index would be to let what is derived decide what becomes of the truth.
// What it knows is kept outside of memory.
type superseded struct {
	db    *sql.DB
	temp  string
	known position // up to where it has read
}

const (
	supersededSchema = `
CREATE TABLE line (n INTEGER PRIMARY KEY, subject BLOB NOT NULL, segment INTEGER NOT NULL, ends INTEGER NOT NULL);
CREATE TABLE dead (segment INTEGER NOT NULL, ends INTEGER NOT NULL, PRIMARY KEY (segment, ends)) WITHOUT ROWID;
`
	findDead = `INSERT INTO dead SELECT segment, ends FROM (
	SELECT segment, ends, lead(n) OVER (PARTITION BY subject ORDER BY n) AS later FROM line
) WHERE later IS NOT NULL ORDER BY segment, ends`
)

// findSuperseded reads the journal.
func findSuperseded(ctx context.Context, j *journal) (_ *superseded, err error) {
	s := &superseded{known: j.end()}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close())
		}
	}()
	if s.temp, err = os.MkdirTemp("", "civitar-compact-"); err != nil {
		return nil, err
	}
	if s.db, err = database.Open(ctx, filepath.Join(s.temp, "lines.db"), database.Fill); err != nil {
		return nil, err
	}
	if _, err = s.db.ExecContext(ctx, supersededSchema); err != nil {
		return nil, err
	}
	if err = s.read(ctx, j); err != nil {
		return nil, err
	}
	_, err = s.db.ExecContext(ctx, findDead)
	return s, err
}

func (s *superseded) read(ctx context.Context, j *journal) error {
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() // of no effect after Commit
	add, err := tx.PrepareContext(ctx, "INSERT INTO line (subject, segment, ends) VALUES (?, ?, ?)")
	if err != nil {
		return err
	}
	defer add.Close()
	runs := 0
	err = j.replay(position{}, func(l Line, after position) error {
		if _, ok := l.(Run); ok {
			runs++
		}
		about := subject(l, runs)
		if about == nil {
			return nil
		}
		_, err := add.ExecContext(ctx, about, after.Segment, after.Offset)
		return err
	})
	if err != nil {
		return err
	}
	return tx.Commit()
}

// subject stands for what a line is about: of the lines about one subject only the last
// counts. Lines of a kind of which that is not so have none. runs is the number of runs so far.
func subject(l Line, runs int) []byte {
	var text string
	switch l := l.(type) {
	case Blob:
		text = fmt.Sprintf("blob %d %s %s", len(l.Workflow), l.Workflow, l.Blob)
	case Workflow:
		text = "workflow " + l.Workflow
	case Coverage:
		text = "coverage " + l.Scope
	case Filing:
		text = "filing"
	case Run:
		text = fmt.Sprint("run ", runs%keptRuns)
	default:
		return nil
	}
	sum := sha256.Sum256([]byte(text))
	return sum[:16]
}

// share is how much of a segment is superseded, from 0 to 1.
func (s *superseded) share(ctx context.Context, segment int) (share float64, err error) {
	err = s.db.QueryRowContext(ctx, `SELECT (SELECT count(*) FROM dead WHERE segment = ?1) * 1.0 /
		max(1, (SELECT count(*) FROM line WHERE segment = ?1))`, segment).Scan(&share)
	return share, err
}

// errLeft says that a segment was left as it is: something in it cannot be read, and that is
// for a repair to deal with.
var errLeft = errors.New("the segment is left as it is")

// leaveOut replaces a segment by what is not superseded of it, and tells how many lines and
// bytes were. Whatever it cannot judge stays, lines of unknown kinds for instance.
func (s *superseded) leaveOut(ctx context.Context, j *journal, segment int) (lines, bytes int64, err error) {
	dead, err := s.db.QueryContext(ctx, "SELECT ends FROM dead WHERE segment = ? ORDER BY ends", segment)
	if err != nil {
		return 0, 0, err
	}
	defer dead.Close()
	var ends int64 // of the next line to be left out
	next := func() error {
		if ends = 0; dead.Next() {
			return dead.Scan(&ends)
		}
		return dead.Err()
	}
	if err := next(); err != nil {
		return 0, 0, err
	}
	name := segmentFile(segment)
	err = j.root.ReplaceBy(name, 0o666, func(to io.Writer) error {
		w := bufio.NewWriterSize(to, 256<<10)
		var at int64
		if err := eachLine(j.root, name, func(line []byte, bad error) error {
			first := at == 0
			at += int64(len(line))
			switch {
			case bad != nil:
				return errLeft
			case first:
				if line, bad = s.header(line); bad != nil {
					return bad
				}
			case at == ends:
				lines++
				bytes += int64(len(line))
				return next()
			}
			_, err := w.Write(line)
			return err
		}); err != nil {
			return err
		}
		info, err := j.root.Stat(name)
		if err != nil {
			return err
		}
		if info.Size() != at || ends != 0 { // torn, or not what it was a moment ago
			return errLeft
		}
		return w.Flush()
	})
	if err != nil {
		return 0, 0, err
	}
	return lines, bytes, nil
}

// header is a segment's header with a note that lines are left out. What else it says stays.
func (s *superseded) header(line []byte) ([]byte, error) {
	if h, _, err := parseLine(line); err != nil || h == nil || h.Journal != journalName {
		return nil, errLeft
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(line, &fields); err != nil {
		return nil, err
	}
	known, err := json.Marshal(s.known)
	if err != nil {
		return nil, err
	}
	fields["compacted"] = known
	line, err = json.Marshal(fields)
	return append(line, '\n'), err
}

func (s *superseded) close() error {
	var errs []error
	if s.db != nil {
		errs = append(errs, s.db.Close())
	}
	if s.temp != "" {
		errs = append(errs, os.RemoveAll(s.temp))
	}
	return errors.Join(errs...)
}
