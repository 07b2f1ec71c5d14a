package bucket

import (
	"strings"
	"testing"
)

func TestLocations(t *testing.T) {
	for text, want := range map[string]string{
		"s3://b":               "s3://b/",
		"S3://b/a//c/../d/":    "s3://b/a/d",
		"s3://b/p?region=eu-1": "s3://b/p?region=eu-1",
		"s3://b/p?endpoint=h":  "s3://b/p?endpoint=https%3A%2F%2Fh",
		"s3://b/../..":         "s3://b/",
		"s3://b/p?endpoint=http://127.0.0.1:9000&region=x": "s3://b/p?endpoint=http%3A%2F%2F127.0.0.1%3A9000&region=x",
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
		"s3://": "names no bucket", "s3:///p": "names no bucket", "s3://b/p#x": "names no bucket", "s3://b?x=1": `"x"`,
		"s3://k:s@b/p": "credentials", "s3://b?endpoint=ftp://h": "endpoint", "s3://b?endpoint=https://h/path": "endpoint", "s3://%zz": "no place",
	} {
		if _, err := Parse(text); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v, want %s", text, err, says)
		}
	}
	if Is("./s3:") || Is("s3") || !Is("s3://x") {
		t.Error("what is taken for a bucket")
	}
}

func TestPieces(t *testing.T) {
	name := pieceOf("000001.jsonl", 4711)
	if name != ".civitar/journal/000001-000000004711.jsonl" || !IsPiece(name) || IsPiece(".civitar/journal/000001.jsonl") {
		t.Error(name)
	}
}
