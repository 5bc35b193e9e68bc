// Command demo plays a rebirth on this machine: a database and its namespace are
// destroyed and restored, its password changes on the way, and secret-sync brings
// the new one to Grafana. See --help for what is real in it and what is played.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/charmbracelet/colorprofile"
	"github.com/go-logr/logr"
	"github.com/spf13/pflag"
	"golang.org/x/term"
	ctrl "sigs.k8s.io/controller-runtime"
)

const honesty = `Real:   kube-apiserver, etcd, kube-controller-manager, PostgreSQL; cmd/secret-sync as a
        process of its own, with the flags, ServiceAccount and Roles of the rendered chart
        (and its value repair: true); the shipped example's SecretExport, ExternalSecret
        and SecretImport (its minInterval 1 s); every login.
Played: PGO's operator (its order, its pauses shortened), the kubelet and Grafana's
        process, External Secrets' one write, Flux' applies.
P0, P1, P2 stand for passwords; none is ever shown.
`

const usage = `Play a rebirth on this machine, on loopback alone.

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
	flags.BoolVar(&s.keep, "keep", false, "leave everything running at the end, say how to look around, and wait for Ctrl-C")
	flags.BoolVar(&s.noColor, "no-color", os.Getenv("NO_COLOR") != "", "show no colours; so does NO_COLOR in the environment")
	flags.StringVar(&s.logs, "logs", "", "the `folder` for secret-sync's log; a new one for temporary files by default")
	flags.DurationVar(&s.timeout, "timeout", 45*time.Second, "how long each stop condition may take")
	flags.SortFlags = false
	flags.Usage = func() { fmt.Printf(usage, honesty, flags.FlagUsages()) }
	if err := flags.Parse(args); err != nil {
		return s, err
	}
	if flags.NArg() > 0 {
		return s, fmt.Errorf("unknown argument %q", flags.Arg(0))
	}
	return s, nil
}

// run returns the exit status.
func run(ctx context.Context, s settings) int {
	ctrl.SetLogger(logr.Discard()) // the demo's own clients; secret-sync logs to its file
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

// errNotConverged: the summary has said why.
var errNotConverged = errors.New("the rebirth did not converge")

// rehearse prepares, plays and tells. Whatever it started is stopped when it returns.
func rehearse(ctx context.Context, s settings) (err error) {
	stage := &Stage{passwords: NewPasswords()}
	if stage.logs, err = logFolder(s.logs); err != nil {
		return err
	}
	if stage.dir, err = os.MkdirTemp("", "rebirth-demo-stage-"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stage.stop()) }()
	if err := stage.prepare(ctx, os.Stderr); err != nil {
		return err
	}
	fmt.Printf("\nA rebirth, played on this machine\n\n%s\n", honesty)
	out, view := openView(os.Stdout, s.noColor)
	recorder := NewRecorder(view)
	summary := perform(ctx, s, stage, recorder)
	view.Close()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	fmt.Fprint(out, coloured(summary.String()))
	if !summary.Converged() {
		fmt.Fprint(out, stage.help(ctx))
	}
	if stage.controller != nil {
		fmt.Fprintf(out, "secret-sync's log: %s\n", stage.controller.log)
	}
	if s.keep {
		stage.lookAround(ctx, out)
	}
	if !summary.Converged() {
		return errNotConverged
	}
	return nil
}

// openView takes the live view on a terminal, and plain lines elsewhere.
func openView(file *os.File, noColor bool) (io.Writer, View) {
	profile := colorprofile.Detect(file, os.Environ())
	if noColor && profile > colorprofile.ASCII {
		profile = colorprofile.ASCII
	}
	out := &colorprofile.Writer{Forward: file, Profile: profile}
	if term.IsTerminal(int(file.Fd())) && os.Getenv("TERM") != "dumb" {
		return out, newLive(file, profile)
	}
	return out, plain{out: file}
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
