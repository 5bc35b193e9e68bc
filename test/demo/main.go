// Command demo plays on this machine how a cluster comes to life again: real Flux waits
// until readiness-gate says that the network carries traffic, then a database and its
// namespace are destroyed and restored, and secret-sync brings its new password to
// Grafana. See --help for what is real in it and what is played.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/go-logr/logr"
	"github.com/spf13/pflag"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/tazzo/rebirth/test/demo/stage"
)

const usage = `Play on this machine how a cluster comes to life again.

%s
Usage:
  make demo [ARGS="flags"]
  go run ./test/demo [flags]

Flags:
%s
It exits with 0 if the rebirth converged and with 1 if it did not.
`

// settings are the command's flags.
type settings struct {
	fast    bool
	keep    bool
	noColor bool
	logs    string
	only    string
	timeout time.Duration
}

func main() {
	s, err := parse(os.Args[1:])
	switch {
	case errors.Is(err, pflag.ErrHelp):
		return
	case err != nil:
		fmt.Fprintf(os.Stderr, "demo: %s (see --help)\n", err)
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, s))
}

func parse(args []string) (settings, error) {
	var s settings
	flags := pflag.NewFlagSet("demo", pflag.ContinueOnError)
	flags.BoolVar(&s.fast, "fast", false, "shorten the pauses of the played parts")
	flags.StringVar(&s.only, "only", "", "play the act of this `program` alone: "+strings.Join(actNames(), ", "))
	flags.BoolVar(&s.keep, "keep", false, "leave everything running at the end, say how to look around, and wait for Ctrl-C")
	flags.BoolVar(&s.noColor, "no-color", os.Getenv("NO_COLOR") != "", "show no colours; so does NO_COLOR in the environment")
	flags.StringVar(&s.logs, "logs", "", "the `folder` for the programs' logs; a new one for temporary files by default")
	flags.DurationVar(&s.timeout, "timeout", 45*time.Second, "how long each stop condition may take")
	flags.SortFlags = false
	flags.Usage = func() { fmt.Printf(usage, honesty(cast(&stage.Stage{}, "")), flags.FlagUsages()) }
	if err := flags.Parse(args); err != nil {
		return s, err
	}
	if flags.NArg() > 0 {
		return s, fmt.Errorf("unknown argument %q", flags.Arg(0))
	}
	if s.only != "" && !slices.Contains(actNames(), s.only) {
		return s, fmt.Errorf("--only %s: there are %s", s.only, strings.Join(actNames(), ", "))
	}
	return s, nil
}

// run returns the exit status.
func run(ctx context.Context, s settings) int {
	ctrl.SetLogger(logr.Discard()) // the demo's own clients; the programs log to files
	err := rehearse(ctx, s)
	switch {
	case err == nil:
		return 0
	case ctx.Err() != nil:
		fmt.Fprintln(os.Stderr, "demo: interrupted; everything is stopped")
		return 130
	case !errors.Is(err, errNotConverged):
		fmt.Fprintln(os.Stderr, "demo:", err)
	}
	return 1
}

func logFolder(dir string) (string, error) {
	if dir == "" {
		return os.MkdirTemp("", "rebirth-demo-logs-")
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	return dir, os.MkdirAll(dir, 0o700)
}
