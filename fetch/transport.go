package fetch

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"syscall"
	"time"

	"civitar/internal/http1"
)

const (
	dialTimeout   = 30 * time.Second
	headerTimeout = 120 * time.Second // the server promises an answer within 100 s
	maxHeader     = 1 << 20           // bytes
	maxIdle       = 64                // connections to one host
	idleTimeout   = 90 * time.Second
)

// transport is the client's own: net/http's, but for blobs that come without TLS or a proxy.
// Nothing in it limits a whole transfer: bodies have a stall timer instead.
type transport struct {
	*http.Transport
	plain *http1.Transport
}

func (t transport) RoundTrip(r *http.Request) (*http.Response, error) {
	if http1.Takes(r) {
		if proxy, err := t.Proxy(r); proxy == nil && err == nil {
			return t.plain.RoundTrip(r)
		}
	}
	return t.Transport.RoundTrip(r)
}

func (t transport) CloseIdleConnections() {
	t.plain.CloseIdleConnections()
	t.Transport.CloseIdleConnections()
}

func newTransport(guard *addressGuard) transport {
	plain := &http1.Transport{Dial: guard.dial, HeaderTimeout: headerTimeout, MaxHeader: maxHeader, MaxIdle: maxIdle, IdleTimeout: idleTimeout}
	return transport{plain: plain, Transport: &http.Transport{
		Proxy:                  guard.proxy,
		DialContext:            guard.dial,
		ForceAttemptHTTP2:      true,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout:    dialTimeout,
		ResponseHeaderTimeout:  headerTimeout,
		MaxResponseHeaderBytes: maxHeader,
		ReadBufferSize:         64 << 10, // one read takes a small blob with its header
		MaxIdleConns:           128,
		MaxIdleConnsPerHost:    maxIdle,
		IdleConnTimeout:        idleTimeout,
		ExpectContinueTimeout:  time.Second,
	}}
}

// addressGuard keeps the client from being sent to addresses behind the user's own
// firewall by a URL that a server chose. The API's host is the user's choice: when it
// is at a private address itself, others may be as well.
type addressGuard struct {
	api string // host:port

	mu      sync.Mutex
	private bool // the API is at a private address
	proxies map[string]bool
}

func newAddressGuard(base *url.URL) *addressGuard {
	return &addressGuard{api: hostPort(base), private: privateHost(base.Hostname()), proxies: make(map[string]bool)}
}

// open reports whether private addresses are allowed.
func (g *addressGuard) open() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.private
}

// proxy notes the proxies in use: the address dialled is theirs then, and they are
// mostly at private ones.
func (g *addressGuard) proxy(req *http.Request) (*url.URL, error) {
	u, err := http.ProxyFromEnvironment(req)
	if u != nil && err == nil {
		g.mu.Lock()
		g.proxies[hostPort(u)] = true
		g.mu.Unlock()
	}
	return u, err
}

// dial checks the address after names are resolved, so a name that resolves to
// something else the second time gains nothing.
func (g *addressGuard) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	dialer := &net.Dialer{Timeout: dialTimeout, KeepAlive: 30 * time.Second}
	g.mu.Lock()
	proxy, private, own := g.proxies[addr], g.private, strings.EqualFold(addr, g.api)
	g.mu.Unlock()
	switch {
	case proxy || own:
	case private:
		dialer.ControlContext = refuse(linkLocal)
	default:
		dialer.ControlContext = refuse(privateIP)
	}
	conn, err := dialer.DialContext(ctx, network, addr)
	if err == nil && own && privateAddr(conn.RemoteAddr().String()) {
		g.mu.Lock()
		g.private = true
		g.mu.Unlock()
	}
	return conn, err
}

// refuse makes a dialer's control of what addresses are not gone to.
func refuse(bad func(netip.Addr) bool) func(context.Context, string, string, syscall.RawConn) error {
	return func(_ context.Context, _, address string, _ syscall.RawConn) error {
		if at, err := netip.ParseAddrPort(address); err != nil || bad(at.Addr()) {
			return fmt.Errorf("%w: the host is at a private address", ErrUnsafeURL)
		}
		return nil
	}
}

func privateAddr(address string) bool {
	at, err := netip.ParseAddrPort(address)
	return err != nil || privateIP(at.Addr())
}

// privateHost judges a host by how it is written; names are judged when dialled.
func privateHost(host string) bool {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || written(host, privateIP)
}

// written judges a host that is written as an address.
func written(host string, bad func(netip.Addr) bool) bool {
	ip, err := netip.ParseAddr(host)
	return err == nil && bad(ip)
}

// linkLocal tells the addresses at which machines in a cloud find their own secrets. No
// orchestrator keeps blobs there, wherever it is itself.
func linkLocal(ip netip.Addr) bool {
	ip = ip.Unmap().WithZone("")
	return ip.IsLinkLocalUnicast() || ip.IsMulticast() || ip.IsUnspecified()
}

func privateIP(ip netip.Addr) bool {
	ip = ip.Unmap().WithZone("")
	for _, net := range translated() {
		if net.Contains(ip) { // an IPv4 address travels in the last bytes
			b := ip.As16()
			return privateIP(netip.AddrFrom4([4]byte(b[12:])))
		}
	}
	for _, net := range reserved() {
		if net.Contains(ip) {
			return true
		}
	}
	return ip.IsPrivate() || ip.IsLoopback() || ip.IsUnspecified() || ip.IsMulticast() || ip.IsLinkLocalUnicast()
}

func translated() []netip.Prefix { return []netip.Prefix{netip.MustParsePrefix("64:ff9b::/96")} }

func reserved() []netip.Prefix {
	return []netip.Prefix{
		netip.MustParsePrefix("0.0.0.0/8"),
		netip.MustParsePrefix("100.64.0.0/10"), // carriers' and overlay networks
		netip.MustParsePrefix("255.255.255.255/32"),
		netip.MustParsePrefix("fec0::/10"),
	}
}

// hostPort is the address dialled for a URL.
func hostPort(u *url.URL) string {
	port := u.Port()
	if port == "" {
		switch u.Scheme {
		case "https":
			port = "443"
		case "socks5", "socks5h":
			port = "1080"
		default:
			port = "80"
		}
	}
	return net.JoinHostPort(strings.ToLower(u.Hostname()), port)
}

// sameOrigin compares scheme, host and port.
func sameOrigin(a, b *url.URL) bool {
	return a.Scheme == b.Scheme && hostPort(a) == hostPort(b)
}
