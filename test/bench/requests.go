package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"maps"
	"strings"
	"time"

	"github.com/tazzo/rebirth/api/v1alpha1"
	"github.com/tazzo/rebirth/test/bench/audit"
	"github.com/tazzo/rebirth/test/bench/figures"
)

// The budgets of the design for one import and one rotation.
const (
	requestsBudget     = 4.0
	secretWritesBudget = 1.0
)

// requestCase is an export with some imports of one kind. Its name begins the
// names of its namespaces, by which its requests are told apart.
type requestCase struct {
	name, what string
	mode       v1alpha1.RestartMode
	imports    int
	deployment bool // each namespace has one that reads the mirror
}

var requestCases = []requestCase{
	{name: "alone"},
	{name: "never", what: "restart mode Never", mode: v1alpha1.RestartModeNever, imports: 10},
	{name: "auto", what: "restart mode Auto, nothing to restart", mode: v1alpha1.RestartModeAuto, imports: 10},
	{name: "reads", what: "restart mode Auto, one Deployment that reads it", mode: v1alpha1.RestartModeAuto, imports: 10, deployment: true},
}

// requests counts at the API server what one rotation costs: the export's own
// requests from the export without an import, an import's from what ten add.
func (b *bench) requests(ctx context.Context, w *world) error {
	if err := w.startController(ctx); err != nil {
		return err
	}
	b.progress.say("requests of %d rotations, from the audit log", b.sizes.rounds)
	mirrors, err := w.observe(ctx, mirrorSelector)
	if err != nil {
		return err
	}
	for _, c := range requestCases {
		if err := w.createCase(ctx, mirrors, c); err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
	}
	if err := w.quiet(ctx); err != nil {
		return err
	}
	tail, err := w.tailAudit()
	if err != nil {
		return err
	}
	var events []audit.Event
	for range b.sizes.rounds {
		for _, c := range requestCases {
			if err := w.rotateCase(ctx, mirrors, c); err != nil {
				return err
			}
			more, err := tail.untilQuiet(ctx, time.Second) // so that each rotation has a second of its own
			if err != nil {
				return err
			}
			events = append(events, more...)
		}
	}
	b.judgeRequests(events)
	return nil
}

func (w *world) createCase(ctx context.Context, mirrors *observer, c requestCase) error {
	source := c.name + "-source"
	if err := w.createNamespace(ctx, source, nil); err != nil {
		return err
	}
	if err := w.createSource(ctx, source, "exported"); err != nil {
		return err
	}
	first := mirrors.expect("initial", c.imports)
	if err := w.createExport(ctx, source, aSecret("exported"), toLabelled("bench-case", c.name)); err != nil {
		return err
	}
	for i := range c.imports {
		namespace := fmt.Sprintf("%s-%d", c.name, i)
		if err := w.createNamespace(ctx, namespace, map[string]string{"bench-case": c.name}); err != nil {
			return err
		}
		if c.deployment {
			if err := w.plane.ApplyYAMLIn(ctx, namespace, deploymentYAML("mirror")); err != nil {
				return err
			}
		}
		if err := w.createImport(ctx, namespace, source, "mirror", c.mode); err != nil {
			return err
		}
	}
	if c.imports == 0 {
		return nil
	}
	_, err := first(ctx)
	return err
}

func (w *world) rotateCase(ctx context.Context, mirrors *observer, c requestCase) error {
	value := rand.Text()
	await := mirrors.expect(value, c.imports)
	if _, err := w.rotate(ctx, c.name+"-source", "exported", map[string]string{roundKey: value}); err != nil || c.imports == 0 {
		return err
	}
	_, err := await(ctx)
	return err
}

func (b *bench) judgeRequests(events []audit.Event) {
	alone := audit.Tally(audit.Within(events, requestCases[0].name+"-"))
	total, kinds := audit.PerUnit(alone, nil, b.sizes.rounds)
	b.add(figures.Plain("requests of the export per rotation, however many imports", figures.Decimal(total)+" ("+kinds+")"))
	for _, c := range requestCases[1:] {
		tally := audit.Tally(audit.Within(events, c.name+"-"))
		looks := lists(tally)
		total, kinds := audit.PerUnit(without(tally, looks), alone, b.sizes.rounds*c.imports)
		row := figures.AtMost("requests per import and rotation for the mirror, "+c.what, total, requestsBudget, figures.Decimal)
		row.Measured += " (" + kinds + ")"
		if total, kinds := audit.PerUnit(looks, nil, b.sizes.rounds*c.imports); total > 0 {
			b.add(figures.Plain("and to look for processes with the older value, "+c.what, figures.Decimal(total)+" ("+kinds+")"))
		}
		writes := float64(tally["update secrets"]+tally["patch secrets"]+tally["create secrets"]) / float64(b.sizes.rounds*c.imports)
		b.add(row, figures.AtMost("of these writes of the Secret, "+c.what, writes, secretWritesBudget, figures.Decimal))
	}
}

// lists are the requests that look at workloads and pods: the mirror itself needs none.
func lists(tally map[string]int) map[string]int {
	out := map[string]int{}
	for kind, n := range tally {
		if strings.HasPrefix(kind, "list ") {
			out[kind] = n
		}
	}
	return out
}

func without(tally, others map[string]int) map[string]int {
	out := maps.Clone(tally)
	for kind := range others {
		delete(out, kind)
	}
	return out
}
