package sandbox

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// safetensorsSize is the size in bytes of the trained weights of a key: a few
// hundred kilobytes to four megabytes.
func safetensorsSize(key uint64) int {
	return 8 + len(safetensorsHeader(key)) + tensorBytes(key)
}

func tensorBytes(key uint64) int {
	return 256 * 16 * (1 + int(mixWords(key, 1)%63)*int(mixWords(key, 2)%8+1)*2)
}

func safetensorsHeader(key uint64) string {
	n := tensorBytes(key)
	head := fmt.Sprintf(`{"__metadata__":{"format":"pt","ss_output_name":%q},"lora_unet.weight":{"dtype":"F16","shape":[%d,16],"data_offsets":[0,%d]}}`,
		mark(key), n/32, n)
	return head + strings.Repeat(" ", (8-len(head)%8)%8)
}

func safetensors(key uint64) []byte {
	head := safetensorsHeader(key)
	out := make([]byte, 0, safetensorsSize(key))
	out = append(binary.LittleEndian.AppendUint64(out, uint64(len(head))), head...)
	tensor := make([]byte, tensorBytes(key))
	r := newRNG(key, 5)
	r.fill(tensor)
	for i := 1; i < len(tensor); i += 2 {
		tensor[i] &= 0xbf // no float16 of huge size, infinite or not a number
	}
	return append(out, tensor...)
}

// mesh is a bumpy torus, the same in every file format.
type mesh struct {
	points, normals [][3]float32
	triangles       [][3]uint16
}

func torus(key uint64) mesh {
	const rings, sides = 36, 18
	r := newRNG(key, 6)
	bumps, depth, thick := float64(r.between(2, 9)), r.within(0.02, 0.12), r.within(0.25, 0.45)
	var m mesh
	for i := range rings {
		u := 2 * math.Pi * float64(i) / rings
		for j := range sides {
			v := 2 * math.Pi * float64(j) / sides
			radius := thick + depth*math.Sin(bumps*u)*math.Cos(2*v)
			n := [3]float64{math.Cos(u) * math.Cos(v), math.Sin(v), math.Sin(u) * math.Cos(v)}
			m.points = append(m.points, [3]float32{float32(math.Cos(u) + radius*n[0]), float32(radius * n[1]), float32(math.Sin(u) + radius*n[2])})
			m.normals = append(m.normals, [3]float32{float32(n[0]), float32(n[1]), float32(n[2])})
			a, b := uint16(i*sides+j), uint16(i*sides+(j+1)%sides)
			c, d := uint16((i+1)%rings*sides+j), uint16((i+1)%rings*sides+(j+1)%sides)
			m.triangles = append(m.triangles, [3]uint16{a, b, c}, [3]uint16{b, d, c})
		}
	}
	return m
}

func (m mesh) bounds() (lo, hi [3]float32) {
	lo, hi = m.points[0], m.points[0]
	for _, p := range m.points {
		for i := range p {
			lo[i], hi[i] = min(lo[i], p[i]), max(hi[i], p[i])
		}
	}
	return lo, hi
}

// glb is glTF 2.0 in its binary form: one mesh, one material.
func glb(key uint64) []byte {
	m := torus(key)
	var bin []byte
	for _, set := range [][][3]float32{m.points, m.normals} {
		for _, p := range set {
			for _, v := range p {
				bin = binary.LittleEndian.AppendUint32(bin, math.Float32bits(v))
			}
		}
	}
	vectors := len(m.points) * 12
	for _, t := range m.triangles {
		for _, v := range t {
			bin = binary.LittleEndian.AppendUint16(bin, v)
		}
	}
	lo, hi := m.bounds()
	scene := fmt.Sprintf(`{"asset":{"version":"2.0","generator":%q},"scene":0,"scenes":[{"nodes":[0]}],"nodes":[{"mesh":0}],`+
		`"materials":[{"pbrMetallicRoughness":{"baseColorFactor":[%.2f,0.55,0.6,1],"metallicFactor":0.1,"roughnessFactor":0.6}}],`+
		`"meshes":[{"primitives":[{"attributes":{"POSITION":0,"NORMAL":1},"indices":2,"material":0}]}],`+
		`"buffers":[{"byteLength":%d}],"bufferViews":[{"buffer":0,"byteOffset":0,"byteLength":%d,"target":34962},`+
		`{"buffer":0,"byteOffset":%d,"byteLength":%d,"target":34962},{"buffer":0,"byteOffset":%d,"byteLength":%d,"target":34963}],`+
		`"accessors":[{"bufferView":0,"componentType":5126,"count":%d,"type":"VEC3","min":%s,"max":%s},`+
		`{"bufferView":1,"componentType":5126,"count":%d,"type":"VEC3"},{"bufferView":2,"componentType":5123,"count":%d,"type":"SCALAR"}]}`,
		mark(key), float64(key%80)/100+0.2, len(bin), vectors, vectors, vectors, 2*vectors, len(bin)-2*vectors,
		len(m.points), vector(lo), vector(hi), len(m.points), 3*len(m.triangles))
	scene += strings.Repeat(" ", (4-len(scene)%4)%4)
	bin = append(bin, make([]byte, (4-len(bin)%4)%4)...)

	out := append(make([]byte, 0, len(bin)+len(scene)+28), "glTF"...)
	out = binary.LittleEndian.AppendUint32(out, 2)
	out = binary.LittleEndian.AppendUint32(out, uint32(12+8+len(scene)+8+len(bin)))
	out = binary.LittleEndian.AppendUint32(out, uint32(len(scene)))
	out = append(append(out, "JSON"...), scene...)
	out = binary.LittleEndian.AppendUint32(out, uint32(len(bin)))
	return append(append(out, "BIN\x00"...), bin...)
}

