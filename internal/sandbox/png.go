package sandbox

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"hash/crc32"
	"image"
	"image/png"
)

// encodePNG writes opaque pictures by hand, because image/png spends far more
// time on choosing filters than painting takes. Every other one is stored
// uncompressed, which makes for large files among small ones.
func encodePNG(m *image.RGBA, key uint64) []byte {
	w, h := m.Rect.Dx(), m.Rect.Dy()
	level := zlib.NoCompression
	if key%2 == 0 {
		level = zlib.BestSpeed
	}
	var packed bytes.Buffer
	// Writing into memory does not fail, and the level is a valid one.
	z, err := zlib.NewWriterLevel(&packed, level)
	if err != nil {
		return nil
	}
	_, _ = z.Write(scanlines(m))
	_ = z.Close()

	head := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, uint32(w)), uint32(h))
	out := append(make([]byte, 0, packed.Len()+64), "\x89PNG\r\n\x1a\n"...)
	out = pngChunk(out, "IHDR", append(head, 8, 2, 0, 0, 0))
	out = pngChunk(out, "IDAT", packed.Bytes())
	return pngChunk(out, "IEND", nil)
}

// scanlines are the rows as RGB, each byte less the one above it.
//
//go:norace
func scanlines(m *image.RGBA) []byte {
	const filterUp = 2
	w, h := m.Rect.Dx(), m.Rect.Dy()
	out := make([]byte, 0, h*(1+3*w))
	above := make([]byte, 4*w)
	for y := range h {
		row := m.Pix[y*m.Stride : y*m.Stride+4*w]
		out = append(out, filterUp)
		for x := 0; x < len(row); x += 4 {
			out = append(out, row[x]-above[x], row[x+1]-above[x+1], row[x+2]-above[x+2])
		}
		above = row
	}
	return out
}

func encodeAlphaPNG(m *image.NRGBA) []byte {
	var out bytes.Buffer
	_ = (&png.Encoder{CompressionLevel: png.BestSpeed}).Encode(&out, m)
	return out.Bytes()
}

func pngChunk(out []byte, kind string, data []byte) []byte {
	out = binary.BigEndian.AppendUint32(out, uint32(len(data)))
	from := len(out)
	out = append(append(out, kind...), data...)
	return binary.BigEndian.AppendUint32(out, crc32.ChecksumIEEE(out[from:]))
}
