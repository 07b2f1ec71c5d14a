package sandbox

import (
	"archive/zip"
	"bytes"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestPagingBothWays(t *testing.T) {
	t.Parallel()
	s := start(t, Options{Workflows: 73})
	var want []string
	for i := range 73 {
		want = append(want, s.server.account.timeline.id(i))
	}
	for _, take := range []int{1, 7, 72, 73, 74, 5000} {
		for _, ascending := range []bool{true, false} {
			var got []string
			for _, w := range s.pages(fmt.Sprintf("take=%d&ascending=%v", take, ascending)) {
				got = append(got, w["id"].(string))
			}
			if !ascending {
				slices.Reverse(got)
			}
			if !slices.Equal(got, want) {
				t.Errorf("take %d, ascending %v: %d workflows, or out of order", take, ascending, len(got))
			}
		}
	}
	if last := s.page("take=73"); last.Next != "" {
		t.Error("a cursor on the only page")
	}
	if body := s.api("/v2/consumer/workflows?take=73").body; bytes.Contains(body, []byte(`"next"`)) {
		t.Error("the key next is on the last page")
	}
}

func TestDefaultTakeAndCap(t *testing.T) {
	t.Parallel()
	s := start(t, Options{Workflows: 1100, Tiny: true, TinyBlobs: 1})
	if n := len(s.page("").Items); n != DefaultTake {
		t.Errorf("%d without take", n)
	}
	if n := len(s.page("take=5000").Items); n != MaxTake {
		t.Errorf("%d at most", n)
	}
}

func TestCursorsSurviveAdditions(t *testing.T) {
	t.Parallel()
	s := start(t, Options{Workflows: 30})
	first := s.page("take=10")
	s.server.Add(15)
	rest := s.page("take=100&cursor=" + url.QueryEscape(first.Next))
	got := append(first.ids(), rest.ids()...)
	for k, id := range got {
		if want := s.server.account.timeline.id(29 - k); id != want {
			t.Fatalf("place %d: %s, want %s", k, id, want)
		}
	}
	if len(got) != 30 {
		t.Errorf("%d workflows", len(got))
	}
	if top := s.page("take=15").ids(); top[14] != s.server.account.timeline.id(30) {
		t.Error("the additions are not on top")
	}
}

func TestFilters(t *testing.T) {
	t.Parallel()
	s := start(t, Options{})
	all := s.pages("take=1000")

	for _, w := range s.pages("excludeFailed=true") {
		if status := w["status"].(string); failed(status) {
			t.Errorf("%s is %s", w["id"], status)
		}
	}
	tagged := s.pages("tags=gen&tags=vid")
	for _, w := range tagged {
		if tags := fmt.Sprint(w["tags"]); !strings.Contains(tags, "vid") {
			t.Errorf("tags %s", tags)
		}
	}
	if n := len(tagged); n == 0 || n >= len(all) || len(s.pages("tags=gen&tags=nothing")) != 0 {
		t.Errorf("%d tagged of %d", n, len(all))
	}
	if n := len(s.pages("query=" + url.QueryEscape("Lighthouse on a BASALT"))); n == 0 || n > len(all)/2 {
		t.Errorf("%d found by text", n)
	}

	from, to := s.server.account.timeline.created(40), s.server.account.timeline.created(59)
	in := func(layout string, at time.Time) string { return url.QueryEscape(at.Format(layout)) }
	if n := len(s.pages("fromDate=" + in(time.RFC3339Nano, from) + "&toDate=" + in(time.RFC3339Nano, to))); n != 20 {
		t.Errorf("%d in dates that include both ends", n)
	}
	east := time.FixedZone("", 2*3600)
	if n := len(s.pages("ascending=true&take=3&fromDate=" + in(time.RFC3339Nano, from.In(east)) + "&toDate=" + in(time.RFC3339Nano, to.In(east)))); n != 20 {
		t.Errorf("%d in dates of another zone", n)
	}
	if n := len(s.pages("toDate=2026-10-20")); n != 0 {
		t.Errorf("%d before the first", n)
	}
}

func TestHideMature(t *testing.T) {
	t.Parallel()
	s := start(t, Options{})
	open, hidden := s.blobs("take=500"), s.blobs("take=500&hideMatureContent=true")
	changed := 0
	for id, b := range hidden {
		level, _ := b["nsfwLevel"].(string)
		if levelRank(level) >= 3 {
			if b["available"] != false || b["url"] != nil || b["previewUrl"] != nil {
				t.Errorf("mature %s: %v", id, b)
			}
			if open[id]["available"] == true {
				changed++
			}
		} else if fmt.Sprint(b) != fmt.Sprint(open[id]) {
			t.Errorf("%s changed", id)
		}
	}
	if changed == 0 || len(open) != len(hidden) {
		t.Errorf("%d hidden, %d and %d blobs", changed, len(open), len(hidden))
	}
	path := "/v2/consumer/workflows/" + s.planOf("mature, all levels").id
	for _, path := range []string{path, path + "/steps/$0"} {
		found := map[string]map[string]any{}
		blobsIn(decode[any](t, s.want(s.api(path+"?hideMatureContent=true"), 200).body), found)
		for id, b := range found {
			if fmt.Sprint(b) != fmt.Sprint(hidden[id]) {
				t.Errorf("%s: %v, listed as %v", path, b, hidden[id])
			}
		}
		if len(found) != 7 {
			t.Errorf("%s: %d blobs", path, len(found))
		}
		s.want(s.api(path+"?hideMatureContent=2"), 400)
	}
}

func TestBadParameters(t *testing.T) {
	t.Parallel()
	s := start(t, Options{Workflows: 3})
	down := s.page("take=1").Next
	for query, want := range map[string]struct {
		status int
		field  string
	}{
		"take=x":                          {400, "take"},
		"take=0":                          {400, "take"},
		"take=-5":                         {400, "take"},
		"fromDate=yesterday":              {422, "fromDate"},
		"toDate=2026-13-40":               {422, "toDate"},
		"ascending=perhaps":               {400, "ascending"},
		"cursor=made-up":                  {400, "cursor"},
		"ascending=true&cursor=" + down:   {400, "cursor"},
		"hideMatureContent=2":             {400, "hideMatureContent"},
		"excludeFailed=true&take=1e3&x=y": {400, "take"},
	} {
		a := s.want(s.api("/v2/consumer/workflows?"+query), want.status)
		p := decode[struct {
			Title, Detail string
			Status        int
			Errors        map[string][]string
		}](t, a.body)
		if p.Status != want.status || p.Title == "" || len(p.Errors[want.field]) != 1 {
			t.Errorf("%s: %s", query, a.body)
		}
		if !strings.HasPrefix(a.header.Get("Content-Type"), "application/problem+json") {
			t.Errorf("%s: %s", query, a.header.Get("Content-Type"))
		}
	}
}

func TestPageAsZip(t *testing.T) {
	t.Parallel()
	s := start(t, Options{Workflows: 4})
	a := s.do("GET", "/v2/consumer/workflows?take=3", "Authorization", "Bearer "+DefaultToken, "Accept", "application/zip")
	z, err := zip.NewReader(bytes.NewReader(a.body), int64(len(a.body)))
	if err != nil || len(z.File) != 1 {
		t.Fatal(err)
	}
	f, err := z.File[0].Open()
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(f)
	if err != nil || len(decode[pageJSON](t, body).Items) != 3 {
		t.Errorf("%v: %.100s", err, body)
	}
}

func TestManager(t *testing.T) {
	t.Parallel()
	s := start(t, Options{Workflows: 70})
	ask := func(query string) answer {
		return s.do("GET", "/v1/manager/workflows?"+query, "Authorization", "Bearer "+DefaultManagerToken)
	}
	page := decode[pageJSON](t, s.want(ask("UserId=8484131&Take=50&Inverse=true"), 200).body)
	if len(page.Items) != 50 || page.Items[0]["id"] != s.server.account.timeline.id(0) || page.Next == "" {
		t.Fatalf("%d items, next %q", len(page.Items), page.Next)
	}
	rest := decode[pageJSON](t, ask("Take=50&Inverse=true&Cursor="+url.QueryEscape(page.Next)).body)
	if len(rest.Items) != 20 || rest.Next != "" {
		t.Errorf("%d more, next %q", len(rest.Items), rest.Next)
	}
	if page.Items[0]["status"] != "Succeeded" {
		t.Errorf("status %v is not PascalCase", page.Items[0]["status"])
	}
	if n := len(decode[pageJSON](t, ask("UserId=1").body).Items); n != 0 {
		t.Errorf("%d workflows of a stranger", n)
	}
	for _, w := range decode[pageJSON](t, ask("Take=100&ExcludeFailed=true&Tags=vid&Query=civitai").body).Items {
		t.Errorf("unexpected %v", w["id"])
	}
	s.want(ask("Take=101"), 400)
	s.want(ask("UserId=me"), 400)
	s.want(s.api("/v1/manager/workflows"), 403)
	s.want(s.do("GET", "/v1/manager/workflows"), 401)
	s.server.SetFaults(Faults{BareArray: true, ManagerTake: 10})
	if items := decode[[]map[string]any](t, s.want(ask(""), 200).body); len(items) != 10 {
		t.Errorf("%d in a bare array", len(items))
	}
	s.want(ask("Take=11"), 400)
	s.want(s.do("GET", "/v2/consumer/workflows", "Authorization", "Bearer "+DefaultManagerToken), 200)
}
