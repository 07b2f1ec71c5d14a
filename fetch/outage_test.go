package fetch

import (
	"errors"
	"net"
	"net/http"
	"syscall"
	"testing"
	"time"
)

// outage is a transport whose requests fail until some time.
type outage struct {
	until time.Time
	err   error
	then  http.RoundTripper
}

func (o outage) RoundTrip(req *http.Request) (*http.Response, error) {
	if time.Now().Before(o.until) {
		return nil, o.err
	}
	return o.then.RoundTrip(req)
}

// A network that is away for ten minutes is no verdict about anything: each call gives up
// within its tries, and succeeds when the network is back.
func TestTenMinutesWithoutNetwork(t *testing.T) {
	for name, err := range map[string]error{
		"no name server": &net.DNSError{Err: "server misbehaving", Name: "api.test", IsTemporary: true},
		"no such host":   &net.DNSError{Err: "no such host", Name: "api.test", IsNotFound: true},
		"no route":       &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ENETUNREACH},
		"refused":        &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED},
	} {
		t.Run(name, func(t *testing.T) {
			fakeTime(t, func(t *testing.T) {
				_, there := client(t, answer(200, `{"id":"w"}`))
				c, _ := client(t, nil, func(cfg *Config) {
					cfg.Transport, cfg.Retries = outage{time.Now().Add(10 * time.Minute), err, there}, 5
				})
				begun, failed := time.Now(), 0
				for {
					w, err := c.Workflow(background, "w")
					if err == nil {
						if w.ID != "w" {
							t.Errorf("had %q", w.ID)
						}
						break
					}
					failed++
					wantKind(t, err, ErrUnavailable)
					for _, verdict := range []error{ErrGone, ErrWithheld, ErrForbidden, ErrUnsafeURL} {
						if errors.Is(err, verdict) {
							t.Fatalf("an outage is taken for a verdict: %v", err)
						}
					}
				}
				if took := time.Since(begun); failed == 0 || took > 15*time.Minute {
					t.Errorf("%d calls failed; the first that did not ended after %v", failed, took)
				}
			})
		})
	}
}
