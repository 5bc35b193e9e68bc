// Command prepare finds, downloads, builds or installs what the tests and the demo
// run: a control plane's programs, Helm and PostgreSQL. "go test" hides output
// until a package is done; this shows what takes its time.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/tazzo/rebirth/test/controlplane"
	"github.com/tazzo/rebirth/test/postgres"
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
	if err := postgres.Prepare(ctx, os.Stderr); err != nil {
		return err
	}
	_, err := controlplane.Prepare(ctx, os.Stderr)
	return err
}
