package cli

import (
	"fmt"
	"net"
	"net/http"
	"net/http/pprof"
)

// pprofFlags let a run be looked into while it goes on.
type pprofFlags struct {
	Pprof string `placeholder:"ADDR" help:"Serve Go's profiles at this address while it runs, like 127.0.0.1:0."`
}

// serve serves the profiles until the function it returns is called. They tell what the
// program does, and its memory can hold the token: only this machine may ask.
func (f *pprofFlags) serve(s *session) (stop func(), err error) {
	if f.Pprof == "" {
		return func() {}, nil
	}
	host, _, err := net.SplitHostPort(f.Pprof)
	if err != nil {
		return nil, usagef("--pprof: %q is no address: write it like 127.0.0.1:0", f.Pprof)
	}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return nil, usagef("--pprof is for this machine only: give 127.0.0.1 and a port")
	}
	l, err := net.Listen("tcp", f.Pprof)
	if err != nil {
		return nil, fmt.Errorf("--pprof: %w", err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	server := &http.Server{Handler: mux}
	ended := make(chan struct{})
	go func() { defer close(ended); _ = server.Serve(l) }() // it ends by being closed
	fmt.Fprintf(s.Stderr, "civitar: profiles at http://%s/debug/pprof/\n", l.Addr())
	return func() { _ = server.Close(); <-ended }, nil
}
