package http1

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// dials counts the connections that a transport makes.
type dials struct{ atomic.Int64 }

func (d *dials) dial(ctx context.Context, network, address string) (net.Conn, error) {
	d.Add(1)
	return (&net.Dialer{}).DialContext(ctx, network, address)
}

func transport(t *testing.T) (*Transport, *dials) {
	d := &dials{}
	tr := &Transport{Dial: d.dial, HeaderTimeout: time.Minute, MaxHeader: 8 << 10, MaxIdle: 4, IdleTimeout: time.Minute}
	t.Cleanup(tr.CloseIdleConnections)
	return tr, d
}

func serve(t *testing.T, h http.HandlerFunc) string {
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

func request(t *testing.T, ctx context.Context, url string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Accept-Encoding", "identity")
	return r
}

func get(t *testing.T, tr *Transport, url string) (int, string, error) {
	t.Helper()
	resp, err := tr.RoundTrip(request(t, t.Context(), url))
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(data), err
}

// raw is a server that answers each request of a connection with the next text, and then
// hangs up. A text that ends in "|" is followed by nothing, and no hang-up.
func raw(t *testing.T, answers ...string) string {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var served sync.WaitGroup
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(func() { cancel(); listener.Close(); served.Wait() })
	served.Go(func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			served.Go(func() {
				defer context.AfterFunc(ctx, func() { c.Close() })()
				defer c.Close()
				in := bufio.NewReader(c)
				for _, answer := range answers {
					r, err := http.ReadRequest(in)
					if err != nil {
						return
					}
					r.Body.Close()
					text, stay := strings.CutSuffix(answer, "|")
					io.WriteString(c, text)
					if stay {
						<-ctx.Done()
					}
				}
			})
		}
	})
	return "http://" + listener.Addr().String()
}

const ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

func TestConnectionsServeAgain(t *testing.T) {
	tr, d := transport(t)
	var agent, host string
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		agent, host = r.UserAgent(), r.Host
		switch r.URL.Path {
		case "/chunked":
			io.WriteString(w, "chunk")
			w.(http.Flusher).Flush()
			io.WriteString(w, "ed")
		case "/moved":
			http.Redirect(w, r, "/elsewhere", http.StatusMovedPermanently)
		case "/empty":
		default:
			io.WriteString(w, strings.Repeat("x", 300_000))
		}
	})
	for _, row := range []struct {
		path string
		code int
		body string
	}{{"/chunked", 200, "chunked"}, {"/large", 200, strings.Repeat("x", 300_000)}, {"/moved", 301, "<a href=\"/elsewhere\">Moved Permanently</a>.\n\n"}, {"/empty", 200, ""}, {"/large", 200, strings.Repeat("x", 300_000)}} {
		code, body, err := get(t, tr, url+row.path)
		if err != nil || code != row.code || body != row.body {
			t.Errorf("%s: %d, %d bytes, %v", row.path, code, len(body), err)
		}
	}
	if d.Load() != 1 || agent != "Go-http-client/1.1" || "http://"+host != url {
		t.Errorf("%d connections; agent %q, host %q", d.Load(), agent, host)
	}
}

func TestManyAtOnce(t *testing.T) {
	tr, d := transport(t)
	url := serve(t, func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, r.URL.Path) })
	var all sync.WaitGroup
	for i := range 16 {
		all.Go(func() {
			for j := range 50 {
				path := fmt.Sprintf("/%d/%d", i, j)
				if _, body, err := get(t, tr, url+path); err != nil || body != path {
					t.Errorf("%s: %q, %v", path, body, err)
				}
			}
		})
	}
	all.Wait()
	tr.mu.Lock()
	defer tr.mu.Unlock()
	if n := len(tr.idle[strings.TrimPrefix(url, "http://")]); n == 0 || n > tr.MaxIdle || d.Load() < 4 {
		t.Errorf("%d idle connections of %d", n, d.Load())
	}
}

func TestAConnectionThatWasClosedIsReplaced(t *testing.T) {
	tr, d := transport(t)
	url := raw(t, ok, ok)
	for range 5 {
		if _, body, err := get(t, tr, url); err != nil || body != "ok" {
			t.Fatalf("%q, %v", body, err)
		}
	}
	if d.Load() != 3 {
		t.Errorf("%d connections", d.Load())
	}
}

func TestAnswersThatEndTheConnection(t *testing.T) {
	for name, answer := range map[string]string{
		"it says so":              "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok|",
		"HTTP/1.0":                "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok|",
		"without a length":        "HTTP/1.1 200 OK\r\n\r\nok",
		"more than was asked for": "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\n|",
	} {
		t.Run(name, func(t *testing.T) {
			tr, d := transport(t)
			url := raw(t, answer)
			for range 2 {
				if _, body, err := get(t, tr, url); err != nil || body != "ok" {
					t.Errorf("%q, %v", body, err)
				}
			}
			if d.Load() != 2 {
				t.Errorf("%d connections", d.Load())
			}
		})
	}
}

