package fetch

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// brief tells what matters of a blob, as the files in testdata/steps do.
func brief(b Blob) string {
	parts := []string{string(b.ID), b.Step, b.Kind}
	if b.Kind == "" {
		parts[2] = "-"
	}
	add := func(yes bool, word string) {
		if yes {
			parts = append(parts, word)
		}
	}
	add(b.Available, "available")
	add(b.Blocked != "", "blocked:"+b.Blocked)
	add(b.Temp, "temp")
	add(b.Elsewhere, "elsewhere")
	add(b.Hidden, "hidden")
	add(b.Favorite, "favorite")
	add(b.Feedback != "", b.Feedback)
	add(b.Text, "text")
	add(b.URL == "", "nourl")
	add(b.Size > 0, fmt.Sprint(b.Size))
	add(len(b.Data) > 0 && !b.Text, "data")
	return strings.Join(parts, " ")
}

func decode(t *testing.T, raw string) *Workflow {
	t.Helper()
	c, _ := client(t, nil)
	return c.decodeWorkflow(background, parse([]byte(raw)))
}

func TestWalkEveryStepType(t *testing.T) {
	files, err := filepath.Glob("testdata/steps/*.json")
	if err != nil || len(files) < 40 {
		t.Fatal(len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".json"), func(t *testing.T) {
			raw, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var c struct {
				Want     []string
				Workflow json.RawMessage
			}
			if err := json.Unmarshal(raw, &c); err != nil {
				t.Fatal(err)
			}
			w := decode(t, string(c.Workflow))
			var got []string
			for _, b := range w.Blobs {
				got = append(got, brief(b))
				if b.StepStatus == "" || b.StepType == "" {
					t.Errorf("%s: step %q %q", b.ID, b.StepType, b.StepStatus)
				}
				if b.Text && !json.Valid(b.Data) {
					t.Errorf("%s is no JSON: %s", b.ID, b.Data)
				}
			}
			if g, w := strings.Join(got, "\n"), strings.Join(c.Want, "\n"); g != w {
				t.Errorf("got\n%s\nwant\n%s", g, w)
			}
			if got := inputsOf(w); strings.Contains(string(c.Workflow), "/input.jpg") && !strings.HasPrefix(got, "input.jpg ") || strings.Contains(got, ", ") {
				t.Errorf("inputs %s", got)
			}
			noSecret(t, "JSON", string(w.JSON))
			if !json.Valid(w.JSON) || w.ID != "8484131-20260810223715659" {
				t.Errorf("workflow %q, JSON %s", w.ID, w.JSON)
			}
		})
	}
}

func TestWalkKeepsDetails(t *testing.T) {
	w := decode(t, `{"id":"w","createdAt":"2026-08-10T22:37:15.6591234","completedAt":"2026-08-10 23:00:00+02:00",
		"status":"Succeeded","nsfwLevel":"PG13","tags":["a",3,null,"b"],"steps":[{"$type":"imageGen","name":"$0",
		"output":{"images":[{"id":"a.jpg","available":true,"nsfwLevel":"X","type":"IMAGE",
		"url":"https://o.test/v2/consumer/blobs/a.jpg?sig=s&exp=2027-05-25T23:21:19.5989604Z"}],"errors":["e1",{"message":"e2"},7,""]}}]}`)
	b := w.Blobs[0]
	if !w.Created.Equal(time.Date(2026, 8, 10, 22, 37, 15, 659123400, time.UTC)) || !w.Completed.Equal(time.Date(2026, 8, 10, 21, 0, 0, 0, time.UTC)) {
		t.Error(w.Created, w.Completed)
	}
	if w.Status != "succeeded" || w.Level != "pg13" || fmt.Sprint(w.Tags) != "[a b]" || fmt.Sprint(w.Errors) != "[e1 e2 7]" {
		t.Errorf("%+v", w)
	}
	if b.Level != "x" || !b.Level.Mature() || b.Kind != "image" || b.StepStatus != "succeeded" ||
		!b.Expires.Equal(time.Date(2027, 5, 25, 23, 21, 19, 598960400, time.UTC)) {
		t.Errorf("%+v", b)
	}
}

func TestWrongTypesLoseNothing(t *testing.T) {
	for _, raw := range []string{
		`{"id":"w","tags":"x","steps":{"a":{"$type":"imageGen","output":{"images":[{"id":"a.jpg","available":true}]}}},"metadata":[],"createdAt":{},"status":4,"nsfwLevel":[]}`,
		`{"id":"w","steps":[null,3,"x",[],{"output":[[{"id":"a.jpg","available":"true"}]],"metadata":"m","status":[]}]}`,
		`{"id":"w","steps":[{"name":7,"$type":null,"metadata":{"output":[null,1,{"id":4}],"images":null},"output":{"images":{"x":{"id":"a.jpg","available":1,"url":"https://o.test/x"}},"errors":{"a":1}}}]}`,
	} {
		w := decode(t, raw)
		if len(w.Blobs) != 1 || w.Blobs[0].ID != "a.jpg" || !w.Blobs[0].Available {
			t.Errorf("%s\ngave %+v", raw, w.Blobs)
		}
		if string(w.JSON) != raw {
			t.Errorf("JSON changed: %s", w.JSON)
		}
	}
}

