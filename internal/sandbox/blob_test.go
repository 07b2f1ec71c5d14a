package sandbox

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"image"
	"net/url"
	"strings"
	"testing"
	"time"
)

// Every disposition in Truth is checked against what the server does.
func TestTruthIsWhatTheServerDoes(t *testing.T) {
	t.Parallel()
	all := []string{"deliverable", "blocked", "placeholder", "hidden", "unavailable", "temp", "gone", "pending", "text", "preview", "input"}
	for name, c := range map[string]struct {
		options      Options
		dispositions []string
	}{
		"all":    {Options{Workflows: 90}, all},
		"levels": {Options{Catalogue: CatalogueLevels}, []string{"deliverable", "blocked", "late", "placeholder", "hidden", "unavailable", "preview", "input"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			checkTruth(start(t, c.options), c.dispositions)
		})
	}
}

func checkTruth(s *site, dispositions []string) {
	s.Helper()
	objects := s.blobs("take=1000")
	seen := map[string]int{}
	truth := map[string]Expected{}
	for e := range s.server.Truth() {
		seen[e.Disposition]++
		if e.Disposition != "preview" && e.Disposition != "input" {
			truth[e.Blob] = e
		}
		switch {
		case e.Kind == "trace" || e.Kind == "archive" || e.Kind == "text":
		case e.Disposition == "input":
			s.checkInput(e)
		case e.Disposition == "preview":
			s.checkPreview(e, truth[e.Of], objects[e.Of])
		default:
			if _, listed := objects[e.Blob]; listed == e.ByName {
				s.Errorf("%s: listed %v, by name only %v", e.Blob, listed, e.ByName)
			}
			s.checkDisposition(e, objects[e.Blob])
		}
	}
	for _, d := range dispositions {
		if seen[d] == 0 {
			s.Errorf("nothing is %s", d)
		}
	}
	for id, object := range objects {
		if _, known := truth[id]; !known {
			s.Errorf("%s is in no truth", id)
		}
		if object["previewUrl"] != nil {
			seen["preview"]--
		}
	}
	if seen["preview"] != 0 {
		s.Errorf("%d more previews in the truth than listed", seen["preview"])
	}
}

// checkPreview holds a preview to the fate of what it shows.
func (s *site) checkPreview(e, shown Expected, object map[string]any) {
	s.Helper()
	link, _ := object["previewUrl"].(string)
	if !strings.Contains(link, byID(e.Blob)+"?") || e.Level != shown.Level || e.Workflow != shown.Workflow || e.Hidden != shown.Hidden {
		s.Errorf("%q is the preview of %+v, the truth says %+v", link, shown, e)
	}
	preview := map[string]any{"url": link, "available": object["available"], "blockedReason": object["blockedReason"]}
	e.Disposition = shown.Disposition
	s.checkDisposition(e, preview)
}

func (s *site) checkInput(e Expected) {
	s.Helper()
	if e.SHA256 == "" || e.Level != "" {
		s.Errorf("%+v", e)
	}
	s.delivers(e, s.follow(byID(e.Blob), "Authorization", "Bearer "+DefaultToken))
	s.delivers(e, s.follow(s.signed(e.Blob)))
}

func (s *site) checkDisposition(e Expected, object map[string]any) {
	s.Helper()
	target, _ := object["url"].(string)
	if object == nil {
		target = s.signed(e.Blob)
	}
	available, _ := object["available"].(bool)
	signed := answer{status: 404}
	if target != "" {
		signed = s.follow(target)
	}
	owner := s.follow(byID(e.Blob), "Authorization", "Bearer "+DefaultToken)
	head := s.do("HEAD", byID(e.Blob), "Authorization", "Bearer "+DefaultToken).status
	refresh := s.do("POST", byID(e.Blob)+"/refresh", "Authorization", "Bearer "+DefaultToken)

	switch e.Disposition {
	case "deliverable", "hidden", "temp":
		s.delivers(e, owner)
		if e.ByID {
			s.isBlocked(e, signed)
		} else {
			s.delivers(e, signed)
		}
		fresh := decode[map[string]any](s, s.want(refresh, 200).body)
		if again, _ := fresh["url"].(string); again == target || !e.ByID && s.follow(again).status != 200 {
			s.Errorf("%s: refreshed to %q", e.Blob, again)
		}
		if head != 204 || object != nil && !available {
			s.Errorf("%s: HEAD %d, available %v", e.Blob, head, available)
		}
	case "blocked", "placeholder":
		s.isBlocked(e, signed)
		s.isBlocked(e, owner)
		if reason := object["blockedReason"]; (reason != nil) != (e.Disposition == "blocked") {
			s.Errorf("%s: reason %v", e.Blob, reason)
		}
	case "late":
		s.isLate(e, object, signed, owner, refresh)
	case "unavailable", "pending", "gone":
		for _, a := range []answer{signed, owner, refresh, {status: head}} {
			if a.status != 404 && a.status != 410 {
				s.Errorf("%s is %s but answers %d", e.Blob, e.Disposition, a.status)
			}
		}
		if object != nil && available != (e.Disposition == "gone") {
			s.Errorf("%s is %s, available %v", e.Blob, e.Disposition, available)
		}
	default:
		s.Errorf("disposition %q", e.Disposition)
	}
}

