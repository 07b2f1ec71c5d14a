package pipeline

import (
	"context"
	"errors"
	"testing"

	"civitar/fetch"
)

func TestFetchBringsOneBlob(t *testing.T) {
	into := newMemorySink()
	broken := true
	source := &fakeSource{body: func(loc fetch.Location, r fetch.Resume) (*fetch.Body, error) {
		if broken {
			broken = false
			return nil, fetch.ErrUnavailable
		}
		return bodyOf([]byte("\x89PNG\r\n\x1a\nrest"), r.Offset), nil
	}}
	got, err := Fetch(context.Background(), Config{Source: source, Sink: into}, fetch.Blob{ID: "a/../b.jpg", Available: true})
	if err != nil {
		t.Fatal(err)
	}
	if got.Media != "image/png" || got.Size != 12 || len(got.SHA256) != 64 || into.files[got.Name] == nil {
		t.Errorf("got %+v, files %v", got, into.files)
	}
}

func TestFetchFilesNothingThatIsWithheld(t *testing.T) {
	into := newMemorySink()
	source := &fakeSource{body: func(fetch.Location, fetch.Resume) (*fetch.Body, error) { return nil, fetch.ErrWithheld }}
	_, err := Fetch(context.Background(), Config{Source: source, Sink: into}, fetch.Blob{ID: "b.jpg", Available: true})
	if !errors.Is(err, fetch.ErrWithheld) || len(into.files) != 0 || len(into.partials) != 0 {
		t.Errorf("error %v, files %v, partials %v", err, into.files, into.partials)
	}
}
