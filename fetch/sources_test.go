package fetch

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

func inputsOf(w *Workflow) string {
	var got []string
	for _, b := range w.Inputs {
		kind := b.Kind
		if kind == "" {
			kind = "-"
		}
		got = append(got, fmt.Sprint(b.ID, " ", b.Step, " ", b.StepType, " ", kind))
	}
	return strings.Join(got, ", ")
}

func TestInputs(t *testing.T) {
	const own = "https://api.test/v2/consumer/blobs/"
	for name, row := range map[string]struct{ input, want string }{
		"one":            {`{"sourceImage":"` + own + `a.jpeg?sig=SECRETx"}`, "a.jpeg $0 x image"},
		"a list":         {`{"images":["` + own + `a.jpeg","` + own + `b","` + own + `a.jpeg?sig=again"]}`, "a.jpeg $0 x image, b $0 x image"},
		"deep":           {`{"messages":[{"content":[{"image_url":{"url":"` + own + `c"}}]}]}`, "c $0 x -"},
		"a film":         {`{"videoUrl":"` + own + `d","other":"` + own + `e.mp4"}`, "d $0 x video, e.mp4 $0 x video"},
		"sound":          {`{"audioUrl":"` + own + `f"}`, "f $0 x audio"},
		"the vendor's":   {`["https://orchestration.civitai.com/v2/consumer/blobs/g.png","https://ORCHESTRATION-new.civitai.com:443/v2/consumer/blobs/h.png"]`, "g.png $0 x image, h.png $0 x image"},
		"relative":       {`"/v2/consumer/blobs/i.webp"`, "i.webp $0 x image"},
		"escaped":        {`"` + own + `a%2Fb"`, "a/b $0 x -"},
		"an AIR":         {`{"image":"urn:air:sdxl:image:civitai:1@2"}`, ""},
		"inline":         {`{"image":"data:image/png;base64,aGk="}`, ""},
		"foreign":        {`["https://evil.test/v2/consumer/blobs/a.jpeg","//evil.test/v2/consumer/blobs/a","https://api.test.evil.test/v2/consumer/blobs/a"]`, ""},
		"another origin": {`["http://api.test/v2/consumer/blobs/a","https://api.test:444/v2/consumer/blobs/a","https://u@api.test/v2/consumer/blobs/a","http://orchestration.civitai.com/v2/consumer/blobs/a"]`, ""},
		"other places":   {`["` + own + `content/tok","` + own + `blocked/tok","` + own + `archive/tok","` + own + `","` + own + `..","https://api.test/v2/consumer/workflows/w"]`, ""},
		"prose":          {`{"prompt":"as in ` + own + `a.jpeg","$ref":"$0","n":7,"no":null}`, ""},
		"its own result": {`{"image":"` + own + `result.jpg?sig=SECRETx"}`, ""},
		"wrong types":    {`7`, ""},
		"too deep":       {strings.Repeat(`[`, 200) + `"` + own + `a"` + strings.Repeat(`]`, 200), ""},
	} {
		w := decode(t, `{"id":"w","steps":[{"$type":"x","status":"succeeded","input":`+row.input+`,"output":{"images":[{"id":"result.jpg","available":true}]}}]}`)
		if got := inputsOf(w); got != row.want {
			t.Errorf("%s: %q, want %q", name, got, row.want)
		}
		if len(w.Blobs) != 1 {
			t.Errorf("%s: %d results", name, len(w.Blobs))
		}
		for _, b := range w.Inputs {
			if !b.Available || b.Level != "" || b.StepStatus != "succeeded" || b.URL == "" {
				t.Errorf("%s: %+v", name, b)
			}
		}
		noSecret(t, name, fmt.Sprintf("%+v %s", w.Inputs, w.JSON))
	}
}

func TestInputsOfEverySort(t *testing.T) {
	w := decode(t, `{"id":"w","steps":[
		{"$type":"repeat","name":"r","input":{"images":["/v2/consumer/blobs/a"]},"output":{"steps":[{"$type":"convertImage","input":{"image":"/v2/consumer/blobs/b.png?exp=2027-05-25T23:21:19Z"},"output":{"blob":{"id":"c.webp","available":true}}}]}},
		{"$type":"videoGen","name":"v","input":{"sourceImage":"/v2/consumer/blobs/c.webp","images":["/v2/consumer/blobs/a"]},"output":null}]}`)
	if got := inputsOf(w); got != "a r repeat image, b.png r-0 convertImage image" {
		t.Error(got)
	}
	if !w.Inputs[1].Expires.Equal(time.Date(2027, 5, 25, 23, 21, 19, 0, time.UTC)) || !w.Inputs[0].Expires.IsZero() {
		t.Errorf("%+v", w.Inputs)
	}
}
