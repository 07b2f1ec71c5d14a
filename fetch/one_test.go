package fetch

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestStepEscapesItsName(t *testing.T) {
	c, transport := client(t, answer(200, `{"$type":"imageGen","name":"a/b","status":"Failed","new":[1.50],"output":{"url":"https://x/v2/consumer/blobs/a?sig=SECRETSECRET"}}`))
	step, err := c.Step(background, "w 1", "$0/x")
	if err != nil {
		t.Fatal(err)
	}
	if got := transport.asked[0].URL.EscapedPath(); got != "/v2/consumer/workflows/w%201/steps/$0%2Fx" {
		t.Errorf("asked %s", got)
	}
	if step.Type != "imageGen" || step.Name != "a/b" || step.Status != "failed" || !strings.Contains(string(step.JSON), `"new":[1.50]`) {
		t.Errorf("got %+v %s", step, step.JSON)
	}
	noSecret(t, "the step's JSON", string(step.JSON))
	_, err = c.Step(background, "w", "..")
	wantKind(t, err, ErrInvalid)
}

func TestJobWithAndWithoutWrapper(t *testing.T) {
	inner := `"id":"j","type":"textToImage","createdAt":"2026-08-10T22:37:15Z","params":{"prompt":"a cat"},"properties":{"workflowId":"w"},"promptClassificationResult":{"sexual":false,"scan":0.25}`
	rest := `"cost":8,"result":[{"blobKey":"b.jpg","available":true}],"lastEvent":{"type":"Failed","dateTime":"2026-08-10T22:38:00Z","context":{"hive_csam_score":0.001,"other":[1,"x"],"none":null}}`
	for name, text := range map[string]string{"wrapped": "{\"job\":{" + inner + "}," + rest + "}", "bare": "{" + inner + "," + rest + "}"} {
		t.Run(name, func(t *testing.T) {
			c, transport := client(t, answer(200, text))
			j, err := c.Job(background, "j")
			if err != nil {
				t.Fatal(err)
			}
			if q := transport.asked[0].URL.RawQuery; q != "detailed=true" {
				t.Errorf("asked with %q", q)
			}
			got := fmt.Sprintf("%s %s %s %s %s %v %s", j.ID, j.Type, j.Workflow, j.Prompt, j.Cost, j.Results, j.Event.Type)
			if got != `j textToImage w a cat 8 [{b.jpg true}] failed` {
				t.Errorf("got %s", got)
			}
			if got := fmt.Sprintf("%s %s", j.Classification, j.Event.Context); got != `[{sexual false} {scan 0.25}] [{hive_csam_score 0.001} {other [1,"x"]} {none null}]` {
				t.Errorf("got %s", got)
			}
		})
	}
}

func TestUserPagesAsksForSmallerPages(t *testing.T) {
	c, transport := client(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("Take") != "10" {
			w.WriteHeader(400)
			fmt.Fprint(w, `{"title":"x","errors":{"Take":["must be between 1 and 10"]}}`)
			return
		}
		fmt.Fprint(w, `[{"id":"a","status":"Succeeded","nsfwLevel":"PG13"}]`)
	})
	var got []string
	for page, err := range c.UserPages(background, UserQuery{User: "7", Take: 500, Tags: []string{"a", "b"}, Ascending: true, ExcludeFailed: true, Text: "q"}) {
		if err != nil {
			t.Fatal(err)
		}
		for _, w := range page.Workflows {
			got = append(got, string(w.ID)+" "+string(w.Status)+" "+string(w.Level))
		}
	}
	if !slices.Equal(got, []string{"a succeeded pg13"}) {
		t.Errorf("got %q", got)
	}
	if q := transport.asked[0].URL.RawQuery; q != "ExcludeFailed=true&Inverse=true&Query=q&Tags=a&Tags=b&Take=100&UserId=7" {
		t.Errorf("asked with %s", q)
	}
}

func TestCheckTellsWhoAnswered(t *testing.T) {
	c, transport := client(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Server", "edge\x1b[31m "+testToken)
		w.WriteHeader(503)
	})
	g, err := c.Check(background)
	wantKind(t, err, ErrUnavailable)
	if g.Status != 503 || !strings.HasPrefix(g.Server, "edge") || strings.Contains(g.Server, "\x1b") {
		t.Errorf("got %+v", g)
	}
	noSecret(t, "the server's name", g.Server)
	if transport.count() != 1 {
		t.Errorf("%d requests, want one", transport.count())
	}
	c, _ = client(t, answer(200, `{"message":"welcome to a router"}`))
	_, err = c.Check(background)
	wantKind(t, err, ErrUnavailable)
}

func TestWaitPollsAtTheVendorsPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		polls := 0
		c, transport := client(t, func(w http.ResponseWriter, _ *http.Request) {
			status := "Processing"
			if polls++; polls == 8 {
				status = "Failed"
			}
			fmt.Fprintf(w, `{"id":"w","status":%q}`, status)
		})
		w, err := c.Wait(t.Context(), "w", func(*Workflow, time.Duration) {})
		if err != nil || w.Status != "failed" {
			t.Fatalf("%+v, %v", w, err)
		}
		var waits []int
		for i := 1; i < len(transport.at); i++ {
			waits = append(waits, int(transport.at[i].Sub(transport.at[i-1]).Seconds()))
		}
		if !slices.Equal(waits, []int{2, 5, 10, 15, 30, 30, 30}) {
			t.Errorf("waited %v", waits)
		}
	})
}

func TestDescribeFindsTheLevel(t *testing.T) {
	order := []string{"pg", "pg13", "r", "x", "xxx", "na"}
	for rank, level := range order {
		t.Run(level, func(t *testing.T) {
			c, transport := client(t, func(w http.ResponseWriter, r *http.Request) {
				most := r.URL.Query().Get("nsfwLevel")
				if most != "" && slices.Index(order, most) < rank {
					w.WriteHeader(403)
					return
				}
				w.Header().Set("Location", "/v2/consumer/blobs/content/tokentokentoken")
				w.WriteHeader(308)
			})
			d, err := c.Describe(background, "b.jpg")
			if err != nil || string(d.Level) != level || d.Withheld != "" || d.Location.URL == "" {
				t.Errorf("%+v, %v", d, err)
			}
			if transport.count() > 4 {
				t.Errorf("%d requests", transport.count())
			}
		})
	}
}

func TestPromptIsFoundWhereverItIs(t *testing.T) {
	c, _ := client(t, answer(200, ""))
	for name, text := range map[string]string{
		"metadata":       `{"metadata":{"params":{"prompt":"a cat"}},"steps":[{"input":{"prompt":"other"}}]}`,
		"step metadata":  `{"metadata":{},"steps":[{"metadata":{"params":{"prompt":"a cat"}}}]}`,
		"input":          `{"metadata":null,"steps":[null,{"input":{"prompt":"a cat"}}]}`,
		"graph":          `{"steps":[{"input":{"workflow":{"3":{"class_type":"KSampler"},"6":{"class_type":"CLIPTextEncode","inputs":{"text":"a cat"}}}}}]}`,
		"nothing to see": `{"metadata":{"params":"a cat"},"steps":[{"input":[]}]}`,
	} {
		want := "a cat"
		if name == "nothing to see" {
			want = ""
		}
		if got := c.decodeWorkflow(background, parse([]byte(text))).Prompt; got != want {
			t.Errorf("%s: %q", name, got)
		}
	}
}

func TestAwaitAsksOnce(t *testing.T) {
	for name, tt := range map[string]struct {
		wait   time.Duration
		asked  string
		status int
		body   string
		want   Status
		kind   error
	}{
		"ended":             {30 * time.Second, "wait=30", 200, `{"id":"w","status":"Succeeded"}`, "succeeded", nil},
		"not ended":         {90 * time.Second, "wait=90", 202, `{"id":"w","status":"processing"}`, "processing", nil},
		"parts of a second": {1200 * time.Millisecond, "wait=2", 200, `{"status":"failed"}`, "failed", nil},
		"no time at all":    {0, "wait=1", 202, `{"status":"scheduled"}`, "scheduled", nil},
		"gone":              {time.Second, "wait=1", 404, `{"title":"Not Found"}`, "", ErrGone},
		"a proxy's 404":     {time.Second, "wait=1", 404, `<html>nothing here</html>`, "", ErrUnavailable},
		"cut off":           {time.Second, "wait=1", 504, `<html>gateway timeout</html>`, "", ErrUnavailable},
		"slower":            {time.Second, "wait=1", 429, ``, "", ErrRateLimited},
	} {
		t.Run(name, func(t *testing.T) {
			c, transport := client(t, answer(tt.status, tt.body), func(cfg *Config) { cfg.HideMature = true })
			w, err := c.Await(background, "w", tt.wait)
			if tt.kind != nil {
				wantKind(t, err, tt.kind)
			} else if err != nil || w.ID != "w" || w.Status != tt.want {
				t.Errorf("%+v, %v", w, err)
			}
			if q := transport.asked[0].URL.RawQuery; len(transport.asked) != 1 || q != "hideMatureContent=true&"+tt.asked {
				t.Errorf("asked %d times, with %s", len(transport.asked), q)
			}
		})
	}
}
