package run

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/tazzo/rebirth/internal/bootstrap/plan"
	"github.com/tazzo/rebirth/internal/bootstrap/tailnet/join"
	"github.com/tazzo/rebirth/internal/bootstrap/talos"
)

const (
	// rollback is when a node forgets the key by itself, if this run can't take it
	// back any more. It is within the life of the key.
	rollback = 10 * time.Minute
	// askEvery is how often the tailnet and the node are asked whether it has joined.
	askEvery = 2 * time.Second
)

// joinNode lends the auth key to the node's memory, sees the node join from both
// ends, and takes the key back, on every way out.
func (r *Run) joinNode(ctx context.Context, step plan.Step, report func(string)) (err error) {
	node, err := r.dial(ctx, step.Node)
	if err != nil {
		return err
	}
	defer node.Close()
	key := r.currentKey()
	base, lent, err := configsOf(ctx, node, key)
	if err != nil {
		return err
	}
	defer base.Value().Destroy()
	defer lent.Value().Destroy()
	report("lending the key to its memory")
	defer func() { err = errors.Join(err, r.takeBack(ctx, node, step.Node, base)) }()
	if err := node.Try(ctx, lent, rollback); err != nil {
		return err
	}
	return r.awaitJoin(ctx, node, step.Node, key, report)
}

// configsOf are the node's own configuration without a key, and the same with it.
// The node's own, for whatever else has changed in cluster.yaml is not for a join to
// apply.
func configsOf(ctx context.Context, node *talos.Node, key *lentKey) (base, lent talos.Config, err error) {
	active, err := node.Config(ctx)
	if err != nil {
		return base, lent, err
	}
	if base, err = active.WithoutAuthKey(); err != nil {
		return base, lent, err
	}
	if key != nil {
		lent, err = base.WithAuthKey(key.Secret)
	}
	return base, lent, err
}

// takeBack takes the key out of the node's memory, also when the run was told to stop.
func (r *Run) takeBack(ctx context.Context, node *talos.Node, name string, base talos.Config) error {
	ctx, cancel := returning(ctx)
	defer cancel()
	if err := node.ApplyBase(ctx, base); err != nil {
		return fmt.Errorf("node %s still has the auth key in its memory, and forgets it by itself within %v: %w", name, rollback, err)
	}
	return nil
}

// awaitJoin waits until the node and the tailnet agree that it has joined.
func (r *Run) awaitJoin(ctx context.Context, node *talos.Node, name string, key *lentKey, report func(string)) error {
	ticker := r.clock.NewTicker(askEvery)
	defer ticker.Stop()
	for {
		verdict, err := r.verifyJoin(ctx, node, name, key)
		switch {
		case err != nil && ctx.Err() != nil:
			return err
		case err != nil:
			report(err.Error())
		case verdict.Outcome == join.Joined:
			report("joined as " + verdict.Device.Hostname)
			return nil
		case verdict.Outcome == join.Wrong:
			return errors.New(verdict.Reason)
		default:
			report(verdict.Reason)
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-ticker.C():
		}
	}
}

func (r *Run) verifyJoin(ctx context.Context, node *talos.Node, name string, key *lentKey) (join.Verdict, error) {
	addresses, err := node.TailnetAddresses(ctx)
	if err != nil {
		return join.Verdict{}, err
	}
	devices, err := r.tailnet.Control.Devices(ctx) // whoever waits asks again, and says why
	if err != nil {
		return join.Verdict{}, err
	}
	return join.Verify(devices, join.Want{Hostname: name, Tags: r.cluster.Tailnet.Tags, After: key.Created, NodeAddresses: addresses}), nil
}

// dropKey takes a key out of the memory of a node that has joined already.
func (r *Run) dropKey(ctx context.Context, step plan.Step, _ func(string)) error {
	node, err := r.dial(ctx, step.Node)
	if err != nil {
		return err
	}
	defer node.Close()
	base, _, err := configsOf(ctx, node, nil)
	if err != nil {
		return err
	}
	defer base.Value().Destroy()
	return node.ApplyBase(ctx, base)
}
