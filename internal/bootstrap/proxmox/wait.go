package proxmox

import (
	"context"
	"errors"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/utils/clock"
)

// outageForgiven is how long a host may be out of reach while something is waited
// for: a network that hiccups, a pveproxy that restarts.
const outageForgiven = time.Minute

// pauses are the waits between looks at something: short ones at first, for most
// things are done in a moment.
type pauses struct {
	clock   clock.WithTicker
	backoff wait.Backoff
}

func (c *Client) pauses() *pauses {
	return &pauses{c.clock, wait.Backoff{
		Duration: 50 * time.Millisecond, Factor: 2, Jitter: 0.1, Cap: 2 * time.Second, Steps: 100,
	}}
}

// next waits, and fails with doing and state when ctx ends.
func (p *pauses) next(ctx context.Context, doing, state string) error {
	timer := p.clock.NewTimer(p.backoff.Step())
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ended(ctx, doing, state)
	case <-timer.C():
		return nil
	}
}

// outage remembers since when a host has been out of reach.
type outage struct {
	clock clock.PassiveClock
	since time.Time
}

// forgives says whether err is an outage that may pass by itself. nil is the end
// of one.
func (o *outage) forgives(err error) bool {
	if !errors.Is(err, Unreachable) && !errors.Is(err, TimedOut) {
		o.since = time.Time{}
		return false
	}
	if o.since.IsZero() {
		o.since = o.clock.Now()
	}
	return o.clock.Since(o.since) < outageForgiven
}
