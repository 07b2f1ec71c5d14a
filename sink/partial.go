package sink

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"regexp"
	"time"

	"civitar/internal/durable"
)

const (
	noteExt = ".json"
	// noteEvery is how many bytes are written between two durable notes of how far a
	// partial is good. What a power cut or a kill can cost is at most this much of each
	// transfer; smaller files are never worth a note.
	noteEvery = 32 << 20
	// flushEvery is how many bytes are written between two nudges to write them to the disk,
	// so that there is little left to wait for when they have to be there.
	flushEvery = 4 << 20
	// flushFrom is the least that is worth one.
	flushFrom = 128 << 10
	// noteFrom is the least a suspended partial must hold to be worth keeping.
	noteFrom = 256 << 10
)

// note stands beside a partial and tells how much of it may be trusted. Bytes past
// Synced, and partials without a note, may be anything after a power cut.
type note struct {
	Key       string `json:"key"`
	Validator string `json:"validator,omitempty"`
	Size      int64  `json:"size"`
	Synced    int64  `json:"synced"`
	SHA256    string `json:"sha256"` // of the first Synced bytes
	// Apart are stretches beyond those that were synced as well; one may begin before.
	Apart []proof `json:"apart,omitempty"`
}

type partial struct {
	dir  *Dir
	key  string
	name string
	file *durable.File
	sum  hash.Hash

	head      *[headKept]byte // for Head: the first bytes, as many as came at once; nil until they have
	headLen   int
	apart     apart // what is there beyond offset
	offset    int64
	noted     int64 // offset of the last note
	flushed   int64 // offset of the last nudge
	hasNote   bool
	validator string
	size      int64 // -1 unknown
	reserved  int64 // this writer's share of dir.reserved
}

var _ Writer = (*partial)(nil)

// partialFile matches the names that this package gives to files among the partials.
var partialFile = regexp.MustCompile(`^[0-9a-f]{32}(\.json|\.sealed)?(\.new)?$`)

// partialName hides the key: it came from the server and is no file name.
func partialName(key string) string {
	sum := sha256.Sum256([]byte(key))
	return hex.EncodeToString(sum[:16])
}

// Begin opens the partial for key. Bytes that an earlier run left there are kept when
// their note vouches for them and their hash proves it; Offset tells.
func (d *Dir) Begin(key string) (Writer, error) {
	p := &partial{dir: d, key: key, name: partialName(key), sum: sha256.New(), size: -1}
	var stray bool
	stray, p.hasNote = d.takeStray(p.name)

	f, err := d.openPartial(p.name, stray)
	if err != nil {
		return nil, spaceOr(err)
	}
	p.file = f
	if stray || p.hasNote {
		if err := p.restore(); err != nil {
			return nil, errors.Join(err, f.Close())
		}
	}
	return p, nil
}

// openPartial opens a partial file, with what an earlier run left of it or empty.
func (d *Dir) openPartial(name string, stray bool) (*durable.File, error) {
	if stray {
		return d.partials.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o666)
	}
	return d.partialsHere.Create(name, 0o666)
}

// restore takes over the bytes that the note vouches for, or none.
func (p *partial) restore() error {
	n, err := p.readNote()
	if err == nil && n.Key == p.key {
		var got int64
		got, err = io.CopyN(p.sum, p.file, n.Synced)
		if err == nil && got == n.Synced && p.Sum() == n.SHA256 {
			p.offset, p.noted, p.flushed = got, got, got
			p.validator, p.size = n.Validator, n.Size
			return p.prove(n)
		}
	}
	return p.Reset()
}

func (p *partial) readNote() (note, error) {
	var n note
	data, err := p.dir.partials.ReadFile(p.name + noteExt)
	if err != nil {
		return n, err
	}
	if err := json.Unmarshal(data, &n); err != nil {
		return n, err
	}
	if n.Synced < 0 {
		return n, fmt.Errorf("note of a negative size")
	}
	return n, nil
}

func (p *partial) Write(b []byte) (int, error) {
	if err := p.forget(); err != nil {
		return 0, err
	}
	n, err := p.file.Write(b)
	p.sum.Write(b[:n])
	if p.offset == 0 {
		p.keepHead(b[:n])
	}
	p.offset += int64(n)
	p.release(int64(n))
	if err != nil {
		return n, spaceOr(err)
	}
	if p.offset-p.flushed >= flushEvery {
		p.flush()
	}
	if p.offset-p.noted >= noteEvery && p.validator != "" && p.offset != p.size {
		if err := p.writeNote(); err != nil {
			return n, err
		}
	}
	return n, nil
}

