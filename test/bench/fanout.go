package main

import (
	"context"
	"fmt"
	"time"

	"github.com/tazzo/rebirth/api/v1alpha1"
	"github.com/tazzo/rebirth/test/bench/figures"
)

// fanOutBudget of the design: so many times what the bare loop takes.
const fanOutBudget = 1.5

// fanOut measures from the write of one source until the last of many namespaces
// has it; the controller, the bare loop, and the bare loop with the controller's
// concurrency take turns.
func (b *bench) fanOut(ctx context.Context, w *world) error {
	if err := w.startController(ctx); err != nil {
		return err
	}
	b.progress.say("creating %d namespaces, each with an import", b.sizes.namespaces)
	targets := make([]string, b.sizes.namespaces)
	for i := range targets {
		targets[i] = fmt.Sprintf("fan-%04d", i)
	}
	mirrors, err := w.createFan(ctx, targets)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	copies, err := w.observe(ctx, bareSelector)
	if err != nil {
		return err
	}
	for name, workers := range map[string]int{"copied-by-one": 1, "copied-by-many": chartConcurrency} {
		ready := copies.expect("initial", len(targets))
		if err := w.createSource(ctx, "fan-source", name); err != nil {
			return err
		}
		if err := w.runBareLoop(ctx, bareLoop{namespace: "fan-source", name: name, targets: targets, workers: workers}, cancel); err != nil {
			return err
		}
		if _, err := ready(ctx); err != nil {
			return err
		}
	}
	b.progress.say("%d fan-outs each: controller, bare loop, bare loop with %d workers", b.sizes.fanOuts, chartConcurrency)
	var ours, one, many []time.Duration
	for range b.sizes.fanOuts {
		for _, turn := range []struct {
			source  string
			copies  *observer
			samples *[]time.Duration
		}{{"exported", mirrors, &ours}, {"copied-by-one", copies, &one}, {"copied-by-many", copies, &many}} {
			sample, err := w.timed(ctx, turn.copies, len(targets), "fan-source", turn.source)
			if err != nil {
				return err
			}
			*turn.samples = append(*turn.samples, sample)
			if err := w.quiet(ctx); err != nil {
				return err
			}
		}
	}
	b.judgeFanOut(ours, one, many)
	return nil
}

// chartConcurrency is the chart's value "concurrent".
const chartConcurrency = 10

func (w *world) createFan(ctx context.Context, targets []string) (*observer, error) {
	mirrors, err := w.observe(ctx, mirrorSelector)
	if err != nil {
		return nil, err
	}
	if err := w.createNamespace(ctx, "fan-source", nil); err != nil {
		return nil, err
	}
	if err := w.createSource(ctx, "fan-source", "exported"); err != nil {
		return nil, err
	}
	if err := w.createExport(ctx, "fan-source", aSecret("exported"), toLabelled("bench-case", "fan")); err != nil {
		return nil, err
	}
	first := mirrors.expect("initial", len(targets))
	err = each(ctx, len(targets), creators, func(ctx context.Context, i int) error {
		if err := w.createNamespace(ctx, targets[i], map[string]string{"bench-case": "fan"}); err != nil {
			return err
		}
		return w.createImport(ctx, targets[i], "fan-source", "mirror", v1alpha1.RestartModeAuto)
	})
	if err != nil {
		return nil, err
	}
	if _, err := first(ctx); err != nil {
		return nil, err
	}
	return mirrors, w.quiet(ctx)
}

func (b *bench) judgeFanOut(ours, one, many []time.Duration) {
	what := fmt.Sprintf("fan-out to %d namespaces", b.sizes.namespaces)
	median := func(samples []time.Duration) time.Duration { return figures.Percentile(samples, 50) }
	b.add(
		figures.Plain(what+", median", figures.Seconds(median(ours))),
		figures.Plain("the same by the bare loop", figures.Seconds(median(one))),
		figures.Plain(fmt.Sprintf("the same by the bare loop with %d workers", chartConcurrency), figures.Seconds(median(many))),
		figures.AtMost("fan-out, ratio to the bare loop", figures.Ratio(median(ours), median(one)), fanOutBudget, figures.Times),
		figures.Plain(fmt.Sprintf("fan-out, ratio to the bare loop with %d workers", chartConcurrency), figures.Times(figures.Ratio(median(ours), median(many)))),
	)
}
