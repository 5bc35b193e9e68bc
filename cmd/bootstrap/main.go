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
	"strings"
	"syscall"

	"github.com/tazzo/rebirth/internal/bootstrap/cli"
)

// version of the program; the build sets it with -ldflags.
var version = ""

func main() {
	os.Exit(run())
}

func run() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	// Whoever reads the output may go away; that must not end a run that has lent a
	// key. Caught, not ignored: programs that give secrets would inherit that.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	// The first signal stops the run, which then takes back what it has lent. A second
	// one ends the program where it stands, unless it is SIGHUP: a terminal that is
	// closed sends two, one from the shell and one from the kernel.
	context.AfterFunc(ctx, func() {
		signal.Ignore(syscall.SIGHUP)
		stop()
	})

	err := cli.Command(version).ExecuteContext(ctx)
	if err == nil {
		return 0
	}
	if !errors.Is(err, cli.ErrReported) {
		fmt.Fprintln(os.Stderr, "bootstrap:", strings.ReplaceAll(err.Error(), "\n", "\nbootstrap: "))
	}
	return 1
}
