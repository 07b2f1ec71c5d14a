package pipeline

import (
	"path"
	"strings"
	"testing"
	"time"

	"civitar/fetch"
	"civitar/layout"
	"civitar/policy"
	"civitar/sink"
)

// FuzzFiling gives the standard layout ids and bytes of all sorts: whatever they are, a result lies
// in a folder of its kind and day, under one safe name.
func FuzzFiling(f *testing.F) {
	f.Add("8484131-20260810223715659", "72bb48c5-4362-46c4-b455-ff0da2414f46-0.jpg", "\xff\xd8\xff\xe0", int64(1786402635))
	f.Add("../../etc", "passwd", "<html>", int64(0))
	f.Add("", "", "", int64(-1))
	f.Add("wf_A", "CON.png", "\x89PNG\r\n\x1a\n", int64(1<<40))
	f.Add("a/b", "c\x00d\u202e.gpj", "PK\x03\x04", int64(1))
	f.Add(strings.Repeat("w", 5000), strings.Repeat("b", 5000)+".safetensors", "\x10\x00\x00\x00\x00\x00\x00\x00{}", int64(2))
	f.Fuzz(func(t *testing.T, workflow, blob, head string, created int64) {
		w := &fetch.Workflow{ID: fetch.WorkflowID(workflow)}
		if created != 0 {
			w.Created = time.Unix(created%(1<<37), 0)
		}
		mediaType, ext := media([]byte(head))
		j := &job{work: newWork(nil, w, nil), blob: fetch.Blob{ID: fetch.BlobID(blob)}, facts: policy.Facts{Media: mediaType}}
		filing := Filing{Layout: layout.Standard()}
		for _, got := range []string{filing.media(j, ext, false), filing.sidecar(w, false)} {
			parts := strings.Split(got, "/")
			if len(parts) != 3 || path.Clean(got) != got || parts[0] != "media" && parts[0] != "workflows" || parts[1] != day(w.Created) {
				t.Fatalf("%q", got)
			}
			if name := parts[2]; name != sink.Element(name) && !strings.Contains(name, "~") || len(name) > sink.MaxName {
				t.Fatalf("%q is no safe name", name)
			}
		}
	})
}
