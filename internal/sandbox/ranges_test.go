package sandbox

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"testing"
	"testing/iotest"
)

// largeSite serves one large model, and tells where it is.
func largeSite(t *testing.T, size int64) (s *site, target, id string) {
	t.Helper()
	s = start(t, Options{Workflows: 1, Large: size})
	id = s.server.account.plan(0).blobs[0].id
	return s, s.absolute(s.api(byID(id)).header.Get("Location")), id
}

func TestLargeModelsReadTheSameFromAnywhere(t *testing.T) {
	t.Parallel()
	const size = 3<<20 + 5
	s, target, id := largeSite(t, size)
	want, _ := s.server.Bytes(id)
	if len(want) != size || !bytes.Contains(want[:largeHead], []byte(`"data_offsets":[0,3145221]`)) {
		t.Fatalf("%d bytes, beginning %q", len(want), want[:largeHead])
	}
	if err := iotest.TestReader(newLargeModel(s.server.account.plan(0).blobs[0]), want); err != nil {
		t.Error(err)
	}
	equalBytes(t, "whole", s.want(s.do("GET", target), 200).body, want)
	for _, from := range []int{0, 1, 500, largeHead, largeHead + 3, 1 << 20, size - 1} {
		to := min(from+70_001, size)
		a := s.want(s.do("GET", target, "Range", fmt.Sprintf("bytes=%d-%d", from, to-1)), 206)
		equalBytes(t, fmt.Sprint(from), a.body, want[from:to])
	}
	sum := sha256.Sum256(want)
	for e := range s.server.Truth() {
		if e.Blob != id || e.SHA256 != hex.EncodeToString(sum[:]) || e.Size != size || e.Disposition != "deliverable" {
			t.Errorf("%+v", e)
		}
	}
	if n := s.server.Stats().Ranges; n != 7 {
		t.Errorf("%d ranges counted, want 7", n)
	}
}

func TestFaultsOfRanges(t *testing.T) {
	t.Parallel()
	s, target, id := largeSite(t, 1<<20)
	want, _ := s.server.Bytes(id)
	tag := s.do("HEAD", target).header.Get("ETag")
	part := func() answer { return s.do("GET", target, "Range", "bytes=100-199", "If-Range", tag) }

	s.server.SetFaults(Faults{IgnoreRange: 1})
	a := s.want(part(), 200)
	equalBytes(t, "ignored", a.body, want)
	if a.header.Get("Accept-Ranges") != "bytes" || a.header.Get("ETag") != tag {
		t.Errorf("%v", a.header)
	}
	equalBytes(t, "the second try", s.want(part(), 206).body, want[100:200])

	s.server.SetFaults(Faults{OtherRange: 1})
	a = s.want(part(), 206)
	equalBytes(t, "another", a.body, want[101:200])
	if got := a.header.Get("Content-Range"); got != "bytes 101-199/1048576" {
		t.Errorf("Content-Range %q", got)
	}

	s.server.SetFaults(Faults{ContentPerBlob: 2, BytesPerSecond: 1000}) // nothing ends before it is left
	var open []io.Closer
	for range 2 {
		res, err := http.Get(target)
		if err != nil || res.StatusCode != 200 {
			t.Fatal(res, err)
		}
		open = append(open, res.Body)
	}
	s.want(part(), 403)
	for _, body := range open {
		body.Close()
	}
}

func TestReplacedBytes(t *testing.T) {
	t.Parallel()
	s, target, id := largeSite(t, 100_000)
	before := s.do("GET", target)
	if !s.server.Replace(id) || s.server.Replace("none") {
		t.Error("what there is can be replaced, and nothing else")
	}
	after := s.do("GET", target, "Range", "bytes=10-", "If-Range", before.header.Get("ETag"))
	want, _ := s.server.Bytes(id)
	equalBytes(t, "replaced", s.want(after, 200).body, want)
	if bytes.Equal(want, before.body) || after.header.Get("ETag") == before.header.Get("ETag") || after.header.Get("ETag") == "" {
		t.Error("bytes or ETag are the old ones")
	}
	small := start(t, Options{Workflows: 1, Tiny: true})
	id = small.server.account.plan(0).blobs[0].id
	had, _ := small.server.Bytes(id)
	small.server.Replace(id)
	if has, _ := small.server.Bytes(id); bytes.Equal(has, had) {
		t.Error("the bytes of a small blob are the old ones")
	}
}
