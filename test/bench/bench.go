package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/tazzo/rebirth/test/bench/figures"
	"github.com/tazzo/rebirth/test/controlplane"
	"github.com/tazzo/rebirth/test/postgres"
)

// sizes of a run.
type sizes struct {
	rotations  int // of each kind, for the percentiles
	rounds     int // of requests counted
	fanOuts    int
	namespaces int // of the fan-out
	imports    int // for the memory; a multiple of namespaces
	secrets    int // unrelated ones, for the memory
	secretSize int
	minutes    float64 // of the steady state
}

func sizesOf(fast bool) sizes {
	if fast {
		return sizes{rotations: 20, rounds: 3, fanOuts: 3, namespaces: 100, imports: 500, secrets: 500, secretSize: 100_000, minutes: 0.25}
	}
	return sizes{rotations: 200, rounds: 5, fanOuts: 3, namespaces: 1000, imports: 5000, secrets: 5000, secretSize: 100_000, minutes: 1}
}

// bench is one run.
type bench struct {
	sizes      sizes
	only       []string // names of measurements; none is all
	progress   *progress
	dir        string // scratch
	binary     string
	kubernetes string // the API server's version
	rows       []figures.Row
}

func (b *bench) add(rows ...figures.Row) {
	for _, row := range rows {
		b.progress.say("  %s: %s (budget %s: %s)", row.What, row.Measured, row.Budget, row.Verdict)
	}
	b.rows = append(b.rows, rows...)
}

// measurement is one subject of a run.
type measurement struct {
	name string
	run  func(context.Context, *world) error
}

// measure runs the measurements. The memory with unrelated Secrets comes first, on
// a control plane of its own: half a gigabyte of them would weigh on every other
// figure.
func (b *bench) measure(ctx context.Context) (err error) {
	if b.dir, err = os.MkdirTemp("", "rebirth-bench-"); err != nil {
		return err
	}
	defer os.RemoveAll(b.dir)
	if b.binary, err = b.build(ctx); err != nil {
		return err
	}
	if err := b.on(ctx, nil, measurement{"secrets", b.secretMemory}); err != nil {
		return err
	}
	database, err := postgres.Start(ctx, postgres.Options{Progress: b.progress})
	if err != nil {
		return err
	}
	defer database.Stop() //nolint:errcheck // the figures are there, and the kernel ends what is left
	return b.on(ctx, database,
		measurement{"rotations", b.rotations},
		measurement{"requests", b.requests},
		measurement{"fan-out", b.fanOut},
		measurement{"steady", b.steadyState},
		measurement{"imports", b.importMemory},
	)
}

// on starts a control plane with the chart on it, and runs the measurements there
// one after another.
func (b *bench) on(ctx context.Context, database *postgres.Server, measurements ...measurement) error {
	measurements = slices.DeleteFunc(measurements, func(m measurement) bool { return len(b.only) > 0 && !slices.Contains(b.only, m.name) })
	if len(measurements) == 0 {
		return nil
	}
	w, err := newWorld(ctx, b, database)
	if err != nil {
		return err
	}
	defer w.stop()
	b.kubernetes = w.version
	for _, m := range measurements {
		// What a measurement watches ends with it.
		ctx, cancel := context.WithCancel(ctx)
		err := m.run(ctx, w)
		cancel()
		if err != nil {
			return fmt.Errorf("%s: %w", m.name, err)
		}
	}
	return nil
}

// build builds the binary as "make build" does.
func (b *bench) build(ctx context.Context) (string, error) {
	b.progress.say("building cmd/secret-sync")
	binary := filepath.Join(b.dir, "secret-sync")
	return binary, command(ctx, []string{"CGO_ENABLED=0"}, "go", "build", "-trimpath", "-ldflags=-s -w", "-o", binary, "./cmd/secret-sync")
}

// chartDir is the chart whose ServiceAccount, rights and flags are used.
const chartDir = "charts/secret-sync"

// chartValues serve every namespace: nobody would list a thousand of them.
func chartValues() map[string]any { return map[string]any{"clusterWide": true} }

func (b *bench) controlPlane(ctx context.Context, manifests ...[]byte) (*controlplane.ControlPlane, error) {
	return controlplane.Start(ctx, controlplane.Options{
		Progress: b.progress, Manifests: manifests, AuditPolicy: controlplane.AuditMetadata,
		APIServerArgs: []string{"--audit-log-maxsize=4096"}, // one file, not rotated while it is read
	})
}
