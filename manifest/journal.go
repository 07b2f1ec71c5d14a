package manifest

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"civitar/internal/durable"
)

const (
	// segmentSize is where a new segment of the journal is begun, in bytes, unless
	// Options.Segment says otherwise.
	segmentSize = 64 << 20
	// maxLine is the longest line that is read, in bytes; what this package is given to
	// write is far shorter, even where a server makes up ids of absurd length.
	maxLine = 16 << 20
)

// journal appends to the last segment, or only reads when file is nil.
type journal struct {
	root    *durable.Folder // the folder of the segments
	source  string
	created time.Time
	log     *slog.Logger
	damaged func(Damage) // told of lines passed over, beside the logger; nil is nobody
	publish func(segment string, offset int64, data []byte) error
	size    int64 // where a new segment is begun, in bytes

	segments  []int
	compacted map[int]position // those that lack lines, and of where what supersedes them ends
	file      *durable.File
	offset    int64
	broken    error // the first failed append: what follows it could not be trusted
}

// openJournal opens the journal for appending.
func openJournal(root *durable.Folder, o Options) (*journal, error) {
	j, err := readJournal(root)
	if err != nil {
		return nil, err
	}
	j.log, j.publish, j.size = o.Logger, o.Publish, cmp.Or(o.Segment, segmentSize)
	if j.source == "" {
		j.source = o.Source
	}
	if err := j.clear(); err != nil {
		return nil, err
	}
	if len(j.segments) == 0 {
		return j, j.beginSegment(1)
	}
	return j, j.openLast()
}

// openLast opens the last segment and cuts what follows its last whole line: the tail
// that a power cut tore.
func (j *journal) openLast() error {
	name := segmentFile(j.segments[len(j.segments)-1])
	f, err := j.root.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	end, size, err := lastLineEnd(f)
	if err == nil && end < size {
		j.log.Warn("journal: cut off a torn tail", "segment", name, "bytes", size-end)
		if err = f.Truncate(end); err == nil {
			err = f.Sync()
		}
	}
	if err == nil {
		_, err = f.Seek(end, io.SeekStart)
	}
	if err != nil {
		return errors.Join(err, f.Close())
	}
	j.file, j.offset = f, end
	if end == 0 {
		return j.writeHeader()
	}
	return nil
}

// lastLineEnd finds the offset after the last newline.
func lastLineEnd(f *durable.File) (end, size int64, err error) {
	info, err := f.Stat()
	if err != nil {
		return 0, 0, err
	}
	size = info.Size()
	buf := make([]byte, 64<<10)
	for at := size; at > 0; {
		n := min(at, int64(len(buf)))
		at -= n
		if _, err := f.ReadAt(buf[:n], at); err != nil {
			return 0, size, err
		}
		if i := bytes.LastIndexByte(buf[:n], '\n'); i >= 0 {
			return at + int64(i) + 1, size, nil
		}
	}
	return 0, size, nil
}

func (j *journal) beginSegment(n int) error {
	f, err := j.root.OpenFile(segmentFile(n), os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o666)
	if err != nil {
		return err
	}
	if err := j.close(); err != nil {
		return errors.Join(err, f.Close())
	}
	j.file, j.offset = f, 0
	j.segments = append(j.segments, n)
	if err := j.writeHeader(); err != nil {
		return err
	}
	return j.root.SyncDir(".")
}

func (j *journal) writeHeader() error {
	line, err := j.header()
	if err != nil {
		return err
	}
	return j.write(line)
}

func (j *journal) header() ([]byte, error) {
	if j.created.IsZero() {
		j.created = time.Now().UTC()
	}
	data, err := json.Marshal(header{Journal: journalName, Format: Format, Source: j.source, Created: j.created})
	return append(data, '\n'), err
}

// write appends data and makes it durable, or takes back what it can of it. Where the
// journal is kept elsewhere, it is there first: a copy that is behind can be brought up.
func (j *journal) write(data []byte) error {
	if j.publish != nil {
		if err := j.publish(segmentFile(j.segments[len(j.segments)-1]), j.offset, data); err != nil {
			return err
		}
	}
	n, err := j.file.Write(data)
	if err == nil {
		err = j.file.Sync()
	}
	if err != nil {
		if n > 0 {
			err = errors.Join(err, j.file.Truncate(j.offset))
		}
		return err
	}
	j.offset += int64(n)
	return nil
}

// append writes the lines, durably, and returns the place after them.
func (j *journal) append(lines []Line) (position, error) {
	if j.broken != nil {
		return position{}, fmt.Errorf("an earlier write failed: %w", j.broken)
	}
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	for _, l := range lines {
		if err := enc.Encode(l); err != nil {
			return position{}, err
		}
	}
	if j.offset >= j.size {
		if err := j.beginSegment(j.segments[len(j.segments)-1] + 1); err != nil {
			j.broken = err
			return position{}, err
		}
	}
	if err := j.write(buf.Bytes()); err != nil {
		j.broken = err
		return position{}, err
	}
	return j.end(), nil
}

// end is the place after the last line.
func (j *journal) end() position {
	if len(j.segments) == 0 {
		return position{}
	}
	last := j.segments[len(j.segments)-1]
	if j.file != nil {
		return position{last, j.offset}
	}
	info, err := j.root.Stat(segmentFile(last))
	if err != nil {
		return position{last, 0}
	}
	return position{last, info.Size()}
}

func (j *journal) close() error {
	if j.file == nil {
		return nil
	}
	err := j.file.Close()
	j.file = nil
	return err
}

// replay hands on every line after from. Damaged lines are told to the logger with their
// place and passed over: one bad sector must not cost the rest.
func (j *journal) replay(from position, use func(Line, position) error) error {
	for _, n := range j.segments {
		if n < from.Segment {
			continue
		}
		var start int64
		if n == from.Segment {
			start = from.Offset
		}
		if err := j.replaySegment(n, start, use); err != nil {
			return err
		}
	}
	return nil
}

func (j *journal) replaySegment(n int, start int64, use func(Line, position) error) error {
	f, err := j.root.Open(segmentFile(n))
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := f.Seek(start, io.SeekStart); err != nil {
		return err
	}
	r := bufio.NewReaderSize(f, 256<<10)
	for at := start; ; {
		line, size, err := readLine(r)
		if errors.Is(err, io.EOF) {
			return nil // without a newline: torn, or being written just now
		}
		if err != nil {
			return err
		}
		at += size
		_, l, err := parseLine(line)
		if err != nil {
			j.log.Warn("journal: a damaged line is passed over", "segment", segmentFile(n), "offset", at-size, "error", err)
			if j.damaged != nil {
				j.damaged(Damage{segmentFile(n), at - size, err, position{n, at}})
			}
			continue
		}
		if l != nil {
			if err := use(l, position{n, at}); err != nil {
				return err
			}
		}
	}
}

// readLine reads up to a newline and returns the line, empty if it is longer than
// maxLine, and the bytes it took.
func readLine(r *bufio.Reader) (line []byte, size int64, err error) {
	for {
		part, err := r.ReadSlice('\n')
		size += int64(len(part))
		if size <= maxLine {
			line = append(line, part...)
		} else {
			line = nil
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return line, size, err
		}
	}
}
