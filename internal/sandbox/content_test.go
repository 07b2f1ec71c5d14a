package sandbox

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"reflect"
	"strconv"
	"strings"
	"testing"
)

func TestRanges(t *testing.T) {
	t.Parallel()
	s := start(t, Options{})
	target, want := s.contentURL("safetensors", true)
	n := len(want)
	whole := s.want(s.do("GET", target), 200)
	tag := whole.header.Get("ETag")
	if whole.header.Get("Content-Length") != strconv.Itoa(n) || whole.header.Get("Accept-Ranges") != "bytes" || tag == "" {
		t.Errorf("headers %v", whole.header)
	}
	equalBytes(t, "whole", whole.body, want)
	for name, c := range map[string]struct {
		header, ifRange string
		status          int
		from, to        int
	}{
		"middle":         {"bytes=100-299", "", 206, 100, 300},
		"open end":       {fmt.Sprintf("bytes=%d-", n-7), "", 206, n - 7, n},
		"suffix":         {"bytes=-9", "", 206, n - 9, n},
		"past the end":   {fmt.Sprintf("bytes=%d-%d", n-5, n+99), "", 206, n - 5, n},
		"beyond":         {fmt.Sprintf("bytes=%d-", n), "", 416, 0, 0},
		"same entity":    {"bytes=10-19", tag, 206, 10, 20},
		"other entity":   {"bytes=10-19", `"other"`, 200, 0, n},
		"weak validator": {"bytes=10-19", "W/" + tag, 200, 0, n},
	} {
		a := s.want(s.do("GET", target, "Range", c.header, "If-Range", c.ifRange), c.status)
		if c.status == 416 {
			if got := a.header.Get("Content-Range"); got != fmt.Sprintf("bytes */%d", n) {
				t.Errorf("%s: %q", name, got)
			}
			continue
		}
		equalBytes(t, name, a.body, want[c.from:c.to])
		if got := a.header.Get("Content-Range"); c.status == 206 && got != fmt.Sprintf("bytes %d-%d/%d", c.from, c.to-1, n) {
			t.Errorf("%s: %q", name, got)
		}
	}
	head := s.want(s.do("HEAD", target), 200)
	if head.header.Get("Content-Length") != strconv.Itoa(n) || len(head.body) != 0 {
		t.Errorf("HEAD: %v", head.header)
	}
	s.want(s.do("GET", target, "If-None-Match", tag), 304)
}

func TestSomeBlobsHaveNoETag(t *testing.T) {
	t.Parallel()
	s := start(t, Options{})
	target, want := s.contentURL("jpeg", false)
	a := s.want(s.do("GET", target, "Range", "bytes=5-"), 206)
	if a.header.Get("ETag") != "" {
		t.Error("an ETag")
	}
	equalBytes(t, "range", a.body, want[5:])
}

// The formats that the standard library cannot decode, looked at by hand.
func TestFormats(t *testing.T) {
	t.Parallel()
	s := New(Options{})
	samples := map[string][]byte{}
	for i := range s.Len() {
		for _, b := range s.account.plan(i).blobs {
			if samples[b.content] == nil {
				samples[b.content] = b.bytes()
			}
		}
	}
	for _, content := range []string{"webp", "webpanim", "wav"} {
		data := samples[content]
		if len(data) < 1000 || int(binary.LittleEndian.Uint32(data[4:]))+8 != len(data) {
			t.Errorf("%s: the RIFF size is wrong", content)
		}
	}
	if w, h := webpSize(0); !bytes.Contains(webp(0), []byte{byte(w - 1), byte((w - 1) >> 8), 0, byte(h - 1), byte((h - 1) >> 8), 0}) {
		t.Error("webp canvas")
	}
	if data := samples["mp4"]; string(data[4:8]) != "ftyp" || !mp4BoxesAdd(data) {
		t.Error("mp4 boxes do not add up")
	}
	if !strings.HasPrefix(string(samples["ogg"]), "OggS") || bytes.Equal(ogg(1), ogg(2)) {
		t.Error("ogg")
	}
	if data := samples["safetensors"]; !json.Valid(data[8 : 8+binary.LittleEndian.Uint64(data)]) {
		t.Error("safetensors header")
	}
	if data := samples["glb"]; int(binary.LittleEndian.Uint32(data[8:])) != len(data) || !json.Valid(data[20:20+binary.LittleEndian.Uint32(data[12:])]) {
		t.Error("glb")
	}
	if err := xml.NewDecoder(bytes.NewReader(samples["svg"])).Decode(new(struct{ XMLName xml.Name })); err != nil {
		t.Error(err)
	}
	if data := samples["fbx"]; int(binary.LittleEndian.Uint32(data[27:])) != len(data)-13 {
		t.Error("fbx node does not end where it says")
	}
}

func mp4BoxesAdd(data []byte) bool {
	at := 0
	for at+8 <= len(data) {
		size := int(binary.BigEndian.Uint32(data[at:]))
		if size < 8 {
			return false
		}
		at += size
	}
	return at == len(data)
}

func TestCacheIsBounded(t *testing.T) {
	t.Parallel()
	c := newBytesCache()
	c.limit = 100_000
	for i := range 50 {
		b := &blob{id: strconv.Itoa(i), content: "latent", key: uint64(i)}
		equalBytes(t, b.id, c.of(b), b.bytes())
		equalBytes(t, b.id, c.of(b), b.bytes())
	}
	kept := 0
	for e := c.order.Front(); e != nil; e = e.Next() {
		kept += len(e.Value.(*cached).bytes)
	}
	if kept != c.size || kept > c.limit || len(c.byID) != c.order.Len() || kept == 0 {
		t.Errorf("%d bytes kept, %d counted, %d ids", kept, c.size, len(c.byID))
	}
}

func TestControlPaths(t *testing.T) {
	t.Parallel()
	s := start(t, Options{Workflows: 6, Faults: Faults{Unauthorized: true}})
	lines := json.NewDecoder(bytes.NewReader(s.want(s.do("GET", "/_sandbox/truth"), 200).body))
	var first Expected
	n := 0
	for ; ; n++ {
		var e Expected
		if err := lines.Decode(&e); err == io.EOF {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		if n == 0 {
			first = e
		}
	}
	for e := range s.server.Truth() {
		if !reflect.DeepEqual(e, first) {
			t.Errorf("%+v is not %+v", first, e)
		}
		break
	}
	s.want(s.do("POST", "/_sandbox/add?n=24"), 200)
	s.want(s.do("POST", "/_sandbox/add?n=-1"), 400)
	s.want(s.do("POST", "/_sandbox/finish"), 200)
	if s.server.Len() != 30 || n == 0 {
		t.Errorf("%d workflows, %d lines", s.server.Len(), n)
	}
	s.want(s.api("/v2/consumer/workflows"), 401)
	s.want(s.do("POST", "/_sandbox/faults"), 200)
	s.want(s.api("/v2/consumer/workflows"), 200)
	stats := decode[Stats](t, s.want(s.do("GET", "/_sandbox/stats"), 200).body)
	if stats.Listing != 2 || stats.Status[401] != 1 || stats.Status[200] != 1 {
		t.Errorf("%+v", stats)
	}
}
