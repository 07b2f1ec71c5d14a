package sandbox

import (
	"net"
	"net/http"
	"strconv"
	"time"
)

// strike answers a request with a fault if one is due.
func (f *faultState) strike(w *response, r *http.Request, k kind) bool {
	switch {
	case f.Unauthorized:
		unauthorized(w, r, "The token is invalid or has expired.")
	case f.Forbidden:
		problem(w, r, http.StatusForbidden, "You do not have permission to do this.", nil)
	case f.down(k):
		problem(w, r, http.StatusServiceUnavailable, "The service is down for maintenance.", nil)
	case k.api() && f.due(fault429, f.Every429, r), !k.api() && f.due(faultBlob429, f.Blob429, r):
		f.tooMany(w, r)
	case f.due(fault5xx, f.Every5xx, r):
		f.serverError(w, r)
	case f.due(faultReset, f.EveryReset, r):
		cut(w, true)
	default:
		return false
	}
	return true
}

func (f *faultState) tooMany(w *response, r *http.Request) {
	wait := f.RetryAfter
	if wait == 0 {
		wait = 1
	}
	switch {
	case wait > 0 && f.RetryDate:
		w.Header().Set("Retry-After", w.server.opt.Now().Add(time.Duration(wait)*time.Second).UTC().Format(http.TimeFormat))
	case wait > 0:
		w.Header().Set("Retry-After", strconv.Itoa(wait))
	}
	problem(w, r, http.StatusTooManyRequests, "Rate limit exceeded. Slow down.", nil)
}

const (
	errorPage = `<!DOCTYPE html>
<html><head><title>Internal Server Error</title></head>
<body><h1>500</h1><p>Something went wrong.</p></body></html>
`
	edgePage = `<!DOCTYPE html>
<html lang="en-US"><head><title>Bad gateway | Error code 502</title></head>
<body><div id="cf-wrapper"><h1>Bad gateway <span>Error code 502</span></h1>
<p>The web server reported a bad gateway error.</p></div></body></html>
`
)

func (f *faultState) serverError(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	turn := f.errors % 4
	f.errors++
	f.mu.Unlock()
	switch turn {
	case 0:
		problem(w, r, http.StatusInternalServerError, "An error occurred while processing your request.", nil)
	case 1:
		page(w, http.StatusServiceUnavailable, "text/plain; charset=utf-8", "upstream connect error or disconnect/reset before headers\n")
	case 2:
		page(w, http.StatusInternalServerError, "text/html; charset=utf-8", errorPage)
	default:
		page(w, http.StatusBadGateway, "text/html; charset=UTF-8", edgePage)
	}
}

func page(w http.ResponseWriter, status int, media, text string) {
	writeJSON(w, status, media, []byte(text))
}

// cut closes the connection under a response, with a TCP reset or plainly.
func cut(w http.ResponseWriter, reset bool) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		// HTTP/2 and recorders cannot be cut: the nearest thing to it.
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	under := conn
	if tls, ok := conn.(interface{ NetConn() net.Conn }); ok {
		under = tls.NetConn()
	}
	if tcp, ok := under.(*net.TCPConn); ok && reset {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}
