package manifest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path"
	"time"

	"civitar/internal/durable"
)

// asideDir is where the damaged segments go, within the folder of the record.
const asideDir = "aside"

// heal writes the segments that hold damaged lines anew, without these. What they were is
// put aside first. It returns the number of damaged lines.
func heal(f folders, j *journal, published bool, log *slog.Logger) (damaged int, err error) {
	for _, n := range j.segments {
		name := segmentFile(n)
		bad := 0
		if err := eachLine(j.root, name, func(_ []byte, err error) error {
			if err != nil {
				bad++
			}
			return nil
		}); err != nil {
			return damaged, err
		}
		damaged += bad
		if bad == 0 || published {
			continue
		}
		if err := f.copyAside(name); err != nil {
			return damaged, err
		}
		if err := j.rewrite(name); err != nil {
			return damaged, err
		}
		log.Warn("journal: wrote a segment anew without its damaged lines", "segment", name, "lines", bad)
	}
	return damaged, nil
}

// eachLine hands on the whole lines of a segment, newline included, each with what is
// wrong with it.
func eachLine(root *durable.Folder, name string, use func(line []byte, err error) error) error {
	f, err := root.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	r := bufio.NewReaderSize(f, 256<<10)
	for {
		line, _, err := readLine(r)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		_, _, bad := parseLine(line)
		if err := use(line, bad); err != nil {
			return err
		}
	}
}

// copyAside copies a segment; the copy is durable before the segment is touched.
func (f folders) copyAside(name string) error {
	folder := path.Join(asideDir, time.Now().UTC().Format("20060102T150405.000Z"), journalDir)
	if err := f.state.MkdirAll(folder, 0o777); err != nil {
		return err
	}
	from, err := f.segments.Open(name)
	if err != nil {
		return err
	}
	defer from.Close()
	to, err := f.state.OpenFile(path.Join(folder, name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return err
	}
	_, err = io.Copy(to, from)
	if err == nil {
		err = to.Sync()
	}
	for dir := folder; err == nil && dir != "."; dir = path.Dir(dir) {
		err = f.state.SyncDir(dir)
	}
	return errors.Join(err, to.Close())
}

// rewrite replaces a segment by its good lines.
func (j *journal) rewrite(name string) error {
	return j.root.ReplaceBy(name, 0o666, func(to io.Writer) error {
		w := bufio.NewWriter(to)
		first := true
		err := eachLine(j.root, name, func(line []byte, bad error) error {
			if first && bad != nil { // it was the header
				if line, bad = j.header(); bad != nil {
					return bad
				}
			}
			first = false
			if bad == nil {
				_, bad = w.Write(line)
				return bad
			}
			return nil
		})
		if err != nil {
			return err
		}
		return w.Flush()
	})
}

// Forget takes back what the coverage of every scope says, so that the next run lists
// everything again.
func (m *Manifest) Forget(ctx context.Context, run string, now time.Time) error {
	all, err := m.index.Coverages(ctx)
	if err != nil {
		return err
	}
	var lines []Line
	for _, c := range all {
		lines = append(lines, Coverage{Time: now.UTC(), Run: run, Scope: c.Scope})
	}
	return m.Append(ctx, lines)
}

// repair is what Open does beyond the usual when it is asked to: see Options.Repair.
func (m *Manifest) repair(source string, published bool, log *slog.Logger) error {
	j, err := readJournal(m.segments)
	if err != nil {
		return err
	}
	if j.source == "" {
		j.source = source
	}
	if m.Damaged, err = heal(m.folders, j, published, log); err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	for _, suffix := range []string{"", "-wal", "-shm"} {
		if err := m.state.Remove(indexFile + suffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}