func (p *partial) keepHead(b []byte) {
	if p.head == nil {
		p.head = p.dir.heads.Get().(*[headKept]byte)
	}
	p.headLen = copy(p.head[:], b)
}

func (p *partial) dropHead() {
	if p.head != nil {
		p.dir.heads.Put(p.head)
		p.head, p.headLen = nil, 0
	}
}

func (p *partial) flush() {
	p.file.Flush(p.flushed, p.offset-p.flushed)
	p.flushed = p.offset
}

// writeNote makes the bytes so far durable, and then the note that says so.
func (p *partial) writeNote() error {
	proofs := p.proofs()
	if err := p.file.Sync(); err != nil {
		return spaceOr(err)
	}
	data, err := json.Marshal(note{Key: p.key, Validator: p.validator, Size: p.size, Synced: p.offset, SHA256: p.Sum(), Apart: proofs})
	if err != nil {
		return err
	}
	if err := p.dir.partials.Replace(p.name+noteExt, data, 0o666); err != nil {
		return spaceOr(err)
	}
	p.noted, p.hasNote = p.offset, true
	return nil
}

func (p *partial) removeNote() error {
	if !p.hasNote {
		return nil
	}
	p.hasNote = false
	return p.dir.removePartial(p.name + noteExt)
}

func (p *partial) Offset() int64           { return p.offset }
func (p *partial) Resume() (string, int64) { return p.validator, p.size }

func (p *partial) Sum() string {
	return hex.EncodeToString(p.sum.Sum(nil))
}

func (p *partial) Stored() (size int64, sha256 string) { return p.offset, p.Sum() }

func (p *partial) Expect(validator string, size int64) error {
	if validator != p.validator || size != p.size {
		if err := p.forget(); err != nil {
			return err
		}
	}
	p.validator, p.size = validator, size
	p.release(p.reserved)
	if size < 0 {
		return nil
	}
	return p.reserve(size - p.offset - p.beyond())
}

func (p *partial) Reset() error {
	if err := p.removeNote(); err != nil {
		return err
	}
	if err := p.file.Truncate(0); err != nil {
		return err
	}
	if _, err := p.file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	p.apart.stretches = nil
	p.sum.Reset()
	p.offset, p.noted, p.flushed, p.validator, p.size = 0, 0, 0, "", -1
	return nil
}

func (p *partial) Head(n int) ([]byte, error) {
	n = int(min(int64(n), p.offset))
	if n <= p.headLen {
		return p.head[:n], nil
	}
	b := make([]byte, n)
	got, err := p.file.ReadAt(b, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	return b[:got], nil
}

// Finish leaves the file open: Commit syncs it through the same descriptor, and closes it
// before the rename because Windows renames no open file.
func (p *partial) Finish() error {
	if p.offset-p.flushed >= flushFrom {
		p.flush()
	}
	p.release(p.reserved)
	p.dropHead() // the file may wait for its group
	p.apart.stretches, p.apart.buffer = nil, nil
	return nil
}

// sync makes the file durable with its time, zero for none, and closes it.
func (p *partial) sync(modified time.Time) error { return p.close(modified, p.file.Sync) }

// end gives the file its time and closes it; it is not durable yet.
func (p *partial) end(modified time.Time) error {
	return p.close(modified, func() error { return nil })
}

func (p *partial) close(modified time.Time, sync func() error) error {
	err := p.file.SetTime(modified)
	if err == nil {
		err = sync()
	}
	if cerr := p.file.Close(); err == nil {
		err = cerr
	}
	return spaceOr(err)
}

func (p *partial) Suspend() error {
	p.release(p.reserved)
	if p.offset+p.beyond() < noteFrom || p.validator == "" {
		return p.Discard()
	}
	err := errors.Join(p.writeNote(), p.file.Close())
	p.dir.addStray(p.name, p.name+noteExt)
	return err
}

func (p *partial) Discard() error {
	p.release(p.reserved)
	err := p.file.Close()
	if errors.Is(err, os.ErrClosed) { // a Commit that failed has closed it already
		err = nil
	}
	return errors.Join(err, p.removeNote(), p.dir.removePartial(p.name))
}
