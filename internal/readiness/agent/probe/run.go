// Package probe tries what an agent is asked to try, from the pod's own network.
package probe

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"k8s.io/utils/clock"

	"github.com/tazzo/rebirth/internal/readiness/agent/client"
	"github.com/tazzo/rebirth/internal/readiness/agent/wire"
)

// parallel bounds the memory that probes take at one time.
const parallel = 16

// Echoer has another agent return a payload; *client.Client does.
type Echoer interface {
	Echo(ctx context.Context, target client.Target, payload []byte) error
}

// Prober runs probes.
type Prober struct {
	Echoer Echoer
	Clock  clock.PassiveClock
}

// Run returns the probes' results, in their order, within the request's timeout:
// what was not done by then is NotDone. The request is valid.
func (p Prober) Run(ctx context.Context, request wire.Request) []wire.Result {
	ctx, cancel := context.WithTimeout(ctx, request.Timeout)
	defer cancel()
	var (
		results = make([]wire.Result, len(request.Probes))
		workers sync.WaitGroup
		taken   atomic.Int64
	)
	for range min(parallel, len(request.Probes)) {
		workers.Go(func() {
			for i := taken.Add(1) - 1; i < int64(len(results)); i = taken.Add(1) - 1 {
				results[i] = p.one(ctx, request.Probes[i])
			}
		})
	}
	workers.Wait()
	return results
}

func (p Prober) one(all context.Context, probe wire.Probe) wire.Result {
	if all.Err() != nil {
		return wire.Result{ID: probe.ID, Reason: wire.NotDone, Message: "the time for all probes ended before this one had its turn"}
	}
	ctx, cancel := context.WithTimeout(all, probe.Timeout)
	defer cancel()
	start := p.Clock.Now()
	found := p.try(ctx, probe)
	took := max(p.Clock.Since(start), 0)
	if found.reason == wire.Timeout && all.Err() != nil && took < probe.Timeout {
		found = finding{wire.NotDone, "the time for all probes ended before this one's"}
	}
	return wire.Result{
		ID: probe.ID, OK: found.reason == "", Reason: found.reason, Message: found.message,
		Duration: took.Round(time.Microsecond),
	}
}

// finding is what a probe found: no reason is good.
type finding struct {
	reason  wire.Reason
	message string
}

func (p Prober) try(ctx context.Context, probe wire.Probe) finding {
	switch probe.Kind {
	case wire.KindDNS:
		return lookUp(ctx, *probe.DNS, probe.Timeout)
	case wire.KindAPI:
		return callAPI(ctx, *probe.API)
	case wire.KindEcho:
		return p.echo(ctx, *probe.Echo)
	case wire.KindTCP:
		return connect(ctx, *probe.TCP)
	}
	return finding{wire.BadProbe, "the kind of the probe is unknown"}
}
