package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/tazzo/rebirth/test/bench/figures"
	"github.com/tazzo/rebirth/test/controlplane"
)

// subjects are what is measured, in this order. Each has a file of its own that says
// what its measurements share.
var subjects = []subject{secretSync, readinessGate, bootstrapping}

// subject is a program, or a part of one, with its measurements.
type subject struct {
	// names of the measurements, for --only.
	names []string
	// possible says what this machine lacks for them, before anything is measured; it
	// may be nil.
	possible func() error
	run      func(context.Context, *bench) error
}

// sizes of a run.
type sizes struct {
	rotations  int // of each kind, for the percentiles
	rounds     int // of requests counted
	fanOuts    int
	namespaces int // of the fan-out
	imports    int // for the memory; a multiple of namespaces
	secrets    int // unrelated ones, for the memory
	secretSize int
	minutes    float64 // of a steady state
	openings   int     // of a gate that is asked every second
	slow       int     // of a gate with the default interval
	nodes      int     // of a cluster that bootstrap makes; a multiple of nodesPerHost
}

func sizesOf(fast bool) sizes {
	if fast {
		return sizes{rotations: 20, rounds: 3, fanOuts: 3, namespaces: 100, imports: 500, secrets: 500, secretSize: 100_000, minutes: 0.25, openings: 4, nodes: 10}
	}
	return sizes{rotations: 200, rounds: 5, fanOuts: 3, namespaces: 1000, imports: 5000, secrets: 5000, secretSize: 100_000, minutes: 1, openings: 10, slow: 2, nodes: 50}
}

// bench is one run.
type bench struct {
	sizes      sizes
	only       []string // names of measurements; none is all
	progress   *progress
	dir        string // scratch
	kubernetes string // the API server's version
	rows       []figures.Row
}

func (b *bench) add(rows ...figures.Row) {
	for _, row := range rows {
		b.progress.say("  %s: %s (budget %s: %s)", row.What, row.Measured, row.Budget, row.Verdict)
	}
	b.rows = append(b.rows, rows...)
}

// measure measures every subject.
func (b *bench) measure(ctx context.Context) (err error) {
	if b.dir, err = os.MkdirTemp("", "rebirth-bench-"); err != nil {
		return err
	}
	defer os.RemoveAll(b.dir)
	wanted := slices.DeleteFunc(slices.Clone(subjects), func(s subject) bool { return !slices.ContainsFunc(s.names, b.wanted) })
	for _, s := range wanted {
		if s.possible == nil {
			continue
		}
		if err := s.possible(); err != nil {
			return fmt.Errorf("%s: %w; or measure without: --only, see --help", strings.Join(s.names, ", "), err)
		}
	}
	for _, s := range wanted {
		if err := s.run(ctx, b); err != nil {
			return err
		}
	}
	return nil
}

func (b *bench) wanted(name string) bool {
	return len(b.only) == 0 || slices.Contains(b.only, name)
}

// measurement is one that shares a world W with others.
type measurement[W any] struct {
	name string
	run  func(context.Context, W) error
}

// inTurn runs those measurements that are wanted. What one watches ends with it.
func inTurn[W any](ctx context.Context, b *bench, w W, measurements ...measurement[W]) error {
	for _, m := range measurements {
		if !b.wanted(m.name) {
			continue
		}
		ctx, cancel := context.WithCancel(ctx)
		err := m.run(ctx, w)
		cancel()
		if err != nil {
			return fmt.Errorf("%s: %w", m.name, err)
		}
	}
	return nil
}

// build builds one of this project's programs as "make build" does.
func (b *bench) build(ctx context.Context, name string) (string, error) {
	b.progress.say("building cmd/%s", name)
	return controlplane.BuildCommand(ctx, name, b.dir)
}

// controlPlane starts one whose requests are logged.
func (b *bench) controlPlane(ctx context.Context, apiServerArgs []string, manifests ...[]byte) (*controlplane.ControlPlane, error) {
	return controlplane.Start(ctx, controlplane.Options{
		Progress: b.progress, Manifests: manifests, AuditPolicy: controlplane.AuditMetadata,
		APIServerArgs: append(apiServerArgs, "--audit-log-maxsize=4096"), // one file, not rotated while it is read
	})
}

// names of all measurements.
func names() string {
	var all []string
	for _, s := range subjects {
		all = append(all, s.names...)
	}
	return strings.Join(all, ", ")
}
