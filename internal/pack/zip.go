package pack

import (
	"archive/zip"
	"compress/flate"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"time"

	"civitar/export"
)

// zipForm is a zip (PKWARE's APPNOTE 6.3.10, whose sections are named), zip64 where it is
// needed. Sizes stand before each member's content, so that it can also be read from its
// start; texts are deflated. A blank is a member that the directory does not speak of.
//
// The library writes no directory of members that another process has written, and holds all
// of it in memory.
type zipForm struct {
	deflater *flate.Writer // made when the first text is added
}

var _ form = (*zipForm)(nil)

const (
	zipMember    = 0x04034b50
	zipHead      = 30 // bytes of a member's head, without name and extra field (4.3.7)
	zipTimeExtra = 0x5455
	zip64Extra   = 1
	// zipLarge is from where on sizes take zip64, with room for a text that deflating makes longer.
	zipLarge = math.MaxUint32 - 16<<20
	// zipStrange is the method of members whose heads are not as this package writes them.
	zipStrange = math.MaxUint16
	// zipDeflate is up to where texts are deflated.
	zipDeflate = 1 << 30
)

func (z *zipForm) add(w *out, c content, r io.Reader) (member, error) {
	m := member{At: w.at, Path: c.path, Size: c.size, Method: zip.Store, Modified: export.TimeOf(c.modified)}
	if export.IsText(c.path) && c.size < zipDeflate {
		m.Method = zip.Deflate
	}
	m.Head = int64(len(m.zipHead()))
	if err := zeros(w, m.Head); err != nil { // until it is whole, it is no member
		return m, err
	}
	start, sum := w.at, crc32.NewIEEE()
	n, err := z.pack(w, m.Method, io.TeeReader(r, sum), c.size)
	if err == nil && n != c.size {
		err = fmt.Errorf("%s: %d of %d bytes came", c.path, n, c.size)
	}
	if err != nil {
		return m, err
	}
	m.Packed, m.CRC = w.at-start, sum.Sum32()
	m.Length = w.at - m.At
	return m, w.patch(m.zipHead(), m.At)
}

func (z *zipForm) pack(w io.Writer, method uint16, r io.Reader, size int64) (int64, error) {
	if method == zip.Store {
		return copyTo(w, r, size)
	}
	if z.deflater == nil {
		var err error
		if z.deflater, err = flate.NewWriter(w, flate.DefaultCompression); err != nil {
			return 0, err
		}
	}
	z.deflater.Reset(w)
	n, err := copyTo(z.deflater, r, size)
	return n, errors.Join(err, z.deflater.Close())
}

// large tells a member whose sizes take zip64 where they stand before it.
func (m member) large() bool { return m.Size >= zipLarge }

// zipHead is what stands before the content.
func (m member) zipHead() []byte {
	version, size, packed := uint16(20), uint32(m.Size), uint32(m.Packed)
	var extra []byte
	if !m.Modified.IsZero() {
		extra = zipTime(m.Modified)
	}
	if m.large() {
		version, size, packed = 45, math.MaxUint32, math.MaxUint32
		extra = append(extra, zip64(uint64(m.Size), uint64(m.Packed))...)
	}
	b := binary.LittleEndian.AppendUint32(nil, zipMember)
	b = m.zipCommon(b, version)
	b = binary.LittleEndian.AppendUint32(b, m.CRC)
	b = binary.LittleEndian.AppendUint32(b, packed)
	b = binary.LittleEndian.AppendUint32(b, size)
	b = binary.LittleEndian.AppendUint16(b, uint16(len(m.Path)))
	b = binary.LittleEndian.AppendUint16(b, uint16(len(extra)))
	return append(append(b, m.Path...), extra...)
}

// zipCommon is what head and directory have in common: version, flags, method, time.
func (m member) zipCommon(b []byte, version uint16) []byte {
	t := export.TimeOf(m.Modified)
	date := min(t.Year()-1980, 127)<<9 | int(t.Month())<<5 | t.Day()
	clock := t.Hour()<<11 | t.Minute()<<5 | t.Second()/2
	for _, v := range []uint16{version, 0, m.Method, uint16(clock), uint16(date)} {
		b = binary.LittleEndian.AppendUint16(b, v)
	}
	return b
}

// zipTime tells the time to the second (Info-ZIP's extended timestamp).
func zipTime(t time.Time) []byte {
	b := binary.LittleEndian.AppendUint16(nil, zipTimeExtra)
	b = binary.LittleEndian.AppendUint16(b, 5)
	return binary.LittleEndian.AppendUint32(append(b, 1), uint32(min(t.Unix(), math.MaxUint32)))
}

