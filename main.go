// Command civitar archives what the Civitai orchestrator made before it is deleted.
package main

import (
	"context"
	"io"
	"log"
	"os"
	"os/signal"
	"syscall"

	"civitar/internal/cli"
)

func main() { os.Exit(civitar(cli.System())) }

// civitar runs the program in a world and returns the exit code.
func civitar(w cli.World) int {
	// The library's HTTP client quotes there what a server sent unasked, secrets included.
	log.SetOutput(io.Discard)
	ctx, cancel := context.WithCancel(context.Background())
	drain := make(chan struct{})
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-signals
		close(drain)
		<-signals
		cancel()
	}()
	w.Hangups = hangups(os.Args[1:])
	return cli.Main(ctx, drain, os.Args[1:], w)
}
