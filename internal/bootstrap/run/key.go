package run

import (
	"context"
	"fmt"

	"github.com/tazzo/rebirth/internal/bootstrap/plan"
	"github.com/tazzo/rebirth/internal/bootstrap/tailnet"
)

// lentKey is this run's auth key, until it is revoked.
type lentKey struct{ tailnet.Key }

// mintKey makes the one key with which all nodes join. It is noted before it is
// returned, so that every way out finds it.
func (r *Run) mintKey(ctx context.Context, _ plan.Step, report func(string)) error {
	key, err := r.tailnet.MintKey(ctx, tailnet.KeyRequest{Cluster: r.cluster.Metadata.Name, Tags: r.cluster.Tailnet.Tags})
	if err != nil {
		return err
	}
	r.mutex.Lock()
	r.key = &lentKey{key}
	r.mutex.Unlock()
	report(fmt.Sprintf("key %s, until %s", key.ID, key.Expires.Format("15:04:05")))
	return nil
}

func (r *Run) currentKey() *lentKey {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	return r.key
}

// revokeAtOnce ends this run's key while nodes still give it back: it is what a thief
// wants, and somebody who stops a run may not wait for the rest. Where it fails,
// revokeKey tries again and tells.
func (r *Run) revokeAtOnce(ctx context.Context) {
	if key := r.currentKey(); key != nil {
		_ = r.tailnet.RevokeKey(ctx, key.ID)
	}
}

// revokeKey ends this run's key and wipes it. Without one it does nothing, so that
// it can stand on every way out.
func (r *Run) revokeKey(ctx context.Context) error {
	key := r.currentKey()
	if key == nil {
		return nil
	}
	if err := r.tailnet.RevokeKey(ctx, key.ID); err != nil {
		return fmt.Errorf("auth key %s could not be revoked, and works until %s: revoke it by hand (%w)", key.ID, key.Expires.Format("15:04:05"), err)
	}
	r.mutex.Lock()
	r.key = nil
	r.mutex.Unlock()
	key.Secret.Destroy()
	return nil
}

// performRevoke revokes this run's key, or one that a dead run has left.
func (r *Run) performRevoke(ctx context.Context, step plan.Step, _ func(string)) error {
	if step.KeyID != "" {
		return r.tailnet.RevokeKey(ctx, step.KeyID)
	}
	return r.revokeKey(ctx)
}
