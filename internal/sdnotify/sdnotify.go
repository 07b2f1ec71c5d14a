// Package sdnotify tells systemd how a service is, over the socket that it names in
// NOTIFY_SOCKET (sd_notify(3)). Without one, nothing is told.
package sdnotify

import (
	"fmt"
	"net"
	"strings"
)

// Notifier tells. The zero value tells nobody.
type Notifier struct{ socket string }

// New is for the socket that NOTIFY_SOCKET names; a leading @ stands for an abstract one.
func New(socket string) Notifier {
	if !strings.HasPrefix(socket, "/") && !strings.HasPrefix(socket, "@") {
		socket = ""
	}
	return Notifier{socket}
}

// Ready tells that the service is at work, with a line of how.
func (n Notifier) Ready(status string) error { return n.send("READY=1\nSTATUS=" + line(status)) }

// Reloading tells that the service reads its configuration again; Ready ends it. now is the
// monotonic clock in microseconds, as systemd asks for it.
func (n Notifier) Reloading(now int64) error {
	return n.send(fmt.Sprintf("RELOADING=1\nMONOTONIC_USEC=%d", now))
}

// Stopping tells that the service ends.
func (n Notifier) Stopping() error { return n.send("STOPPING=1") }

func line(s string) string { return strings.ReplaceAll(s, "\n", " ") }

func (n Notifier) send(state string) error {
	if n.socket == "" {
		return nil
	}
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: n.socket, Net: "unixgram"})
	if err != nil {
		return fmt.Errorf("tell systemd: %w", err)
	}
	defer conn.Close()
	if _, err := conn.Write([]byte(state)); err != nil {
		return fmt.Errorf("tell systemd: %w", err)
	}
	return nil
}
