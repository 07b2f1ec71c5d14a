package vault

import (
	"fmt"
	"io"
	"iter"
	"os"
	"strings"
)

// maxFile is the most bytes that a file of keys may have.
const maxFile = 1 << 20

// readFile reads a file of keys.
func readFile(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(data) > maxFile {
		err = fmt.Errorf("%s is too large for a file of keys", name)
	}
	return data, err
}

// lines numbers the lines that hold something. Both kinds of key files have # for comments.
func lines(data []byte) iter.Seq2[int, string] {
	return func(yield func(int, string) bool) {
		n := 0
		for line := range strings.Lines(string(data)) {
			n++
			line = strings.TrimSpace(line)
			if line != "" && !strings.HasPrefix(line, "#") && !yield(n, line) {
				return
			}
		}
	}
}
