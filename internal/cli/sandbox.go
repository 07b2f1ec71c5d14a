package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"civitar/internal/sandbox"
)

type sandboxCmd struct {
	Addr      string   `default:"127.0.0.1:8390" help:"Address to listen on, loopback only (default ${default})."`
	Workflows int      `default:"200" help:"Workflows of the account (default ${default})."`
	Seed      int64    `default:"1" help:"Which account: the same seed makes the same one (default ${default})."`
	Tiny      bool     `help:"Only tiny pictures, four a workflow: for tests of scale."`
	Large     byteSize `placeholder:"SIZE" help:"Only large models of so many bytes, one a workflow."`
	Faults    string   `placeholder:"JSON" help:"Faults from the start, e.g. '{\"every5xx\":7,\"latency\":80000000}'."`
}

func (sandboxCmd) Help() string { return "Example:  civitar sandbox --workflows 500 --seed 7" }

// Run serves until a signal.
func (c *sandboxCmd) Run(s *session) error {
	if c.Workflows < 0 {
		return usagef("--workflows must not be negative")
	}
	if err := loopbackOnly(c.Addr); err != nil {
		return err
	}
	options := sandboxOptions(c.Workflows, c.Seed)
	options.Tiny, options.Large = c.Tiny, int64(c.Large)
	if c.Faults != "" {
		if err := json.Unmarshal([]byte(c.Faults), &options.Faults); err != nil {
			return usagef("--faults: %w", err)
		}
	}
	served, err := serveSandbox(options, c.Addr)
	if err != nil {
		return err
	}
	defer served.close()
	fmt.Fprintf(s.Stdout, "export CIVITAI_API_URL=%s\nexport CIVITAI_API_TOKEN=%s\n", served.url, served.token)
	fmt.Fprintln(s.Stderr, "civitar: serving a simulated orchestrator; stop it with Ctrl-C")
	select {
	case <-s.drain:
	case <-s.ctx.Done():
	case err := <-served.failed:
		return err
	}
	return nil
}

// loopbackOnly refuses an address that others can reach: the sandbox guards nothing.
func loopbackOnly(addr string) error {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return usagef("--addr %q: write it like 127.0.0.1:8390", addr)
	}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return usagef("--addr %q: the sandbox serves on loopback only, like 127.0.0.1:8390", addr)
	}
	return nil
}

func sandboxOptions(workflows int, seed int64) sandbox.Options {
	if workflows == 0 && seed != 0 {
		workflows = -1 // an empty account was asked for
	}
	return sandbox.Options{Workflows: workflows, Seed: seed}
}

// served is a sandbox that listens.
type served struct {
	url, token string
	failed     <-chan error // gets the error when serving ends by itself
	close      func()
}

func serveSandbox(o sandbox.Options, addr string) (*served, error) {
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("the sandbox cannot listen on %s: %w", addr, err)
	}
	server := &http.Server{Handler: sandbox.New(o), ReadHeaderTimeout: 10 * time.Second}
	failed, ended := make(chan error, 1), make(chan struct{})
	go func() {
		defer close(ended)
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			failed <- err
		}
	}()
	token := o.Token
	if token == "" {
		token = sandbox.DefaultToken
	}
	return &served{url: "http://" + listener.Addr().String(), token: token, failed: failed, close: func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if server.Shutdown(ctx) != nil {
			_ = server.Close() // whoever still waits is cut off
		}
		<-ended
	}}, nil
}