func TestDeletedAndUnknownStatus(t *testing.T) {
	if w := decode(t, `{"id":"w","status":"succeeded","deletedAt":"2026-08-10T00:00:00Z"}`); w.Status != "deleted" || !w.Status.Ended() {
		t.Error(w.Status)
	}
	if w := decode(t, `{"id":"w","status":"Daydreaming","deletedAt":null}`); w.Status != "daydreaming" || w.Status.Ended() {
		t.Error(w.Status)
	}
}

func TestDepthIsBounded(t *testing.T) {
	deep := strings.Repeat(`{"a":`, 200) + `{"id":"deep.jpg","available":true}` + strings.Repeat(`}`, 200)
	w := decode(t, `{"id":"w","steps":[{"$type":"x","name":"s","status":"succeeded","output":`+deep+`}]}`)
	if len(w.Blobs) != 1 || !w.Blobs[0].Text { // not found as a blob, but not lost either
		t.Errorf("%+v", w.Blobs)
	}
	nested := strings.Repeat(`[{"$type":"repeat","status":"succeeded","output":{"steps":`, 100) + "[]" + strings.Repeat(`}}]`, 100)
	decode(t, `{"id":"w","steps":`+nested+`}`)
}

func TestTextResultIsScrubbedAndExact(t *testing.T) {
	w := decode(t, `{"id":"w","steps":[{"$type":"echo","name":"s","status":"succeeded","output":{"z":1.50,"a":"see https://o.test/x.png?sig=SECRETsecret&a=1 ok","n":12345678901234567890}}]}`)
	want := "{\n  \"z\": 1.50,\n  \"a\": \"see https://o.test/x.png ok\",\n  \"n\": 12345678901234567890\n}\n"
	if len(w.Blobs) != 1 || string(w.Blobs[0].Data) != want || w.Blobs[0].MediaType != "application/json" {
		t.Errorf("%s", w.Blobs[0].Data)
	}
	for output, want := range map[string]string{`"words"`: "\"words\"\n", `7`: "7\n", `true`: "true\n"} {
		w := decode(t, `{"id":"w","steps":[{"$type":"new","name":"s","status":"succeeded","output":`+output+`}]}`)
		if len(w.Blobs) != 1 || string(w.Blobs[0].Data) != want {
			t.Errorf("%s: %+v", output, w.Blobs)
		}
	}
}

func TestManyAlikeStaysQuick(t *testing.T) {
	var steps, urls []string
	for i := range 3000 {
		steps = append(steps, `{"$type":"echo","name":"same","status":"succeeded","output":"x"}`)
		urls = append(urls, fmt.Sprintf(`"https://o.test/v2/consumer/blobs/archive/token%d"`, i))
	}
	w := decode(t, `{"id":"w","steps":[`+strings.Join(steps, ",")+`,{"name":"u","output":[`+strings.Join(urls, ",")+`]}]}`)
	ids := map[BlobID]bool{}
	for _, b := range w.Blobs {
		ids[b.ID] = true
	}
	if len(w.Blobs) != 6000 || len(ids) != 6000 {
		t.Error(len(w.Blobs), len(ids))
	}
}

func TestDataURI(t *testing.T) {
	for in, want := range map[string]string{
		"data:image/png;base64,aGk=":           "image/png hi",
		"data:image/png;base64,aGk":            "image/png hi",
		"DATA:image/svg+xml,%3Csvg%3E":         "image/svg+xml <svg>",
		"data:text/plain;charset=utf-8,hi":     "text/plain hi",
		"data:image/png;base64,aG k=\n":        "image/png hi",
		"data:image/png;base64,aGk%3D":         "image/png hi",
		"data: foo/bar, and so on":             "",
		"data:image/png;base64,***":            "",
		"data:,x":                              "",
		"data:image/png;base64,":               "",
		"database/x,":                          "",
		"data:image/png;base64;evil/x,aGk=":    "",
		"https://x.test/data:image/png;base64": "",
	} {
		media, data, ok := dataURI(in)
		if got := media + " " + string(data); ok != (want != "") || ok && got != want {
			t.Errorf("%q: %q %v", in, got, ok)
		}
	}
}

func FuzzWalk(f *testing.F) {
	files, _ := filepath.Glob("testdata/steps/*.json")
	for _, file := range files {
		raw, _ := os.ReadFile(file)
		var c struct{ Workflow json.RawMessage }
		_ = json.Unmarshal(raw, &c)
		f.Add([]byte(c.Workflow))
	}
	f.Add([]byte(`{"items":[{"id":"a","id":null,"steps":[{"output":{"steps":[{"$type":"x","output":{"url":"/v2/consumer/blobs/%2e%2e"}}]}}]}],"next":7}`))
	c, err := New(Config{BaseURL: "https://api.test", Token: testToken})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		if !validJSON(raw) {
			return
		}
		n := parse(raw)
		if n.kind != '{' {
			return
		}
		w := c.decodeWorkflow(context.Background(), n)
		if !json.Valid(w.JSON) {
			t.Errorf("JSON broken: %s", w.JSON)
		}
		ids := make(map[BlobID]bool)
		for _, b := range append(w.Blobs, w.Inputs...) {
			if b.ID == "" || ids[b.ID] {
				t.Errorf("blob id %q empty or twice", b.ID)
			}
			ids[b.ID] = true
		}
		_, _ = c.decodePage(context.Background(), "list", raw)
	})
}
