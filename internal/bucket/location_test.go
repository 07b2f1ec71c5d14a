package bucket

import (
	"strings"
	"testing"
)

func TestLocations(t *testing.T) {
	for text, want := range map[string]string{
		"s3://bkt":               "s3://bkt/",
		"S3://bkt/a//c/../d/":    "s3://bkt/a/d",
		"s3://bkt/p?region=eu-1": "s3://bkt/p?region=eu-1",
		"s3://bkt/p?endpoint=h":  "s3://bkt/p?endpoint=https%3A%2F%2Fh",
		"s3://bkt/../..":         "s3://bkt/",
		"s3://bkt/p?endpoint=http://127.0.0.1:9000&region=x": "s3://bkt/p?endpoint=http%3A%2F%2F127.0.0.1%3A9000&region=x",
	} {
		l, err := Parse(text)
		if err != nil || l.String() != want {
			t.Errorf("%s: %s, %v, want %s", text, l, err, want)
			continue
		}
		if again, err := Parse(l.String()); err != nil || again != l || again.ID() != l.ID() {
			t.Errorf("%s: read again it is %s, %v", text, again, err)
		}
		if got := l.path(l.key("media/a.jpg")); got != "media/a.jpg" {
			t.Errorf("%s: %s", text, got)
		}
	}
	for text, says := range map[string]string{
		"s3://": "names no bucket", "s3:///p": "names no bucket", "s3://b": "can name no bucket", "s3://a..b/p": "can name no bucket", "s3://bkt/p#x": "names no bucket", "s3://bkt?x=1": `"x"`,
		"s3://k:s@bkt/p": "credentials", "s3://bkt?endpoint=ftp://h": "endpoint", "s3://bkt?endpoint=https://h/path": "endpoint", "s3://%zz": "no place",
	} {
		if _, err := Parse(text); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v, want %s", text, err, says)
		}
	}
	if Is("./s3:") || Is("s3") || !Is("s3://x") {
		t.Error("what is taken for a bucket")
	}
}

func TestRegionsThatEndpointsTell(t *testing.T) {
	for endpoint, want := range map[string]string{
		"s3.us-west-004.backblazeb2.com": "us-west-004", "s3.eu-central-1.wasabisys.com:443": "eu-central-1", "s3.wasabisys.com": "",
		"s3.eu-west-1.amazonaws.com": "eu-west-1", amazon: "", "a1.r2.cloudflarestorage.com": "auto", "a1.eu.r2.cloudflarestorage.com": "auto",
		"storage.googleapis.com": "", "s3.nas.home.lan:9000": "", "127.0.0.1:9000": "",
	} {
		if got := regionOf(endpoint); got != want {
			t.Errorf("%s: %q, want %q", endpoint, got, want)
		}
	}
}

func TestPieces(t *testing.T) {
	name := pieceOf("000001.jsonl", 4711)
	if name != ".civitar/journal/000001-000000004711.jsonl" || !IsPiece(name) || IsPiece(".civitar/journal/000001.jsonl") {
		t.Error(name)
	}
}