// isLate checks that no answer but the listing's takes a blob for one that can be had.
func (s *site) isLate(e Expected, object map[string]any, signed, owner, refresh answer) {
	s.Helper()
	s.isBlocked(e, signed)
	if owner.status != 403 || object["blockedReason"] != nil || object["available"] != true {
		s.Errorf("%s: %d by id, listed as %v", e.Blob, owner.status, object)
	}
	if fresh := decode[map[string]any](s, s.want(refresh, 200).body); fresh["blockedReason"] != e.Reason || fresh["available"] != false {
		s.Errorf("%s: refreshed to %v", e.Blob, fresh)
	}
}

func (s *site) signed(id string) string {
	v := &view{account: s.server.account, origin: s.url, expires: s.server.expiry()}
	return v.signedURL(id)
}

func (s *site) delivers(e Expected, a answer) {
	s.Helper()
	digest := sha256.Sum256(a.body)
	if a.status != 200 || hex.EncodeToString(digest[:]) != e.SHA256 || int64(len(a.body)) != e.Size {
		s.Errorf("%s (%s, %s): %d, %d bytes, want %d", e.Blob, e.StepType, e.Disposition, a.status, len(a.body), e.Size)
		return
	}
	switch e.MediaType {
	case "image/png", "image/jpeg":
		if _, format, err := image.Decode(bytes.NewReader(a.body)); err != nil || "image/"+format != e.MediaType {
			s.Errorf("%s: %s, %v", e.Blob, format, err)
		}
	}
}

func (s *site) isBlocked(e Expected, a answer) {
	s.Helper()
	digest := sha256.Sum256(a.body)
	if a.status != 403 && (a.status != 200 || hex.EncodeToString(digest[:]) != s.server.PlaceholderSHA256()) {
		s.Errorf("%s is not blocked: %d", e.Blob, a.status)
	}
}

func TestRedirectForms(t *testing.T) {
	t.Parallel()
	s := start(t, Options{})
	forms := map[string]int{}
	for i := range 60 {
		for _, b := range s.server.account.plan(i).blobs {
			if !b.exists() {
				continue
			}
			a := s.do("GET", s.signed(b.id))
			to := a.header.Get("Location")
			forms[fmt.Sprint(a.status, " ", strings.HasPrefix(to, s.url))]++
			if !strings.Contains(to, "/v2/consumer/blobs/content/") && !strings.Contains(to, "/v2/consumer/blobs/blocked/") {
				t.Errorf("%s leads to %s", b.id, to)
			}
		}
	}
	if len(forms) != 4 {
		t.Errorf("forms of redirects: %v", forms)
	}
}

func TestSignaturesAreVerified(t *testing.T) {
	t.Parallel()
	now := DefaultEpoch()
	s := start(t, Options{Workflows: 12, URLLife: time.Hour, Now: func() time.Time { return now }})
	b := s.server.account.plan(0).blobs[0]
	good := s.signed(b.id)
	s.want(s.do("GET", good), 308)
	parsed, err := url.Parse(good)
	if err != nil {
		t.Fatal(err)
	}
	change := func(name, value string) string {
		u, q := *parsed, parsed.Query()
		q.Set(name, value)
		u.RawQuery = q.Encode()
		return u.String()
	}
	s.want(s.do("GET", change("sig", "CfDJ8wrong")), 401)
	s.want(s.do("GET", change("exp", "2099-01-01T00:00:00.0000000Z")), 401)
	s.want(s.do("GET", strings.Replace(good, b.id, s.server.account.plan(1).blobs[0].id, 1)), 401)
	s.want(s.do("GET", s.url+parsed.Path), 401)
	now = now.Add(time.Hour)
	s.want(s.do("GET", good), 403)
	fresh := decode[map[string]any](t, s.want(s.do("POST", byID(b.id)+"/refresh", "Authorization", "Bearer "+DefaultToken), 200).body)
	s.want(s.do("GET", fresh["url"].(string)), 308)
	s.want(s.do("GET", s.blobs("")[b.id]["url"].(string)), 308)

	for _, path := range []string{"content/", "blocked/", "archive/"} {
		s.want(s.do("GET", "/v2/consumer/blobs/"+path+s.server.account.sealer.seal("elsewhere", b.id)), 404)
		s.want(s.do("GET", "/v2/consumer/blobs/"+path+"made-up"), 404)
	}
	s.want(s.do("GET", "/v2/consumer/streaming-blobs/made-up"), 404)
}

