package sdnotify

import (
	"net"
	"path/filepath"
	"runtime"
	"testing"
)

func TestNotifier(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("systemd is not on Windows")
	}
	name := filepath.Join(t.TempDir(), "s")
	l, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	n := New(name)
	for want, tell := range map[string]func() error{
		"READY=1\nSTATUS=one two":            func() error { return n.Ready("one\ntwo") },
		"RELOADING=1\nMONOTONIC_USEC=123456": func() error { return n.Reloading(123456) },
		"STOPPING=1":                         n.Stopping,
	} {
		if err := tell(); err != nil {
			t.Fatal(err)
		}
		buf := make([]byte, 200)
		got, err := l.Read(buf)
		if err != nil || string(buf[:got]) != want {
			t.Errorf("%q, %v, want %q", buf[:got], err, want)
		}
	}
	if New("").Ready("x") != nil || New("relative").Ready("x") != nil {
		t.Error("told without a socket")
	}
	if New(name+"-absent").Ready("x") == nil {
		t.Error("no error for a socket that is not there")
	}
}