// zip64 holds what has no room in 32 bits (4.5.3).
func zip64(values ...uint64) []byte {
	b := binary.LittleEndian.AppendUint16(nil, zip64Extra)
	b = binary.LittleEndian.AppendUint16(b, uint16(8*len(values)))
	for _, v := range values {
		b = binary.LittleEndian.AppendUint64(b, v)
	}
	return b
}

func (*zipForm) next(r io.ReaderAt, at, size int64) (member, error) {
	b := make([]byte, zipHead)
	n, err := r.ReadAt(b, at)
	switch {
	case err != nil && !errors.Is(err, io.EOF):
		return member{}, err
	case n >= 4 && isDirectory(binary.LittleEndian.Uint32(b)), n == 0:
		return member{}, errEnd
	case n >= 4 && binary.LittleEndian.Uint32(b) != zipMember:
		return member{}, damaged(at, "no member begins there")
	case n < len(b):
		return member{}, short(at)
	}
	names := make([]byte, int(binary.LittleEndian.Uint16(b[26:]))+int(binary.LittleEndian.Uint16(b[28:])))
	if n, err := r.ReadAt(names, at+zipHead); n < len(names) {
		if errors.Is(err, io.EOF) {
			err = short(at)
		}
		return member{}, err
	}
	m := member{At: at, Head: zipHead + int64(len(names)), Path: string(names[:binary.LittleEndian.Uint16(b[26:])]),
		Method: binary.LittleEndian.Uint16(b[8:]), CRC: binary.LittleEndian.Uint32(b[14:]),
		Packed: int64(binary.LittleEndian.Uint32(b[18:])), Size: int64(binary.LittleEndian.Uint32(b[22:]))}
	m.takeExtra(names[len(m.Path):])
	m.Length = m.Head + m.Packed
	switch {
	case m.Packed < 0 || m.Size < 0 || m.Packed > size-at-m.Head:
		return m, short(at)
	case m.Path == blankPath:
		m.Path = ""
		return m, nil
	case b[6]&8 != 0:
		return m, damaged(at, "its size does not stand before %q", m.Path)
	case string(m.zipHead()) != string(b)+string(names):
		m.Method = zipStrange
	}
	return m, checkPath(at, m.Path)
}

// takeExtra takes in time and sizes from the extra field.
func (m *member) takeExtra(b []byte) {
	for len(b) >= 4 {
		id, n := binary.LittleEndian.Uint16(b), int(binary.LittleEndian.Uint16(b[2:]))
		if b = b[4:]; n > len(b) {
			return
		}
		switch {
		case id == zipTimeExtra && n == 5:
			m.Modified = time.Unix(int64(binary.LittleEndian.Uint32(b[1:])), 0).UTC()
		case id == zip64Extra && n == 16:
			m.Size, m.Packed = int64(binary.LittleEndian.Uint64(b)), int64(binary.LittleEndian.Uint64(b[8:]))
		}
		b = b[n:]
	}
}

func (*zipForm) open(r io.ReaderAt, m member) (io.ReadCloser, error) {
	packed := io.NewSectionReader(r, m.At+m.Head, m.Packed)
	switch m.Method {
	case zip.Store:
		return &summed{r: packed, Closer: io.NopCloser(nil), m: m, sum: crc32.NewIEEE()}, nil
	case zip.Deflate:
		z := flate.NewReader(packed)
		return &summed{r: z, Closer: z, m: m, sum: crc32.NewIEEE()}, nil
	}
	return nil, fmt.Errorf("%s: its head is not as it was written", m.Path)
}

// summed is a reader that ends in an error where size or checksum are not what the head says.
type summed struct {
	r io.Reader
	io.Closer
	m   member
	n   int64
	sum interface {
		io.Writer
		Sum32() uint32
	}
}

func (s *summed) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	s.n += int64(n)
	_, _ = s.sum.Write(p[:n]) // a hash takes everything
	if errors.Is(err, io.EOF) && (s.n != s.m.Size || s.sum.Sum32() != s.m.CRC) {
		err = fmt.Errorf("%s: its size or checksum is not what the package says", s.m.Path)
	}
	return n, err
}

func (*zipForm) blank(w io.Writer, m member) error {
	head := int64(len(member{Path: blankPath}.zipHead()))
	return pieces(w, m.Length, head, 1<<30, func(length int64) error {
		b, sum := member{Path: blankPath, Size: length - head, Packed: length - head}, crc32.NewIEEE()
		if err := zeros(sum, b.Size); err != nil {
			return err
		}
		b.CRC = sum.Sum32()
		if _, err := w.Write(b.zipHead()); err != nil {
			return err
		}
		return zeros(w, b.Size)
	})
}
