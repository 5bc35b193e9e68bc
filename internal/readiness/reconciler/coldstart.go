package reconciler

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/tazzo/rebirth/api/v1alpha1"
)

// ColdStart keeps a controller from calling itself ready while a stale verdict is
// still there: after a power loss, say, the ConfigMap of before is the first thing
// that Flux would find. It runs on every replica; the leader does the withdrawing.
type ColdStart struct {
	reconciler *Reconciler

	mu      sync.Mutex
	problem error
}

// NewColdStart returns the watch over r's gates.
func NewColdStart(r *Reconciler) *ColdStart {
	return &ColdStart{reconciler: r, problem: errors.New("stale verdicts have not been looked for yet")}
}

// NeedLeaderElection implements manager.LeaderElectionRunnable.
func (c *ColdStart) NeedLeaderElection() bool { return false }

// Start implements manager.Runnable: it looks until no stale verdict is left.
func (c *ColdStart) Start(ctx context.Context) error {
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	for !c.look(ctx) {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
	<-ctx.Done()
	return nil
}

// look reports whether no stale verdict is left. What is in the way is logged once.
func (c *ColdStart) look(ctx context.Context) bool {
	stale, err := c.reconciler.anyStale(ctx)
	switch {
	case err != nil:
		err = fmt.Errorf("stale verdicts can't be looked for: %w", err)
	case stale != "":
		err = fmt.Errorf("the verdict %s of before this start has not been judged or withdrawn yet", stale)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if err != nil && ctx.Err() == nil && err.Error() != c.problem.Error() {
		ctrl.LoggerFrom(ctx).Info("not ready yet", "cause", err.Error())
	}
	c.problem = err
	return err == nil
}

// Check implements healthz.Checker.
func (c *ColdStart) Check(*http.Request) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.problem
}

// anyStale is the first gate's verdict that exists without anybody behind it, as
// "namespace/name".
func (r *Reconciler) anyStale(ctx context.Context) (string, error) {
	var gates v1alpha1.ReadinessGateList
	if err := r.Client.List(ctx, &gates); err != nil {
		return "", fmt.Errorf("listing ReadinessGates: %w", err)
	}
	cluster, err := r.clusterUID(ctx)
	if err != nil {
		return "", err
	}
	for i := range gates.Items {
		gate := &gates.Items[i]
		// What a suspended gate published stays as it is, however old.
		if !r.serves(gate) || gate.Spec.Suspend || !gate.DeletionTimestamp.IsZero() {
			continue
		}
		verdict, err := r.configMap(ctx, gate, gate.Spec.Publish.ConfigMapName)
		if err != nil {
			return "", err
		}
		if verdict == nil || !owns(gate, verdict) {
			continue
		}
		if why, err := r.stale(ctx, gate, verdict, cluster); err != nil || why != "" {
			return verdict.Namespace + "/" + verdict.Name, err
		}
	}
	return "", nil
}
