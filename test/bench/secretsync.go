package main

import (
	"context"

	"github.com/tazzo/rebirth/test/postgres"
)

// secretSync is measured on two control planes: half a gigabyte of unrelated Secrets
// would weigh on every other figure.
var secretSync = subject{
	names: []string{"secrets", "rotations", "requests", "fan-out", "steady", "imports"},
	run: func(ctx context.Context, b *bench) error {
		binary, err := b.build(ctx, account)
		if err != nil {
			return err
		}
		if b.wanted("secrets") {
			if err := b.onWorld(ctx, binary, nil, measurement[*world]{"secrets", b.secretMemory}); err != nil {
				return err
			}
		}
		database, err := postgres.Start(ctx, postgres.Options{Progress: b.progress})
		if err != nil {
			return err
		}
		defer database.Stop() //nolint:errcheck // the figures are there, and the kernel ends what is left
		return b.onWorld(ctx, binary, database,
			measurement[*world]{"rotations", b.rotations},
			measurement[*world]{"requests", b.requests},
			measurement[*world]{"fan-out", b.fanOut},
			measurement[*world]{"steady", b.steadyState},
			measurement[*world]{"imports", b.importMemory},
		)
	},
}

// onWorld starts a control plane with the chart on it, and measures there.
func (b *bench) onWorld(ctx context.Context, binary string, database *postgres.Server, measurements ...measurement[*world]) error {
	w, err := newWorld(ctx, b, binary, database)
	if err != nil {
		return err
	}
	defer w.stop()
	b.kubernetes = w.version
	return inTurn(ctx, b, w, measurements...)
}

// chartDir is the chart whose ServiceAccount, rights and flags are used.
const chartDir = "charts/secret-sync"

// chartValues serve every namespace: nobody would list a thousand of them.
func chartValues() map[string]any { return map[string]any{"clusterWide": true} }
