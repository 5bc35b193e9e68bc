// Command bench measures this project's programs against their budgets: the real
// binaries, as processes of their own, under their charts' ServiceAccounts, on a real
// API server; beside them, where that says something, a bare client-go loop with the
// same rights on the same server.
//
// It exits with status 1 if a budget is missed, and writes its figures into
// docs/benchmarks.md. It has to run in the repository's root.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/go-logr/logr"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/tazzo/rebirth/test/bench/figures"
)

type options struct {
	only   string
	fast   bool
	noFail bool
	date   string
	report string
}

func main() {
	var o options
	flag.BoolVar(&o.fast, "fast", false, "Measure far less, in about four minutes, and write no report.")
	flag.StringVar(&o.only, "only", "", "Measure only these, separated by commas, and write no report: "+names()+". (steady and imports follow fan-out.)")
	flag.BoolVar(&o.noFail, "no-fail", false, "Exit with status 0 even if a budget is missed.")
	flag.StringVar(&o.date, "date", time.Now().UTC().Format(time.DateOnly), "The date that the report bears.")
	flag.StringVar(&o.report, "report", "docs/benchmarks.md", "The document that takes the figures, between its markers.")
	flag.Parse()

	ctrl.SetLogger(logr.Discard())
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	met, err := run(ctx, o)
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
	if !met && !o.noFail {
		os.Exit(1)
	}
}

// run measures everything and reports whether every budget is met.
func run(ctx context.Context, o options) (met bool, err error) {
	b := &bench{sizes: sizesOf(o.fast), progress: startProgress(os.Stderr)}
	if o.only != "" {
		b.only = strings.Split(o.only, ",")
	}
	loadBefore := load()
	if err := b.measure(ctx); err != nil {
		return false, err
	}
	if err := figures.Text(os.Stdout, b.rows); err != nil {
		return false, err
	}
	if o.fast || o.only != "" {
		b.progress.say("not written to %s: that takes a whole run (--fast measures fewer objects than the budgets speak of)", o.report)
		return figures.AllMet(b.rows), nil
	}
	machine := machineOf(b.kubernetes, o.date, loadBefore)
	if err := writeReport(o.report, machine, b.rows); err != nil {
		return false, err
	}
	b.progress.say("written to %s", o.report)
	return figures.AllMet(b.rows), nil
}
