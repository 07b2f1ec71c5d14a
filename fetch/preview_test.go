package fetch

import (
	"fmt"
	"testing"
	"time"
)

func TestPreviewOf(t *testing.T) {
	expires := time.Date(2027, 5, 25, 23, 21, 19, 0, time.UTC)
	const own = "https://o.test/v2/consumer/blobs/P.jpeg?sig=SECRETx"
	for name, row := range map[string]struct {
		preview string
		change  func(*Blob)
		want    string // its id, "" for none
	}{
		"a blob":        {preview: own, want: "P.jpeg"},
		"relative":      {preview: "/v2/consumer/blobs/P.jpeg", want: "P.jpeg"},
		"the blob":      {preview: "https://o.test/v2/consumer/blobs/b.png?width=450", want: "b.png.preview"},
		"elsewhere":     {preview: "https://cdn.test/450/x.jpeg", want: "b.png.preview"},
		"the bytes":     {preview: "https://o.test/v2/consumer/blobs/content/tok", want: "b.png.preview"},
		"none":          {},
		"no address":    {preview: "preview.jpeg"},
		"unreadable":    {preview: "https://[x"},
		"the notice":    {preview: "https://o.test/v2/consumer/blobs/blocked/tok"},
		"blocked":       {preview: own, change: func(b *Blob) { b.Blocked = "unsafe" }},
		"hidden":        {preview: own, change: func(b *Blob) { b.Hidden = true }, want: "P.jpeg"},
		"not available": {preview: own, change: func(b *Blob) { b.Available = false }, want: "P.jpeg"},
	} {
		b := Blob{
			ID: "b.png", Step: "$0", StepType: "imageGen", StepStatus: "succeeded", Kind: "video", Level: "x", Size: 7, Available: true,
			URL: "https://o.test/b", Favorite: true, Feedback: "liked", Preview: SignedURL(row.preview), PreviewExpires: expires,
		}
		if row.change != nil {
			row.change(&b)
		}
		p, ok := PreviewOf(b)
		if ok != (row.want != "") || string(p.ID) != row.want {
			t.Errorf("%s: %q %v", name, p.ID, ok)
		}
		if !ok {
			continue
		}
		inherited := p.Step == "$0" && p.StepType == "imageGen" && p.Level == "x" && p.Hidden == b.Hidden && p.Favorite && p.Feedback == "liked" && p.Available == b.Available
		if !inherited || string(p.URL) != row.preview || p.Expires != expires || p.Kind != "image" || p.Size != 0 {
			t.Errorf("%s: %+v", name, p)
		}
		if again, ok := PreviewOf(p); ok {
			t.Errorf("%s has a preview %q", name, again.ID)
		}
		noSecret(t, name, fmt.Sprintf("%v %+v %#v", p, p, p))
	}
}

// A preview without an id of its own is asked for by its address alone.
func TestPreviewsWithoutAnID(t *testing.T) {
	for answer, kind := range map[string]error{"bytes": nil, "404": ErrGone, "403": ErrForbidden, "> " + blockedURL: ErrWithheld, "502": ErrUnavailable} {
		p, _ := PreviewOf(Blob{ID: "b.png", Preview: "https://cdn.test/p.jpeg", PreviewExpires: time.Now().Add(-time.Hour)})
		var asked []string
		c, _ := client(t, routes{"open cdn.test/p.jpeg": answer}.serve(t, &asked), func(cfg *Config) { cfg.Retries = 1 })
		_, err := c.Resolve(background, p)
		_, again := c.Renew(background, p)
		if kind == nil && (err != nil || again != nil) {
			t.Errorf("%s: %v, %v", answer, err, again)
		}
		if kind != nil {
			wantKind(t, err, kind)
			wantKind(t, again, kind)
		}
		if len(asked) != 2 {
			t.Errorf("%s: asked %q", answer, asked)
		}
	}
}

func TestPreviewIsReadWhereverTheBlobIs(t *testing.T) {
	w := decode(t, `{"id":"w","steps":[{"$type":"x","output":{"images":[
		{"id":"a.jpg","available":true},
		{"id":"b.jpg","available":true,"previewUrl":"https://o.test/v2/consumer/blobs/p.jpg?sig=s&exp=2027-05-25T23:21:19Z"},
		{"id":"c.jpg","available":true,"previewUrl":"data:image/png;base64,aGk="},
		{"id":"d.jpg","available":true,"previewUrl":null,"previewUrlExpiresAt":null}],
		"again":{"id":"a.jpg","available":true,"previewUrl":"/v2/consumer/blobs/q.jpg","previewUrlExpiresAt":"2027-05-25T23:21:19Z"}}}]}`)
	expires := time.Date(2027, 5, 25, 23, 21, 19, 0, time.UTC)
	var got []string
	for _, b := range w.Blobs {
		got = append(got, fmt.Sprint(b.ID, " ", string(b.Preview), " ", b.PreviewExpires.Equal(expires)))
	}
	want := "[a.jpg /v2/consumer/blobs/q.jpg true b.jpg https://o.test/v2/consumer/blobs/p.jpg?sig=s&exp=2027-05-25T23:21:19Z true c.jpg  false d.jpg  false]"
	if fmt.Sprint(got) != want {
		t.Errorf("got  %v\nwant %s", got, want)
	}
}
