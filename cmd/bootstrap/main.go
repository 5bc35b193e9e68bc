// Command bootstrap is day zero: virtual machines on Proxmox, Talos on them, and a
// tailnet that they join with an auth key which never touches a disk. Everything
// after that is Flux'.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/tazzo/rebirth/internal/bootstrap/cli"
)

// version of the program; the build sets it with -ldflags.
var version = ""

func main() {
	os.Exit(run())
}

func run() int {
	// Whoever reads the output may go away; that must not end a run that has lent a key.
	signal.Ignore(syscall.SIGPIPE)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	// The first signal stops the run, which then takes back what it has lent. A
	// second one ends the program where it stands.
	context.AfterFunc(ctx, stop)

	err := cli.Command(version).ExecuteContext(ctx)
	if err == nil {
		return 0
	}
	if !errors.Is(err, cli.ErrReported) {
		fmt.Fprintln(os.Stderr, "bootstrap:", err)
	}
	return 1
}
