package sandbox

import (
	"embed"
	"encoding/binary"
	"fmt"
	"math"
)

// assets are a few small films, sounds and WebP pictures; the standard
// library can write none of these. Each blob gets a copy of one with a part
// of its own added where the format allows it.
//
//go:embed assets
var assets embed.FS

// asset reads an embedded file; a missing one is empty and shows in tests.
func asset(name string) []byte {
	data, err := assets.ReadFile("assets/" + name)
	if err != nil {
		return nil
	}
	return data
}

// hexWord is 16 hexadecimal digits.
func hexWord(v uint64) string { return fmt.Sprintf("%016x", v) }

// signature of a blob inside its own bytes.
func mark(key uint64) string { return "sandbox blob " + hexWord(key) }

func clipSize(key uint64) (w, h int) {
	sizes := [][2]int{{320, 180}, {240, 240}, {180, 320}}
	s := sizes[key%3]
	return s[0], s[1]
}

// mp4 adds a free box at the end, which players skip.
func mp4(key uint64) []byte {
	out := asset(fmt.Sprintf("film%d.mp4", key%3+1))
	note := mark(key)
	out = binary.BigEndian.AppendUint32(out, uint32(8+len(note)))
	return append(append(out, "free"...), note...)
}

func webpSize(key uint64) (w, h int) {
	sizes := [][2]int{{480, 320}, {320, 480}, {400, 400}, {512, 288}}
	s := sizes[key%4]
	return s[0], s[1]
}

func webpAnimSize() (w, h int) { return 160, 120 }

// webp wraps a simple WebP in the extended form, which may carry Exif.
func webp(key uint64) []byte {
	simple := asset(fmt.Sprintf("still%d.webp", key%4+1))
	if len(simple) < 12 {
		return simple
	}
	w, h := webpSize(key)
	header := []byte{8, 0, 0, 0, byte(w - 1), byte((w - 1) >> 8), 0, byte(h - 1), byte((h - 1) >> 8), 0}
	out := riffChunk(append(make([]byte, 0, len(simple)+128), simple[:12]...), "VP8X", header)
	out = append(out, simple[12:]...)
	return riffSize(riffChunk(out, "EXIF", exif(mark(key))))
}

func webpAnim(key uint64) []byte {
	out := asset("dance.webp")
	if len(out) < 21 {
		return out
	}
	out[20] |= 8 // the VP8X flag for Exif
	return riffSize(riffChunk(out, "EXIF", exif(mark(key))))
}

// exif is the smallest TIFF directory with an image description.
func exif(text string) []byte {
	out := []byte("MM\x00*\x00\x00\x00\x08\x00\x01\x01\x0e\x00\x02")
	out = binary.BigEndian.AppendUint32(out, uint32(len(text)+1))
	out = binary.BigEndian.AppendUint32(out, 26)
	out = append(out, 0, 0, 0, 0)
	return append(append(out, text...), 0)
}

func riffChunk(out []byte, kind string, data []byte) []byte {
	out = binary.LittleEndian.AppendUint32(append(out, kind...), uint32(len(data)))
	out = append(out, data...)
	if len(data)%2 == 1 {
		out = append(out, 0)
	}
	return out
}

func riffSize(out []byte) []byte {
	binary.LittleEndian.PutUint32(out[4:8], uint32(len(out)-8))
	return out
}

// wav is two seconds of a chord that dies away, 16 bit mono.
func wav(key uint64) []byte {
	const rate, seconds = 22050, 2
	r := newRNG(key, 3)
	root := 110 * math.Pow(2, float64(r.intn(24))/12)
	data := make([]byte, 0, rate*seconds*2)
	for i := range rate * seconds {
		t := float64(i) / rate
		v := math.Sin(2*math.Pi*root*t) + 0.6*math.Sin(2*math.Pi*root*1.26*t) + 0.5*math.Sin(2*math.Pi*root*1.498*t)
		data = binary.LittleEndian.AppendUint16(data, uint16(int16(v*6000*math.Exp(-1.4*t))))
	}
	out := append(make([]byte, 0, len(data)+96), "RIFF\x00\x00\x00\x00WAVE"...)
	out = riffChunk(out, "fmt ", []byte{1, 0, 1, 0, 0x22, 0x56, 0, 0, 0x44, 0xac, 0, 0, 2, 0, 16, 0})
	out = riffChunk(out, "data", data)
	note := []byte(mark(key))
	return riffSize(riffChunk(out, "LIST", riffChunk([]byte("INFO"), "ICMT", append(note, 0))))
}

// ogg gives the stream a serial number of its own and so each page a new
// checksum.
func ogg(key uint64) []byte {
	out := asset("chord.ogg")
	table := oggTable()
	for at := 0; at+27 <= len(out); {
		size := 27 + int(out[at+26])
		for _, lacing := range out[at+27 : min(at+size, len(out))] {
			size += int(lacing)
		}
		page := out[at:min(at+size, len(out))]
		binary.LittleEndian.PutUint32(page[14:], uint32(key))
		binary.LittleEndian.PutUint32(page[22:], 0)
		crc := uint32(0)
		for _, c := range page {
			crc = crc<<8 ^ table[byte(crc>>24)^c]
		}
		binary.LittleEndian.PutUint32(page[22:], crc)
		at += size
	}
	return out
}

// oggTable is for CRC-32 with the bits the other way round than hash/crc32.
func oggTable() (table [256]uint32) {
	for i := range table {
		crc := uint32(i) << 24
		for range 8 {
			carry := crc >> 31
			crc = crc<<1 ^ carry*0x04c11db7
		}
		table[i] = crc
	}
	return table
}
