package canary

import (
	"context"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/tazzo/rebirth/api/v1alpha1"
	"github.com/tazzo/rebirth/internal/manager"
	"github.com/tazzo/rebirth/internal/readiness/pods"
)

// Sweeper removes the canary pods that nobody needs any more. It keeps nothing in
// mind, so that it also finds those of a gate that was deleted while no controller
// ran, or that is suspended.
type Sweeper struct {
	// Client reads gates and pods from the cache.
	Client    client.Client
	Clock     clock.PassiveClock
	Namespace string
	// GateNamespaces are those whose gates are served.
	GateNamespaces []string
}

// SetupWithManager says what wakes the sweeper: canary pods, and gates that come, go
// or change.
func (s *Sweeper) SetupWithManager(mgr ctrl.Manager, live *manager.Liveness, options controller.Options) error {
	all := handler.EnqueueRequestsFromMapFunc(func(context.Context, client.Object) []reconcile.Request {
		return []reconcile.Request{{NamespacedName: types.NamespacedName{Namespace: s.Namespace, Name: "canary-pods"}}}
	})
	ours := predicate.NewPredicateFuncs(func(o client.Object) bool {
		pod, ok := o.(*corev1.Pod)
		return ok && pod.Namespace == s.Namespace && pods.IsCanary(pod)
	})
	return ctrl.NewControllerManagedBy(mgr).
		Named("canary").
		Watches(&corev1.Pod{}, all, builder.WithPredicates(ours)).
		Watches(&v1alpha1.ReadinessGate{}, all, builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		WithOptions(options).
		Complete(live.Watch(s))
}

// Reconcile implements reconcile.Reconciler. There is one request for all pods.
func (s *Sweeper) Reconcile(ctx context.Context, _ ctrl.Request) (ctrl.Result, error) {
	wanted, err := s.wanted(ctx)
	if err != nil {
		return ctrl.Result{}, err
	}
	var own corev1.PodList
	if err := s.Client.List(ctx, &own, client.InNamespace(s.Namespace)); err != nil {
		return ctrl.Result{}, fmt.Errorf("listing the pods of namespace %s: %w", s.Namespace, err)
	}
	gone, again := sweep(s.Clock.Now(), wanted, own.Items)
	for _, r := range gone {
		if err := s.remove(ctx, r); err != nil {
			return ctrl.Result{}, err
		}
	}
	return ctrl.Result{RequeueAfter: again}, nil
}

// wanted reports whether a gate wants sandboxes to be proven. One that is suspended
// may go on later: the proofs stay.
func (s *Sweeper) wanted(ctx context.Context) (bool, error) {
	var gates v1alpha1.ReadinessGateList
	if err := s.Client.List(ctx, &gates); err != nil {
		return false, fmt.Errorf("listing ReadinessGates: %w", err)
	}
	return slices.ContainsFunc(gates.Items, func(g v1alpha1.ReadinessGate) bool {
		return slices.Contains(s.GateNamespaces, g.Namespace) && g.DeletionTimestamp.IsZero() && !g.Spec.Checks.Sandbox.Disabled
	}), nil
}

func (s *Sweeper) remove(ctx context.Context, r removal) error {
	err := s.Client.Delete(ctx, r.pod, client.GracePeriodSeconds(0), client.Preconditions{UID: &r.pod.UID})
	// Another one may have taken its name before the cache shows it.
	if client.IgnoreNotFound(err) != nil && !apierrors.IsConflict(err) {
		return fmt.Errorf("removing canary pod %s/%s: %w", r.pod.Namespace, r.pod.Name, err)
	}
	ctrl.LoggerFrom(ctx).V(1).Info("canary pod removed", "pod", r.pod.Name, "cause", r.why)
	return nil
}
