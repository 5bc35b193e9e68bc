package main

import (
	"context"
	"fmt"
	"time"

	"github.com/tazzo/rebirth/test/bench/audit"
	"github.com/tazzo/rebirth/test/bench/figures"
)

// agentBudget of the design, in bytes.
const agentBudget int64 = 16 << 20

// gateAgents measures the agents while a gate asks them every second, which is ten times
// as often as by default: probes, and echoes from and to the others.
func (b *bench) gateAgents(ctx context.Context, w *gateWorld) error {
	window := b.window()
	b.progress.say("agents that are asked every second, for %s", window)
	_, done, err := w.openGate(ctx, time.Second)
	if err != nil {
		return err
	}
	defer done()
	if err := pause(ctx, window); err != nil {
		return err
	}
	var largest figures.Memory
	for _, agent := range w.agents {
		memory, err := memoryOf(agent.PID())
		if err != nil {
			return err
		}
		if memory.Peak > largest.Peak {
			largest = memory
		}
	}
	row := figures.AtMost(fmt.Sprintf("gate: memory of an agent, asked every second for %s (RSS, peak; the largest of %d)", window, len(w.agents)), largest.Peak, agentBudget, figures.MiB)
	row.Measured += fmt.Sprintf(" (at the end %s, of it anonymous %s)", figures.MiB(largest.Resident), figures.MiB(largest.Anonymous))
	b.add(row)
	return nil
}

// gateSteady counts what the controller writes while a gate with the default interval
// is open and nothing changes.
func (b *bench) gateSteady(ctx context.Context, w *gateWorld) error {
	_, done, err := w.openGate(ctx, defaultInterval)
	if err != nil {
		return err
	}
	defer done()
	// The status follows the ConfigMap.
	if err := pause(ctx, defaultInterval); err != nil {
		return err
	}
	window := b.window()
	b.progress.say("steady state of an open gate: %s", window)
	tail, err := tailAudit(w.plane, gateUser)
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
	var writes []audit.Event
	for _, event := range events {
		if event.Writes() {
			writes = append(writes, event)
		}
	}
	b.add(figures.Zero(fmt.Sprintf("gate: writes in %s while it is open (Leases aside)", window), len(writes), counted(writes)))
	return nil
}
