package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// nginxConf serves files at the addresses of an orchestrator, one for each workload
// (http://ADDRESS/WORKLOAD). A blob's content is a file; a page of the listing is the file
// that writePages has written for the size of page asked for, or else for the usual one.
const nginxConf = `
daemon off;
%[1]s
worker_processes %[2]d;
error_log stderr error;
pid nginx.pid;
events { worker_connections 512; }
http {
	access_log off;
	sendfile on;
	tcp_nopush on;
	keepalive_requests 1000000000;
	keepalive_timeout 600s;
	client_body_temp_path tmp;
	proxy_temp_path tmp;
	fastcgi_temp_path tmp;
	uwsgi_temp_path tmp;
	scgi_temp_path tmp;
	default_type application/octet-stream;
	types { image/jpeg jpg; video/mp4 mp4; application/json json; }
	map $arg_take $take { default %[3]d; 1 1; %[4]d %[4]d; }
	map $arg_cursor $cursor { default none; "" 0; "~^[0-9]+$" $arg_cursor; }
	server {
		listen %[5]s backlog=1024;
		root %[6]q;
		location ~ ^/(?<workload>[a-z]+)/v2/consumer/workflows$ {
			try_files /$workload/pages/$take/$cursor.json =404;
		}
	}
}
`

// errNoNginx says what to install.
var errNoNginx = errors.New("nginx is needed to serve the plain workloads: install it (Debian, Ubuntu: apt-get install nginx-light; macOS: brew install nginx), or leave them out with --only small-far,images-far")

// server is a running nginx.
type server struct {
	url  string
	cmd  *exec.Cmd
	done chan struct{} // closed when the process has ended
	err  error         // why, then
}

// startNginx serves root from a process of its own, with its files below dir.
func startNginx(ctx context.Context, dir, root string) (*server, error) {
	exe, err := find("nginx")
	if err != nil {
		return nil, errNoNginx
	}
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Join(dir, "tmp"), 0o755); err != nil {
		return nil, err
	}
	conf := filepath.Join(dir, "nginx.conf")
	text := fmt.Sprintf(nginxConf, asUser(), runtime.NumCPU(), defaultTake, maxTake, address, root)
	if err := os.WriteFile(conf, []byte(text), 0o644); err != nil {
		return nil, err
	}
	s := &server{url: "http://" + address, done: make(chan struct{})}
	s.cmd = exec.Command(exe, "-p", dir, "-c", conf, "-e", "stderr")
	s.cmd.Stderr = os.Stderr
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	go func() { // ends with the process, which stop waits for
		s.err = s.cmd.Wait()
		close(s.done)
	}()
	if err := s.ready(ctx, address); err != nil {
		return nil, errors.Join(err, s.stop())
	}
	return s, nil
}

// asUser keeps the workers the user that the files belong to: a master that is root would
// have them become another.
func asUser() string {
	if os.Geteuid() == 0 {
		return "user root;"
	}
	return ""
}

func freeAddress() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return listener.Addr().String(), listener.Close()
}

// ready waits until the server takes connections.
func (s *server) ready(ctx context.Context, address string) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	retry := time.NewTicker(20 * time.Millisecond)
	defer retry.Stop()
	for {
		conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
		if err == nil {
			return conn.Close()
		}
		select {
		case <-retry.C:
		case <-s.done:
			return fmt.Errorf("nginx ended: %w", s.err)
		case <-ctx.Done():
			return fmt.Errorf("nginx takes no connections: %w", err)
		}
	}
}

// stop ends the process, and returns when it has.
func (s *server) stop() error {
	select {
	case <-s.done:
		return nil
	default:
	}
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return fmt.Errorf("end nginx: %w", err)
	}
	<-s.done // what it says of having been ended is no news
	return nil
}

// find looks for a program, also where servers are and a user's path does not lead.
func find(name string) (string, error) {
	path, err := exec.LookPath(name)
	if err == nil {
		return path, nil
	}
	for _, dir := range strings.Fields("/usr/sbin /usr/local/sbin /opt/homebrew/bin") {
		if path, err := exec.LookPath(filepath.Join(dir, name)); err == nil {
			return path, nil
		}
	}
	return "", err
}
