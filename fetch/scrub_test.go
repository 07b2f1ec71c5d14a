package fetch

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"testing"
)

func TestScrub(t *testing.T) {
	c, _ := client(t, nil)
	host := "https://o.test/v2/consumer/blobs/a.jpg"
	for name, row := range map[string]struct{ in, want string }{
		"plain":            {"a cat, 50% off? yes = no", "a cat, 50% off? yes = no"},
		"signed":           {host + "?sig=SECRETx&exp=1", host},
		"in prose":         {"see " + host + "?exp=1&sig=SECRETx. Then go", "see " + host + " Then go"},
		"two":              {host + "?sig=SECRETx, " + host + "?sig=SECRETy", host + ", " + host},
		"markdown":         {"![](" + host + "?sig=SECRETx&exp=2)", "![](" + host + ")"},
		"html":             {`<a href="` + host + `?exp=1&amp;sig=SECRETx">`, `<a href="` + host + `">`},
		"relative":         {"/v2/consumer/blobs/a.jpg?sig=SECRETx", "/v2/consumer/blobs/a.jpg"},
		"other parameter":  {host + "?newsig=SECRETx", host},
		"json in json":     {`{\"u\":\"https:\/\/o.test\/v2\/x?exp=1\u0026sig=SECRETx\"}`, `{\"u\":\"https:\/\/o.test\/v2\/x\"}`},
		"escaped question": {`https://o.test/x\u003fsig\u003dSECRETx`, `https://o.test/x`},
		"nested":           {"https://p.test/?u=https%3A%2F%2Fo.test%2Fx%3Fsig%3DSECRETx%26exp%3D1 end", "https://p.test/ end"},
		"nested twice":     {"https%253A%252F%252Fo.test%252Fx%253Fexp%253D1%2526sig%253DSECRETx", "https%253A%252F%252Fo.test%252Fx"},
		"harmless query":   {"https://civitai.com/models/1?modelVersionId=2&type=Model", "https://civitai.com/models/1?modelVersionId=2&type=Model"},
		"amazon":           {"https://s3.test/b?X-Amz-Date=1&X-Amz-Signature=SECRETx", "https://s3.test/b"},
		"lone":             {"bad value sig=SECRETxyz for blob", "bad value [redacted] for blob"},
		"bearer":           {"Authorization: Bearer abcdefgh12345678SECRET9", "Authorization: Bearer [redacted]"},
		"bearer in prose":  {"a bearer extraordinarilylongwordwithoutend", "a bearer extraordinarilylongwordwithoutend"},
		"token":            {"key " + testToken + " refused", "key [redacted] refused"},
		"token in url":     {"https://o.test/" + url.QueryEscape(testToken), "https://o.test/[redacted]"},
		"token escaped":    {`"civitai\u002d0123456789abcdef\u002Dsecret\/\u002b"`, `"[redacted]"`},
		"token twice":      {testToken + testToken, "[redacted][redacted]"},
		"content":          {"https://o.test/v2/consumer/blobs/content/CfDJ8SECRETtoken", "https://o.test/v2/consumer/blobs/content/CfDJ8S…"},
		"blocked":          {"at %2Fblobs%2Fblocked%2FCfDJ8aSECRETtoken", "at %2Fblobs%2Fblocked%2FCfDJ8a…"},
	} {
		got := c.Scrub(row.in)
		if got != row.want {
			t.Errorf("%s: %q, want %q", name, got, row.want)
		}
		if again := c.Scrub(got); again != got {
			t.Errorf("%s: twice gives %q", name, again)
		}
		if clean := c.scrubber.clean([]byte(row.in)); clean && got != row.in {
			t.Errorf("%s: called clean, and is not", name)
		}
	}
}

func TestShortTokenIsReplacedAsAWord(t *testing.T) {
	s := newScrubber("test")
	if got := s.scrub("test testing (test) test test=contest"); got != "[redacted] testing ([redacted]) [redacted] [redacted]=contest" {
		t.Error(got)
	}
}

func TestScrubJSONChangesOnlySecrets(t *testing.T) {
	s := newScrubber(testToken)
	raw := `{ "z":1.0e+2, "a\u00e9":"\ud800 <b>", "` + testToken + `":["https://o.test/a?b=1\u0026sig=SECRETx", "civitai\u002d0123456789abcdef-secret/+"],"big":123456789012345678901234567890 }`
	want := `{ "z":1.0e+2, "a\u00e9":"\ud800 <b>", "[redacted]":["https://o.test/a", "[redacted]"],"big":123456789012345678901234567890 }`
	if got := string(s.scrubJSON([]byte(raw))); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestSignedURLNeverShows(t *testing.T) {
	u := SignedURL("https://user:SECRET@o.test/v2/consumer/blobs/content/CfDJ8xSECRETtoken?sig=SECRET#SECRET")
	b := Blob{ID: "a", URL: u}
	loc := Location{URL: u}
	marshalled, err := json.Marshal(map[string]any{"b": b, "l": loc, "u": u})
	if err != nil {
		t.Fatal(err)
	}
	var logged strings.Builder
	slog.New(slog.NewTextHandler(&logged, nil)).Info("x", "u", u, "b", b, "l", &loc)
	slog.New(slog.NewJSONHandler(&logged, nil)).Info("x", "u", u, "b", b, "l", &loc)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x", "%T%v"} {
		text := fmt.Sprintf(verb, u) + fmt.Sprintf(verb, b) + fmt.Sprintf(verb, loc) + fmt.Sprintf(verb, &loc) + fmt.Sprintf(verb, []SignedURL{u})
		noSecret(t, verb, text)
	}
	noSecret(t, "json", string(marshalled))
	noSecret(t, "log", logged.String())
	if want := "https://o.test/v2/consumer/blobs/content/CfDJ8x…"; u.String() != want {
		t.Errorf("%s, want %s", u, want)
	}
	if SignedURL("http://[bad?sig=SECRET").String() != "[unreadable url]" || SignedURL("").String() != "" {
		t.Error("odd addresses")
	}
}

func TestConfigAndClientHideTheToken(t *testing.T) {
	c, _ := client(t, nil)
	cfg := Config{BaseURL: "https://api.test", Token: testToken}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
		noSecret(t, verb, fmt.Sprintf(verb, cfg)+fmt.Sprintf(verb, &cfg)+fmt.Sprintf(verb, c))
	}
}

func FuzzScrub(f *testing.F) {
	f.Add("https://o.test/x?a=1&sig=abcdefgh")
	f.Add(`\u003f%253Fsig%3d\\/blobs/content/aaaaaaaaaa`)
	s := newScrubber(testToken)
	f.Fuzz(func(t *testing.T, text string) {
		text += " " + testToken + " https://o.test/q?z=" + text + "&sig=SECRETSECRET"
		got := s.scrub(text)
		if strings.Contains(got, testToken) {
			t.Errorf("token in %q", got)
		}
	})
}
