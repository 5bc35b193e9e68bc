package manager

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// ReconcileTimeout bounds one reconcile, by its context.
const ReconcileTimeout = time.Minute

// stuckAfter is when a reconcile that ignores its context counts as stuck.
const stuckAfter = 3 * ReconcileTimeout

// Liveness tells a process that reconciles from one that only answers probes.
type Liveness struct {
	clock   clock.PassiveClock
	mu      sync.Mutex
	running map[*reconcile.Request]time.Time
}

// NewLiveness returns a check that nothing is stuck.
func NewLiveness(c clock.PassiveClock) *Liveness {
	return &Liveness{clock: c, running: map[*reconcile.Request]time.Time{}}
}

// Watch returns next, watched.
func (l *Liveness) Watch(next reconcile.Reconciler) reconcile.Reconciler {
	return reconcile.Func(func(ctx context.Context, request reconcile.Request) (reconcile.Result, error) {
		l.mu.Lock()
		l.running[&request] = l.clock.Now()
		l.mu.Unlock()
		defer func() {
			l.mu.Lock()
			delete(l.running, &request)
			l.mu.Unlock()
		}()
		return next.Reconcile(ctx, request)
	})
}

// Check implements healthz.Checker. It names the object whose reconcile is stuck.
func (l *Liveness) Check(*http.Request) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for request, since := range l.running {
		if age := l.clock.Since(since); age > stuckAfter {
			return fmt.Errorf("the reconcile of %s has been running for %s", request.NamespacedName, age.Round(time.Second))
		}
	}
	return nil
}

// Readiness is not ready until the caches are.
type Readiness struct {
	also   func() bool
	cached atomic.Bool
}

// NewReadiness adds to the manager what watches its caches. also is a further
// condition.
func NewReadiness(mgr ctrl.Manager, also func() bool) (*Readiness, error) {
	r := &Readiness{also: also}
	return r, mgr.Add(everywhere{manager.RunnableFunc(func(ctx context.Context) error {
		r.cached.Store(mgr.GetCache().WaitForCacheSync(ctx))
		<-ctx.Done()
		return nil
	})})
}

// Check implements healthz.Checker.
func (r *Readiness) Check(*http.Request) error {
	if !r.cached.Load() || !r.also() {
		return fmt.Errorf("the caches are not filled yet")
	}
	return nil
}

// everywhere runs on the leader and on standbys.
type everywhere struct{ manager.RunnableFunc }

func (everywhere) NeedLeaderElection() bool { return false }
