// Package rig is what the measurements share: the real binary, a server, and what a process
// took.
package rig

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// Build builds civitar into dir, as it is released, and returns the binary's path.
func Build(dir string) (string, error) { return build(dir, "civitar", "civitar") }

func build(dir, name, pkg string) (string, error) {
	exe := filepath.Join(dir, name)
	build := exec.Command("go", "build", "-trimpath", "-o", exe, pkg)
	build.Env, build.Stderr = append(os.Environ(), "CGO_ENABLED=0"), os.Stderr
	if err := build.Run(); err != nil {
		return "", fmt.Errorf("go build: %w", err)
	}
	return exe, nil
}

// Serve serves a handler on loopback until stop is called, and returns its URL.
func Serve(h http.Handler) (url string, stop func(), err error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	server := &http.Server{Handler: h, ReadHeaderTimeout: time.Minute}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	return "http://" + listener.Addr().String(), func() { _ = server.Close(); <-served }, nil
}
