package importer

import (
	"context"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/tazzo/rebirth/api/v1alpha1"
	"github.com/tazzo/rebirth/internal/manager"
)

// The indexes of the cache.
const (
	targetIndex = "target"
	fromIndex   = "from"
	// fromNamespaceIndex finds the imports that a namespace's fate concerns.
	fromNamespaceIndex = "fromNamespace"
)

// SetupWithManager says what wakes the reconciler. A write of its own status
// does: a reconcile that ran on an older cache is put right by that, and costs
// no request if nothing is to be put right.
func (r *Reconciler) SetupWithManager(ctx context.Context, mgr ctrl.Manager, live *manager.Liveness, options controller.Options) error {
	for name, index := range map[string]client.IndexerFunc{
		targetIndex:        targets,
		fromIndex:          func(o client.Object) []string { return []string{from(o).Namespace + "/" + from(o).Name} },
		fromNamespaceIndex: func(o client.Object) []string { return []string{from(o).Namespace} },
	} {
		if err := mgr.GetFieldIndexer().IndexField(ctx, &v1alpha1.SecretImport{}, name, index); err != nil {
			return err
		}
	}
	return ctrl.NewControllerManagedBy(mgr).
		Named("secretimport").
		For(&v1alpha1.SecretImport{}).
		Watches(&v1alpha1.SecretImport{}, handler.EnqueueRequestsFromMapFunc(r.rivals), builder.WithPredicates(freesTarget)).
		Watches(&v1alpha1.SecretExport{}, handler.EnqueueRequestsFromMapFunc(r.importsOfExport)).
		WatchesMetadata(&corev1.Namespace{}, handler.EnqueueRequestsFromMapFunc(r.importsOfNamespace), builder.WithPredicates(namespaceMatters)).
		WatchesRawSource(r.Secrets.Source(r.importsOfTarget)).
		WithOptions(options).
		Complete(live.Watch(r))
}

func from(o client.Object) v1alpha1.ExportReference { return o.(*v1alpha1.SecretImport).Spec.From }

// targets are the names of the Secrets that an import writes, or wants to.
func targets(o client.Object) []string {
	imp := o.(*v1alpha1.SecretImport)
	var out []string
	if imp.Spec.Target.Name != "" {
		out = append(out, imp.Spec.Target.Name)
	}
	if t := imp.Status.Target; t != nil && t.Name != imp.Spec.Target.Name {
		out = append(out, t.Name)
	}
	return out
}

// rivals are the imports for the targets of an import, itself among them.
func (r *Reconciler) rivals(ctx context.Context, imp client.Object) []reconcile.Request {
	var out []reconcile.Request
	for _, target := range targets(imp) {
		out = append(out, r.imports(ctx, client.InNamespace(imp.GetNamespace()), client.MatchingFields{targetIndex: target})...)
	}
	return out
}

// freesTarget lets through what may end a conflict of two imports for one target.
var freesTarget = predicate.Funcs{
	CreateFunc: func(event.CreateEvent) bool { return false },
	UpdateFunc: func(e event.UpdateEvent) bool { return !slices.Equal(targets(e.ObjectOld), targets(e.ObjectNew)) },
}

func (r *Reconciler) importsOfTarget(ctx context.Context, secret metav1.Object) []reconcile.Request {
	return r.imports(ctx, client.InNamespace(secret.GetNamespace()), client.MatchingFields{targetIndex: secret.GetName()})
}

func (r *Reconciler) importsOfExport(ctx context.Context, export client.Object) []reconcile.Request {
	return r.imports(ctx, client.MatchingFields{fromIndex: export.GetNamespace() + "/" + export.GetName()})
}

func (r *Reconciler) importsOfNamespace(ctx context.Context, namespace client.Object) []reconcile.Request {
	return append(r.imports(ctx, client.InNamespace(namespace.GetName())),
		r.imports(ctx, client.MatchingFields{fromNamespaceIndex: namespace.GetName()})...)
}

// namespaceMatters lets through what consent depends on.
var namespaceMatters = predicate.Funcs{
	UpdateFunc: func(e event.UpdateEvent) bool {
		return predicate.LabelChangedPredicate{}.Update(e) ||
			e.ObjectOld.GetDeletionTimestamp().IsZero() != e.ObjectNew.GetDeletionTimestamp().IsZero()
	},
}

func (r *Reconciler) imports(ctx context.Context, options ...client.ListOption) []reconcile.Request {
	var list v1alpha1.SecretImportList
	if err := r.Client.List(ctx, &list, append(options, client.UnsafeDisableDeepCopy)...); err != nil {
		ctrl.LoggerFrom(ctx).Error(err, "listing SecretImports from the cache")
		return nil
	}
	out := make([]reconcile.Request, 0, len(list.Items))
	for i := range list.Items {
		out = append(out, reconcile.Request{NamespacedName: types.NamespacedName{Namespace: list.Items[i].Namespace, Name: list.Items[i].Name}})
	}
	return out
}
