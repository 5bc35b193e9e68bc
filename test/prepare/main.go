// Command prepare finds, downloads, builds or installs what the tests and the demo
// run: a control plane's programs, Helm, PostgreSQL, CoreDNS, Flux' controllers,
// Headscale and Tailscale. "go test" hides output until a package is done; this
// shows what takes its time.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/tazzo/rebirth/test/controlplane"
	"github.com/tazzo/rebirth/test/coredns"
	"github.com/tazzo/rebirth/test/flux"
	"github.com/tazzo/rebirth/test/headscale"
	"github.com/tazzo/rebirth/test/postgres"
	"github.com/tazzo/rebirth/test/tailscale"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := prepare(ctx); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func prepare(ctx context.Context) error {
	for _, part := range []func(context.Context, io.Writer) error{
		postgres.Prepare, prepareControlPlane, coredns.Prepare, flux.Prepare, headscale.Prepare, tailscale.Prepare,
	} {
		if err := part(ctx, os.Stderr); err != nil {
			return err
		}
	}
	return nil
}

func prepareControlPlane(ctx context.Context, progress io.Writer) error {
	_, err := controlplane.Prepare(ctx, progress)
	return err
}
