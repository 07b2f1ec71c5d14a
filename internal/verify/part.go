package verify

import (
	"encoding/json"
	"hash/fnv"
	"math"
	"os"

	"civitar/internal/durable"
)

// partFile says which part of the archive the next verification of a share reads. It is
// the one file that this package writes.
const partFile = ".civitar/verify.json"

// part is one of Parts equal parts of the archive, by a hash of the path: as many
// verifications read everything once. No Parts is all.
type part struct {
	Parts int `json:"parts"`
	Next  int `json:"next"`
}

// nextPart takes up where the last verification of the same share left.
func nextPart(root *os.Root, share float64) part {
	if share <= 0 || share >= 1 {
		return part{}
	}
	p := part{Parts: int(math.Ceil(1 / share))}
	var last part
	data, err := root.ReadFile(partFile)
	if err == nil && json.Unmarshal(data, &last) == nil && last.Parts == p.Parts && last.Next > 0 && last.Next < p.Parts {
		p.Next = last.Next
	}
	return p
}

func (p part) has(path string) bool {
	if p.Parts == 0 {
		return true
	}
	h := fnv.New32a()
	h.Write([]byte(path))
	return int(h.Sum32()%uint32(p.Parts)) == p.Next
}

// done notes that the part was read to its end.
func (p part) done(root *os.Root) error {
	if p.Parts == 0 {
		return nil
	}
	p.Next = (p.Next + 1) % p.Parts
	data, err := json.Marshal(p)
	if err != nil {
		return err
	}
	return durable.In(root, nil).Replace(partFile, append(data, '\n'), 0o666)
}
