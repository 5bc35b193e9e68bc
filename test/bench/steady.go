package main

import (
	"context"
	"fmt"
	"time"

	"github.com/tazzo/rebirth/test/bench/audit"
	"github.com/tazzo/rebirth/test/bench/figures"
)

// steadyState counts the controller's requests while nothing changes.
func (b *bench) steadyState(ctx context.Context, w *world) error {
	if err := w.quiet(ctx); err != nil {
		return err
	}
	window := b.window()
	b.progress.say("steady state: %s with %d imports", window, b.sizes.namespaces)
	tail, err := w.tailAudit()
	if err != nil {
		return err
	}
	if err := pause(ctx, window); err != nil {
		return err
	}
	events, err := tail.next()
	if err != nil {
		return err
	}
	var writes, secretReads []audit.Event
	for _, event := range events {
		switch {
		case event.Writes():
			writes = append(writes, event)
		case event.Object.Resource == "secrets":
			secretReads = append(secretReads, event)
		}
	}
	what := fmt.Sprintf(" in %s with %d imports", window, b.sizes.namespaces)
	b.add(
		figures.Zero("steady state: writes"+what+" (leader election aside)", len(writes), counted(writes)),
		figures.Zero("steady state: reads of Secrets"+what, len(secretReads), counted(secretReads)),
	)
	return nil
}

func counted(events []audit.Event) string {
	if len(events) == 0 {
		return "0"
	}
	_, kinds := audit.PerUnit(audit.Tally(events), nil, 1)
	return fmt.Sprintf("%d (%s)", len(events), kinds)
}

// window is how long a steady state is looked at.
func (b *bench) window() time.Duration {
	return time.Duration(b.sizes.minutes * float64(time.Minute))
}