func TestBadAnswers(t *testing.T) {
	for name, row := range map[string]struct{ answer, want string }{
		"no HTTP":            {"SSH-2.0-OpenSSH\r\n", "malformed"},
		"nothing":            {"", "EOF"},
		"half a header":      {"HTTP/1.1 200 OK\r\nContent-Le", "malformed"},
		"half a body":        {"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\nok", "unexpected EOF"},
		"an endless header":  {"HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 1<<20) + "|", errHeaderSize.Error()},
		"another protocol":   {"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n|", "101"},
		"endless hints":      {strings.Repeat("HTTP/1.1 103 Early Hints\r\n\r\n", 20) + "|", errUnsolicited.Error()},
		"two lengths":        {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok", "Content-Length"},
		"a line in a header": {"HTTP/1.1 200 OK\r\nA B\r\n\r\n", "malformed"},
	} {
		t.Run(name, func(t *testing.T) {
			tr, d := transport(t)
			_, _, err := get(t, tr, raw(t, row.answer))
			if err == nil || !strings.Contains(err.Error(), row.want) || d.Load() != 1 {
				t.Errorf("%v, %d connections; want %q", err, d.Load(), row.want)
			}
		})
	}
	tr, _ := transport(t)
	if _, body, err := get(t, tr, raw(t, "HTTP/1.1 103 Early Hints\r\n\r\n"+ok)); err != nil || body != "ok" {
		t.Errorf("after a hint: %q, %v", body, err)
	}
}

func TestTheContextEndsARequest(t *testing.T) {
	cause := errors.New("enough")
	for name, answer := range map[string]string{"before the header": "|", "in the body": "HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\nok|"} {
		t.Run(name, func(t *testing.T) {
			tr, _ := transport(t)
			ctx, cancel := context.WithCancelCause(t.Context())
			r := request(t, ctx, raw(t, answer))
			ended := make(chan error)
			began := make(chan struct{})
			go func() {
				close(began)
				resp, err := tr.RoundTrip(r)
				if err == nil {
					defer resp.Body.Close()
					_, err = io.ReadAll(resp.Body)
				}
				ended <- err
			}()
			<-began
			cancel(cause)
			if err := <-ended; err == nil {
				t.Error("it went on")
			}
			if len(tr.idle[r.URL.Host]) > 0 {
				t.Error("the connection serves again")
			}
		})
	}
}

func TestCloseEndsARead(t *testing.T) {
	tr, d := transport(t)
	url := raw(t, "HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\nok|")
	resp, err := tr.RoundTrip(request(t, t.Context(), url))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(resp.Body, make([]byte, 2)); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error)
	go func() {
		_, err := resp.Body.Read(make([]byte, 1))
		ended <- err
	}()
	resp.Body.Close()
	if err := <-ended; err == nil || err == io.EOF {
		t.Errorf("%v", err)
	}
	if _, err := resp.Body.Read(make([]byte, 1)); err == nil || err == io.EOF {
		t.Errorf("afterwards: %v", err)
	}
	if _, _, err := get(t, tr, raw(t, ok)); err != nil || d.Load() != 2 {
		t.Errorf("%v, %d connections", err, d.Load())
	}
}

// TestTimes is on fake time, over pipes.
func TestTimes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var there []net.Conn
		tr := &Transport{HeaderTimeout: time.Minute, MaxHeader: 8 << 10, MaxIdle: 4, IdleTimeout: time.Minute,
			Dial: func(context.Context, string, string) (net.Conn, error) {
				a, b := net.Pipe()
				there = append(there, b)
				return a, nil
			}}
		defer tr.CloseIdleConnections()
		answer := func(i int, text string) {
			r, err := http.ReadRequest(bufio.NewReader(there[i]))
			if err != nil {
				t.Error(err)
				return
			}
			r.Body.Close()
			io.WriteString(there[i], text)
		}
		ask := func(i int, text string) error {
			r := request(t, t.Context(), "http://host/")
			go func() {
				synctest.Wait() // until it is connected
				answer(i, text)
			}()
			resp, err := tr.RoundTrip(r)
			if err == nil {
				_, err = io.ReadAll(resp.Body)
			}
			return err
		}
		began := time.Now()
		if err := ask(0, ""); !errors.Is(err, errHeaderTime) || time.Since(began) != time.Minute {
			t.Errorf("a silent server: %v after %s", err, time.Since(began))
		}
		if err := ask(1, ok); err != nil {
			t.Error(err)
		}
		time.Sleep(59 * time.Second)
		if err := ask(1, ok); err != nil || len(there) != 2 {
			t.Errorf("%v, %d connections", err, len(there))
		}
		time.Sleep(61 * time.Second)
		if err := ask(2, ok); err != nil || len(there) != 3 {
			t.Errorf("%v, %d connections", err, len(there))
		}
		for _, c := range there {
			c.Close()
		}
	})
}

func TestTakes(t *testing.T) {
	plain := func(method, url, coding string) *http.Request {
		r, _ := http.NewRequest(method, url, nil)
		if coding != "" {
			r.Header.Set("Accept-Encoding", coding)
		}
		return r
	}
	for r, want := range map[*http.Request]bool{
		plain("GET", "http://host/", "identity"):  true,
		plain("GET", "https://host/", "identity"): false,
		plain("POST", "http://host/", "identity"): false,
		plain("GET", "http://host/", ""):          false,
		plain("GET", "http://høst/", "identity"):  false,
	} {
		if Takes(r) != want {
			t.Errorf("%s %s %q: %t", r.Method, r.URL, r.Header, !want)
		}
	}
}