func TestBlobParameters(t *testing.T) {
	t.Parallel()
	s := start(t, Options{})
	levels := map[string]*blob{}
	p := s.planOf("mature, all levels")
	for _, b := range p.blobs {
		levels[strings.ToLower(b.level)] = b
	}
	for query, want := range map[string]int{"nsfwLevel=pg": 403, "nsfwLevel=r": 308, "nsfwLevel=XXX": 308, "nsfwLevel=z": 400,
		"workflowId=" + p.id: 308, "workflowId=other": 404} {
		a := s.api(byID(levels["r"].id) + "?" + query)
		if a.status == 301 {
			a.status = 308
		}
		s.want(a, want)
	}
	s.want(s.api(byID(levels[""].id)+"?nsfwLevel=xxx"), 403)
	s.want(s.api(byID(levels["na"].id)+"?nsfwLevel=xxx"), 403)
	a := s.follow(s.url+byID(levels["pg"].id)+"?download=true&filename=..%2Fa%0Ab.png", "Authorization", "Bearer "+DefaultToken)
	if got := a.header.Get("Content-Disposition"); got != "attachment; filename=ab.png" {
		t.Errorf("%q", got)
	}
}

func TestMisnamedBlobs(t *testing.T) {
	t.Parallel()
	s := start(t, Options{})
	lying, bare := s.planOf("lying extension").blobs[0], s.planOf("no extension").blobs[0]
	a := s.follow(s.signed(lying.id))
	if !strings.HasSuffix(lying.id, ".jpeg") || !bytes.HasPrefix(a.body, []byte("\x89PNG")) || a.header.Get("Content-Type") != "image/jpeg" {
		t.Errorf("%s: %s", lying.id, a.header.Get("Content-Type"))
	}
	if strings.Contains(bare.id, ".") || s.follow(s.signed(bare.id)).status != 200 {
		t.Errorf("%s", bare.id)
	}
}

func TestPreviews(t *testing.T) {
	t.Parallel()
	s := start(t, Options{Workflows: 60})
	n := 0
	for id, b := range s.blobs("") {
		preview, _ := b["previewUrl"].(string)
		if preview == "" || n > 5 {
			continue
		}
		full, _ := s.server.Bytes(id)
		a := s.follow(preview)
		if a.status == 403 || a.status == 404 || a.status == 410 {
			continue // withheld or gone, like the blob itself
		}
		n++
		if _, _, err := image.Decode(bytes.NewReader(a.body)); err != nil || bytes.Equal(a.body, full) {
			t.Errorf("%s: %v", preview, err)
		}
	}
	if n == 0 {
		t.Error("no previews")
	}
}

func TestArchivesAndTraces(t *testing.T) {
	t.Parallel()
	s := start(t, Options{})
	var all []Expected
	for _, recipe := range []string{"customComfy", "blobArchive", "blobArchive tar", "blobArchive expired"} {
		all = append(all, s.server.expect(s.planOf(recipe))...)
	}
	for _, e := range all {
		path := "/v2/consumer/blobs/archive/" + e.Blob
		switch {
		case e.Kind == "trace":
			a := s.want(s.do("GET", "/v2/consumer/streaming-blobs/"+e.Blob), 200)
			s.delivers(e, a)
		case e.Kind != "archive" || e.StepType != "blobArchive":
		case e.Disposition == "gone":
			s.want(s.do("GET", path), 410)
		default:
			a := s.do("GET", path)
			s.delivers(e, a)
			if e.MediaType == "application/zip" {
				s.zipHoldsTheOthers(e, a.body)
			}
		}
	}
}

func (s *site) zipHoldsTheOthers(e Expected, body []byte) {
	s.Helper()
	z, err := zip.NewReader(bytes.NewReader(body), int64(len(body)))
	if err != nil || len(z.File) != 3 {
		s.Fatalf("%v in archive of %s", err, e.Workflow)
	}
	for _, f := range z.File {
		in, err := f.Open()
		if err != nil {
			s.Fatal(err)
		}
		var got bytes.Buffer
		if _, err := got.ReadFrom(in); err != nil {
			s.Fatal(err)
		}
		want, _ := s.server.Bytes(f.Name)
		equalBytes(s, f.Name, got.Bytes(), want)
	}
}
