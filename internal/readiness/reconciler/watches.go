package reconciler

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	toolscache "k8s.io/client-go/tools/cache"
	"k8s.io/client-go/util/workqueue"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/tazzo/rebirth/api/v1alpha1"
	"github.com/tazzo/rebirth/internal/manager"
)

// SetupWithManager says what wakes the reconciler: its own clock, round by round,
// and whatever happens to what it published.
func (r *Reconciler) SetupWithManager(mgr ctrl.Manager, live *manager.Liveness, options controller.Options) error {
	return ctrl.NewControllerManagedBy(mgr).
		Named("readinessgate").
		For(&v1alpha1.ReadinessGate{}, builder.WithPredicates(predicate.Or[client.Object](predicate.GenerationChangedPredicate{}, predicate.AnnotationChangedPredicate{}))).
		WatchesRawSource(source.Func(r.watchPublished)).
		WithOptions(options).
		Complete(live.Watch(r))
}

// watchPublished enqueues the gates of whatever happens to their ConfigMaps. It does
// not wait for the first list, as other sources do: one namespace whose Role is
// missing would keep the gates of all others from being served.
func (r *Reconciler) watchPublished(ctx context.Context, queue workqueue.TypedRateLimitingInterface[reconcile.Request]) error {
	configMaps := &metav1.PartialObjectMetadata{}
	configMaps.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("ConfigMap"))
	informer, err := r.Published.GetInformer(ctx, configMaps, cache.BlockUntilSynced(false))
	if err != nil {
		return fmt.Errorf("watching published ConfigMaps: %w", err)
	}
	enqueue := func(object any) {
		if gone, ok := object.(toolscache.DeletedFinalStateUnknown); ok {
			object = gone.Obj
		}
		if cm, ok := object.(client.Object); ok {
			for _, request := range r.gatesOfConfigMap(ctx, cm) {
				queue.Add(request)
			}
		}
	}
	_, err = informer.AddEventHandler(toolscache.ResourceEventHandlerFuncs{
		AddFunc: enqueue, UpdateFunc: func(_, after any) { enqueue(after) }, DeleteFunc: enqueue,
	})
	return err
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
