package manifest

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"io"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"time"
)

// Mark is a place in the journal: what the record said up to there.
type Mark struct {
	Segment int   `json:"segment"`
	Offset  int64 `json:"offset"` // bytes
	// Tail is the SHA-256 of the bytes before the place, at most tailSize of them: it tells
	// whether the journal was written anew since.
	Tail string `json:"tail"`
}

const tailSize = 4 << 10

// Mark is the place in the journal up to which the reader knows what it says.
func (r *Reader) Mark(ctx context.Context) (Mark, error) {
	_, at, _, err := whereabouts(ctx, r.db)
	if err != nil {
		return Mark{}, err
	}
	tail, err := r.tail(at.Segment, at.Offset)
	return Mark{at.Segment, at.Offset, tail}, err
}

func (r *Reader) tail(segment int, offset int64) (string, error) {
	f, err := r.segments.Open(segmentFile(segment))
	if err != nil {
		return "", err
	}
	defer f.Close()
	buf := make([]byte, min(offset, tailSize))
	if _, err := f.ReadAt(buf, offset-int64(len(buf))); err != nil && !errors.Is(err, io.EOF) {
		return "", err
	}
	sum := sha256.Sum256(buf)
	return hex.EncodeToString(sum[:]), nil
}

// News is what the record has come to say after a mark: of each workflow and blob that a
// line was written about, the last.
type News struct {
	*index
	temp string
}

// Since reads what the record says between two of its marks. ok is false where the journal
// before the first is not what it was.
func (r *Reader) Since(ctx context.Context, from, to Mark) (_ *News, ok bool, err error) {
	if tail, err := r.tail(from.Segment, from.Offset); err != nil || tail != from.Tail {
		return nil, false, nil
	}
	j, err := readJournal(r.segments)
	if err != nil {
		return nil, false, err
	}
	j.log = slog.New(slog.DiscardHandler)
	n := &News{}
	defer func() {
		if err != nil {
			err = errors.Join(err, n.Close())
		}
	}()
	if n.temp, err = os.MkdirTemp("", "civitar-news-"); err != nil {
		return nil, false, err
	}
	if n.index, err = freshIndex(ctx, filepath.Join(n.temp, indexFile)); err != nil {
		return nil, false, err
	}
	_, err = n.followTo(ctx, j, position{from.Segment, from.Offset}, position{to.Segment, to.Offset})
	if err == nil {
		err = n.complete(ctx, false)
	}
	return n, true, err
}

// Close releases the news.
func (n *News) Close() error {
	var errs []error
	if n.index != nil {
		errs = append(errs, n.index.close())
	}
	if n.temp != "" {
		errs = append(errs, os.RemoveAll(n.temp))
	}
	return errors.Join(errs...)
}

// InOrder hands on the ids of the workflows created within a period (zero times are no
// bounds), those created first first.
func (x *index) InOrder(ctx context.Context, from, to time.Time, use func(workflow string) error) error {
	last := int64(math.MaxInt64)
	if !to.IsZero() {
		last = to.UnixMilli()
	}
	first := int64(math.MinInt64)
	if !from.IsZero() {
		first = from.UnixMilli()
	}
	return x.each(ctx, func(r *sql.Rows) error {
		var id string
		if err := r.Scan(&id); err != nil {
			return err
		}
		return use(id)
	}, `SELECT id FROM (
			SELECT id, created FROM workflow
			UNION ALL SELECT workflow, max(created) FROM blob WHERE NOT EXISTS (SELECT 1 FROM workflow WHERE id = workflow) GROUP BY workflow
		) WHERE created BETWEEN ? AND ? ORDER BY created, id`, first, last)
}
