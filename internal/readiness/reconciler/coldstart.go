package reconciler

import (
	"context"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"

	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/tazzo/rebirth/api/v1alpha1"
)

// ColdStart keeps a controller from calling itself ready while a stale verdict is
// still there: after a power loss, say, the ConfigMap of before is the first thing
// that Flux would find. It runs on every replica; the leader does the withdrawing.
type ColdStart struct {
	reconciler *Reconciler
	clean      atomic.Bool
}

// NewColdStart returns the watch over r's gates.
func NewColdStart(r *Reconciler) *ColdStart { return &ColdStart{reconciler: r} }

// NeedLeaderElection implements manager.LeaderElectionRunnable.
func (c *ColdStart) NeedLeaderElection() bool { return false }

// Start implements manager.Runnable: it looks until no stale verdict is left.
func (c *ColdStart) Start(ctx context.Context) error {
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	for {
		stale, err := c.reconciler.anyStale(ctx)
		if err != nil && ctx.Err() == nil {
			ctrl.LoggerFrom(ctx).Error(err, "looking for stale verdicts; not ready until that is possible")
		}
		if err == nil && !stale {
			c.clean.Store(true)
			<-ctx.Done()
			return nil
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

// Check implements healthz.Checker.
func (c *ColdStart) Check(*http.Request) error {
	if !c.clean.Load() {
		return fmt.Errorf("a verdict of before this start has not been judged or withdrawn yet")
	}
	return nil
}

// anyStale reports whether a gate's verdict exists without anybody behind it.
func (r *Reconciler) anyStale(ctx context.Context) (bool, error) {
	var gates v1alpha1.ReadinessGateList
	if err := r.Client.List(ctx, &gates); err != nil {
		return false, fmt.Errorf("listing ReadinessGates: %w", err)
	}
	cluster, err := r.clusterUID(ctx)
	if err != nil {
		return false, err
	}
	for i := range gates.Items {
		gate := &gates.Items[i]
		// What a suspended gate published stays as it is, however old.
		if !r.serves(gate) || gate.Spec.Suspend || !gate.DeletionTimestamp.IsZero() {
			continue
		}
		verdict, err := r.configMap(ctx, gate, gate.Spec.Publish.ConfigMapName)
		if err != nil {
			return false, err
		}
		if verdict == nil || !owns(gate, verdict) {
			continue
		}
		if why, err := r.stale(ctx, gate, verdict, cluster); err != nil || why != "" {
			return true, err
		}
	}
	return false, nil
}
