package fetch

import (
	"net/http"
	"strings"
	"testing"
)

func TestNamesMinors(t *testing.T) {
	for reason, want := range map[string]bool{
		"minor detected": true, "CSAM": true, "csam_detected": true, "MinorDetected": true, "hasMinor": true, "CSAMDetected": true,
		"Apparent child in the image": true, "children": true, "a child's face": true, "Underage subject": true, "under-age": true,
		"people under 18": true, "young_person": true, "YOUNG": true, "under\nage": true, "{\"labels\":[\"Child\"]}": true, "teenager?": true,
		"": false, "Content flagged by moderation": false, "minority report": false, "youngstown": false, "under review": false, "under": false,
		"adult content": false, "childhood_friend.safetensors": false, "prominor": false, "Celebrity": false, "CSAMX": false,
	} {
		if NamesMinors(reason) != want {
			t.Errorf("%q: %v", reason, !want)
		}
	}
}

func TestWhatShowsMinorsIsNotAskedForAgain(t *testing.T) {
	refusal := `403 {"title":"Forbidden","detail":"The blob is blocked: minor detected"}`
	for name, row := range map[string]struct {
		change func(*Blob)
		routes routes // each is asked, and nothing else
		renew  bool
	}{
		"listed":            {change: func(b *Blob) { b.Blocked = "CSAM" }},
		"listed, renewed":   {change: func(b *Blob) { b.Blocked = "Minor" }, renew: true},
		"signed":            {routes: routes{signedKey: refusal}},
		"signed, 404":       {routes: routes{signedKey: `404 {"detail":"removed: csam"}`}},
		"signed, 400":       {routes: routes{signedKey: `400 {"errors":{"blob":["shows a child"]}}`}},
		"signed, 451":       {routes: routes{signedKey: `451 {"blockedReason":"UnderageSubject","detail":"blocked"}`}},
		"by id":             {routes: routes{signedKey: "403", byIDKey: refusal}},
		"by id, after all":  {routes: routes{signedKey: "> " + blockedURL, byIDKey: refusal}},
		"by id, renewed":    {routes: routes{byIDKey: refusal}, renew: true},
		"by id, no url":     {change: func(b *Blob) { b.URL = "" }, routes: routes{byIDKey: refusal}},
		"refreshed":         {routes: routes{signedKey: "403", byIDKey: "403", refreshKey: `200 {"url":"https://blobs.test/fresh","available":true,"blockedReason":"minor"}`}},
		"refreshed in vain": {routes: routes{byIDKey: "405", refreshKey: `422 {"detail":"a minor was detected"}`}, renew: true},
		"fresh":             {routes: routes{byIDKey: "403", refreshKey: `200 {"url":"https://blobs.test/fresh"}`, "open blobs.test/fresh": `404 {"detail":"csam"}`}, renew: true},
	} {
		t.Run(name, func(t *testing.T) {
			var asked []string
			c, _ := client(t, row.routes.serve(t, &asked))
			b := testBlob()
			if row.change != nil {
				row.change(&b)
			}
			ask := c.Resolve
			if row.renew {
				ask = c.Renew
			}
			_, err := ask(background, b)
			wantKind(t, err, ErrWithheld)
			if len(asked) != len(row.routes) || err != nil && !NamesMinors(err.Error()) {
				t.Errorf("asked %q: %v", asked, err)
			}
		})
	}
}

// Only the API's own words about the blob count.
func TestOthersWordsAreNoVerdict(t *testing.T) {
	for name, answer := range map[string]string{
		"a proxy's page": "403 <html><title>Parental control: child protection</title>", "the token": `401 {"detail":"child account"}`,
	} {
		var asked []string
		c, _ := client(t, routes{signedKey: answer, byIDKey: "> " + contentURL}.serve(t, &asked))
		if loc, err := c.Resolve(background, testBlob()); err != nil || string(loc.URL) != contentURL {
			t.Errorf("%s: %v, %v", name, loc, err)
		}
	}
}

func TestOpenIsToldOfMinors(t *testing.T) {
	c, transport := client(t, func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, `{"detail":"blocked: CSAM"}`, http.StatusForbidden)
	})
	_, err := c.Open(background, Location{URL: contentURL, Blob: "b.png"}, Resume{})
	wantKind(t, err, ErrWithheld)
	if transport.count() != 1 || !strings.Contains(err.Error(), "CSAM") {
		t.Errorf("%d requests: %v", transport.count(), err)
	}
}
