package fetch

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"
)

func TestPrivateAddresses(t *testing.T) {
	for addr, want := range map[string]bool{
		"127.0.0.1": true, "10.1.2.3": true, "172.16.0.1": true, "192.168.1.1": true, "169.254.169.254": true, "0.0.0.0": true, "0.1.2.3": true,
		"100.64.0.1": true, "224.0.0.1": true, "255.255.255.255": true, "::1": true, "::": true, "fe80::1": true, "fc00::1": true, "ff02::1": true,
		"::ffff:127.0.0.1": true, "64:ff9b::a00:1": true, "fec0::1": true,
		"8.8.8.8": false, "172.32.0.1": false, "2606:4700::1": false, "64:ff9b::808:808": false, "100.128.0.1": false,
	} {
		if got := privateIP(netip.MustParseAddr(addr)); got != want {
			t.Errorf("%s: %v", addr, got)
		}
	}
}

// A name that resolves to a private address is stopped where it is dialled.
func TestDialRefusesPrivateAddresses(t *testing.T) {
	hit := false
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { hit = true }))
	defer s.Close()
	port := s.URL[strings.LastIndex(s.URL, ":"):]
	base, _ := url.Parse("https://api.test")
	guard := newAddressGuard(base)
	conn, err := guard.dial(background, "tcp", "localhost"+port)
	wantKind(t, err, ErrUnsafeURL)
	if conn != nil || hit {
		t.Error("connected")
	}
	guard.proxies["localhost"+port] = true
	if conn, err = guard.dial(background, "tcp", "localhost"+port); err != nil {
		t.Error("the proxy is refused:", err)
	} else {
		conn.Close()
	}

	own, _ := url.Parse("http://localhost" + port)
	guard = newAddressGuard(own)
	if conn, err = guard.dial(background, "tcp", "127.0.0.1"+port); err != nil || !guard.open() {
		t.Error("private addresses are refused beside a private API:", err)
	} else {
		conn.Close()
	}
}

func TestGuardLearnsThatTheAPIIsPrivate(t *testing.T) {
	s := httptest.NewServer(http.NotFoundHandler())
	defer s.Close()
	at := strings.TrimPrefix(s.URL, "http://")
	guard := &addressGuard{api: at, proxies: map[string]bool{}} // as if the name told nothing
	conn, err := guard.dial(background, "tcp", at)
	if err != nil || !guard.open() {
		t.Fatal(err)
	}
	conn.Close()
}

func TestUnsafeDialIsNotTriedAgain(t *testing.T) {
	c, err := New(Config{BaseURL: "https://api.test"})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	start := time.Now()
	ctx, cancel := context.WithTimeout(background, 20*time.Second)
	defer cancel()
	c.guard = newAddressGuard(&url.URL{Scheme: "https", Host: "localhost"}) // lets the check of the URL pass, not the dial
	_, err = c.Resolve(ctx, Blob{ID: "b", URL: "https://127.0.0.1:1/v2/consumer/blobs/b"})
	wantKind(t, err, ErrUnsafeURL)
	if time.Since(start) > 10*time.Second {
		t.Error("tried again")
	}
}

func TestOwnTransport(t *testing.T) {
	tr := newTransport(newAddressGuard(&url.URL{Scheme: "https", Host: "api.test"}))
	if !tr.ForceAttemptHTTP2 || tr.MaxResponseHeaderBytes != 1<<20 || tr.MaxIdleConnsPerHost != 64 || tr.TLSClientConfig.MinVersion < 0x303 || tr.ResponseHeaderTimeout != 2*time.Minute {
		t.Errorf("%+v", tr)
	}
	c, _ := server(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Long", strings.Repeat("x", 2<<20))
		io.WriteString(w, "{}")
	})
	_, err := c.Workflow(background, "w")
	wantKind(t, err, ErrUnavailable)
}

func TestDebugLogTellsRequestsWithoutSecrets(t *testing.T) {
	fakeTime(t, func(t *testing.T) {
		var log bytes.Buffer
		n := 0
		c, _ := client(t, func(w http.ResponseWriter, r *http.Request) {
			if n++; n == 1 {
				w.Header().Set("X-Test-Break", "1")
				return
			}
			headed(w, 301, "", "Location: https://cdn.test/v2/consumer/blobs/content/CfDJ8aSECRETtoken?sig=SECRETx")
		}, func(cfg *Config) {
			cfg.Logger = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
		})
		if _, err := c.Resolve(background, testBlob()); err != nil {
			t.Fatal(err)
		}
		text := log.String()
		noSecret(t, "log", text)
		for _, want := range []string{"method=GET", "url=https://blobs.test/v2/consumer/blobs/b.png", "status=301", "try=1", "try=2", "took="} {
			if !strings.Contains(text, want) {
				t.Errorf("no %q in %s", want, text)
			}
		}
	})
}

func TestPlaces(t *testing.T) {
	for raw, want := range map[string]place{
		"https://o.test/v2/consumer/blobs/a.jpg":              blobByID,
		"https://o.test/v2/consumer/blobs/content/x":          content,
		"https://o.test/v2/consumer/blobs/blocked/x":          blocked,
		"https://o.test/v2/consumer/blobs/blocked":            blocked,
		"https://o.test/v2/consumer/blobs/%62locked/x":        blocked,
		"https://o.test/v2/consumer/blobs/%2562locked%252Fx":  blocked,
		"https://o.test/v2/consumer//blobs//BLOCKED//x":       blocked,
		"https://o.test/v2/consumer/blobs/content/../blocked": blocked,
		`https://o.test/v2/consumer/blobs\blocked\x`:          blocked,
		"https://o.test/v2/consumer/blobs/archive/x":          archive,
		"https://o.test/v2/consumer/streaming-blobs/x":        streaming,
		"https://o.test/prefix/v2/consumer/blobs/blocked.jpg": blobByID,
		"https://cdn.test/x":                                  elsewhere,
	} {
		u, err := url.Parse(raw)
		if err != nil {
			t.Fatal(err)
		}
		if got := placeOf(u); got != want {
			t.Errorf("%s: %v, want %v", raw, got, want)
		}
	}
}
