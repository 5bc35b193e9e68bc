package tailnet

import (
	"context"
	"errors"
	"net/http"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/utils/clock"

	"github.com/tazzo/rebirth/internal/bootstrap/inventory"
)

// Patient makes calls again that failed because the server could not be reached, or
// could not answer just then: a proxy that restarts, or a limit of calls, must not
// throw away what a run has done so far. Whoever calls bounds it by the context.
//
// To list, to remove and to revoke may be done twice. To make a key may not: it is
// asked for again only where the server has refused one call too many. Unavailable is
// also what a proxy says that has lost a call on its way back.
type Patient struct {
	Control
	clock clock.WithTicker
	// most is how long after a call's beginning it is made again; 0: until its context
	// ends.
	most time.Duration
}

var _ Control = (*Patient)(nil)

// NewPatient is patient until a call's context ends.
func NewPatient(control Control, clock clock.WithTicker) *Patient {
	return &Patient{Control: control, clock: clock}
}

// AtMost is as patient as that at most.
func (p *Patient) AtMost(most time.Duration) *Patient {
	return &Patient{Control: p.Control, clock: p.clock, most: most}
}

// MintKey implements Control.
func (p *Patient) MintKey(ctx context.Context, request KeyRequest) (key Key, err error) {
	err = p.again(ctx, isUnserved, func() (err error) {
		key, err = p.Control.MintKey(ctx, request)
		return err
	})
	return key, err
}

// RevokeKey implements Control.
func (p *Patient) RevokeKey(ctx context.Context, id string) error {
	return p.again(ctx, mayPass, func() error { return p.Control.RevokeKey(ctx, id) })
}

// LeftoverKeys implements Control.
func (p *Patient) LeftoverKeys(ctx context.Context, cluster string, tags []string) (ids []string, err error) {
	err = p.again(ctx, mayPass, func() (err error) {
		ids, err = p.Control.LeftoverKeys(ctx, cluster, tags)
		return err
	})
	return ids, err
}

// Devices implements Control.
func (p *Patient) Devices(ctx context.Context) (devices []inventory.Device, err error) {
	err = p.again(ctx, mayPass, func() (err error) {
		devices, err = p.Control.Devices(ctx)
		return err
	})
	return devices, err
}

// DeleteDevice implements Control.
func (p *Patient) DeleteDevice(ctx context.Context, id string) error {
	return p.again(ctx, mayPass, func() error { return p.Control.DeleteDevice(ctx, id) })
}

// mayPass says whether the same call may succeed a moment later.
func mayPass(err error) bool { return errors.Is(err, ErrUnavailable) || errors.Is(err, ErrTimedOut) }

// isUnserved says whether the server did nothing for certain.
func isUnserved(err error) bool {
	var failed *Error
	return errors.As(err, &failed) && failed.Status == http.StatusTooManyRequests
}

// again makes the call until it succeeds, or fails for good.
func (p *Patient) again(ctx context.Context, passes func(error) bool, call func() error) error {
	began := p.clock.Now()
	backoff := wait.Backoff{Duration: 250 * time.Millisecond, Factor: 2, Jitter: 0.1, Cap: 5 * time.Second, Steps: 100}
	var last error
	for {
		err := call()
		switch {
		case err != nil && last != nil && ctx.Err() != nil:
			return last // which says more than that the time is up
		case err == nil, !passes(err), p.most > 0 && p.clock.Since(began) >= p.most:
			return err
		}
		last = err
		timer := p.clock.NewTimer(backoff.Step())
		select {
		case <-timer.C():
		case <-ctx.Done():
			timer.Stop()
			return last
		}
	}
}
