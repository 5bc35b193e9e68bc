package reconciler

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/tazzo/rebirth/api/v1alpha1"
	"github.com/tazzo/rebirth/internal/manager"
)

// SetupWithManager says what wakes the reconciler: its own clock, round by round,
// and whatever happens to what it published.
func (r *Reconciler) SetupWithManager(mgr ctrl.Manager, live *manager.Liveness, options controller.Options) error {
	ours := predicate.NewPredicateFuncs(func(o client.Object) bool {
		return o.GetLabels()[v1alpha1.ManagedByLabel] == fieldOwner
	})
	return ctrl.NewControllerManagedBy(mgr).
		Named("readinessgate").
		For(&v1alpha1.ReadinessGate{}, builder.WithPredicates(predicate.Or[client.Object](predicate.GenerationChangedPredicate{}, predicate.AnnotationChangedPredicate{}))).
		WatchesMetadata(&corev1.ConfigMap{}, handler.EnqueueRequestsFromMapFunc(r.gatesOfConfigMap), builder.WithPredicates(ours)).
		WithOptions(options).
		Complete(live.Watch(r))
}

func (r *Reconciler) gatesOfConfigMap(ctx context.Context, cm client.Object) []reconcile.Request {
	var gates v1alpha1.ReadinessGateList
	if err := r.Client.List(ctx, &gates, client.InNamespace(cm.GetNamespace())); err != nil {
		ctrl.LoggerFrom(ctx).Error(err, "listing ReadinessGates from the cache")
		return nil
	}
	var out []reconcile.Request
	for i := range gates.Items {
		if gates.Items[i].Spec.Publish.ConfigMapName == cm.GetName() {
			out = append(out, reconcile.Request{NamespacedName: types.NamespacedName{Namespace: cm.GetNamespace(), Name: gates.Items[i].Name}})
		}
	}
	return out
}
