package pack

import (
	"encoding/binary"
	"io"
	"iter"
	"math"
)

const (
	zipEntry    = 0x02014b50 // of the directory
	zipEnd64    = 0x06064b50
	zipLocate64 = 0x07064b50
	zipEnd      = 0x06054b50
	madeByUnix  = 3 << 8
	zipMode     = 0o100644 << 16 // a regular file, as Unix has it in the upper half
)

// isDirectory tells what follows the members.
func isDirectory(signature uint32) bool {
	return signature == zipEntry || signature == zipEnd64 || signature == zipEnd
}

// finish writes the directory and what ends it.
func (*zipForm) finish(w io.Writer, at int64, members iter.Seq2[member, error]) error {
	var count, size int64
	for m, err := range members {
		if err != nil {
			return err
		}
		n, err := w.Write(m.zipEntry())
		if err != nil {
			return err
		}
		count++
		size += int64(n)
	}
	_, err := w.Write(zipDirectoryEnd(count, size, at))
	return err
}

// zipEntry is a member in the directory (4.3.12).
func (m member) zipEntry() []byte {
	version, extra := uint16(20), zipTime(m.Modified)
	var wide []uint64
	narrow := func(v int64) uint32 {
		if v < math.MaxUint32 {
			return uint32(v)
		}
		wide = append(wide, uint64(v))
		return math.MaxUint32
	}
	size, packed, at := narrow(m.Size), narrow(m.Packed), narrow(m.At)
	if wide != nil {
		extra = append(extra, zip64(wide...)...)
	}
	if wide != nil || m.large() {
		version = 45
	}
	b := binary.LittleEndian.AppendUint32(nil, zipEntry)
	b = binary.LittleEndian.AppendUint16(b, madeByUnix|version)
	b = m.zipCommon(b, version)
	for _, v := range []uint32{m.CRC, packed, size} {
		b = binary.LittleEndian.AppendUint32(b, v)
	}
	for _, v := range []int{len(m.Path), len(extra), 0, 0, 0} { // no comment, first disk, no text
		b = binary.LittleEndian.AppendUint16(b, uint16(v))
	}
	b = binary.LittleEndian.AppendUint32(b, zipMode)
	b = binary.LittleEndian.AppendUint32(b, at)
	return append(append(b, m.Path...), extra...)
}

// zipDirectoryEnd ends a directory of so many entries and bytes (4.3.14 to 4.3.16).
func zipDirectoryEnd(count, size, at int64) []byte {
	var b []byte
	if count >= math.MaxUint16 || size >= math.MaxUint32 || at >= math.MaxUint32 {
		b = binary.LittleEndian.AppendUint32(b, zipEnd64)
		b = binary.LittleEndian.AppendUint64(b, 44) // bytes that follow
		b = binary.LittleEndian.AppendUint16(b, madeByUnix|45)
		b = binary.LittleEndian.AppendUint16(b, 45)
		b = binary.LittleEndian.AppendUint64(b, 0) // disks
		for _, v := range []int64{count, count, size, at} {
			b = binary.LittleEndian.AppendUint64(b, uint64(v))
		}
		b = binary.LittleEndian.AppendUint32(b, zipLocate64)
		b = binary.LittleEndian.AppendUint32(b, 0)
		b = binary.LittleEndian.AppendUint64(b, uint64(at+size))
		b = binary.LittleEndian.AppendUint32(b, 1)
	}
	b = binary.LittleEndian.AppendUint32(b, zipEnd)
	b = binary.LittleEndian.AppendUint32(b, 0)
	entries := uint16(min(count, math.MaxUint16))
	b = binary.LittleEndian.AppendUint16(b, entries)
	b = binary.LittleEndian.AppendUint16(b, entries)
	b = binary.LittleEndian.AppendUint32(b, uint32(min(size, math.MaxUint32)))
	b = binary.LittleEndian.AppendUint32(b, uint32(min(at, math.MaxUint32)))
	return binary.LittleEndian.AppendUint16(b, 0)
}
