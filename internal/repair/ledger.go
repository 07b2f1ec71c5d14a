package repair

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"os"

	"civitar/internal/verify"
)

// batch is how many lines or ids are handled at a time.
const batch = 200

// ledger remembers what has to be restored, in a file outside the archive: there can be
// more of it than fits into memory.
type ledger struct {
	file *os.File
	w    *bufio.Writer
	n    int64
}

func newLedger() (*ledger, error) {
	f, err := os.CreateTemp("", "civitar-repair-")
	if err != nil {
		return nil, err
	}
	return &ledger{file: f, w: bufio.NewWriter(f)}, nil
}

func (l *ledger) add(f verify.Finding) error {
	l.n++
	return json.NewEncoder(l.w).Encode(f)
}

// each hands on what was added, in that order.
func (l *ledger) each(use func(verify.Finding) error) error {
	if err := l.w.Flush(); err != nil {
		return err
	}
	if _, err := l.file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	for d := json.NewDecoder(bufio.NewReader(l.file)); ; {
		var f verify.Finding
		err := d.Decode(&f)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err == nil {
			err = use(f)
		}
		if err != nil {
			return err
		}
	}
}

func (l *ledger) close() error {
	return errors.Join(l.file.Close(), os.Remove(l.file.Name()))
}