func vector(v [3]float32) string {
	text := func(f float32) string { return strconv.FormatFloat(float64(f), 'g', -1, 32) }
	return "[" + text(v[0]) + "," + text(v[1]) + "," + text(v[2]) + "]"
}

func ply(key uint64) []byte {
	m := torus(key)
	var out bytes.Buffer
	fmt.Fprintf(&out, "ply\nformat ascii 1.0\ncomment %s\nelement vertex %d\n", mark(key), len(m.points))
	fmt.Fprintf(&out, "property float x\nproperty float y\nproperty float z\n")
	fmt.Fprintf(&out, "element face %d\nproperty list uchar int vertex_indices\nend_header\n", len(m.triangles))
	for _, p := range m.points {
		fmt.Fprintf(&out, "%g %g %g\n", p[0], p[1], p[2])
	}
	for _, t := range m.triangles {
		fmt.Fprintf(&out, "3 %d %d %d\n", t[0], t[1], t[2])
	}
	return out.Bytes()
}

// fbx is the header of binary FBX 7.4 and one node that names its maker.
func fbx(key uint64) []byte {
	out := append([]byte(nil), "Kaydara FBX Binary  \x00\x1a\x00"...)
	out = binary.LittleEndian.AppendUint32(out, 7400)
	const name = "Creator"
	note := mark(key)
	property := append(binary.LittleEndian.AppendUint32([]byte{'S'}, uint32(len(note))), note...)
	end := len(out) + 13 + len(name) + len(property)
	out = binary.LittleEndian.AppendUint32(out, uint32(end))
	out = binary.LittleEndian.AppendUint32(out, 1)
	out = binary.LittleEndian.AppendUint32(out, uint32(len(property)))
	out = append(append(append(out, byte(len(name))), name...), property...)
	return append(out, make([]byte, 13)...) // the null node that ends the list
}

// nodepackZip is a small zip, as a node pack's layers are.
func nodepackZip(key uint64) []byte {
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	for i, name := range []string{"nodes/__init__.py", "web/index.js", "README.md"} {
		// Writing into memory does not fail; a cut archive would show in tests.
		w, err := z.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Deflate, Modified: time.Unix(1_700_000_000, 0).UTC()})
		if err != nil {
			break
		}
		fmt.Fprintf(w, "# %s, part %d\n", mark(key), i)
	}
	_ = z.Close()
	return out.Bytes()
}

func svg(key uint64) []byte {
	r := newRNG(key, 8)
	var out bytes.Buffer
	fmt.Fprintf(&out, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 320 320"><!-- %s --><rect width="320" height="320" fill="#f3f0e8"/>`, mark(key))
	hue := r.intn(360)
	for range 14 {
		fmt.Fprintf(&out, `<circle cx="%d" cy="%d" r="%d" fill="hsl(%d 45%% 60%%)" opacity="0.%d"/>`,
			r.intn(320), r.intn(320), r.between(12, 90), (hue+r.intn(70))%360, r.between(2, 7))
	}
	out.WriteString("</svg>\n")
	return out.Bytes()
}
