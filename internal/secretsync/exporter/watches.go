package exporter

import (
	"context"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/tazzo/rebirth/api/v1alpha1"
	"github.com/tazzo/rebirth/internal/manager"
	"github.com/tazzo/rebirth/internal/secretsync/pgo"
)

// SetupWithManager says what wakes the reconciler. A write of its own status
// does: a reconcile that ran on an older cache is put right by that, and costs
// no request if nothing is to be put right.
func (r *Reconciler) SetupWithManager(mgr ctrl.Manager, live *manager.Liveness, options controller.Options) error {
	return ctrl.NewControllerManagedBy(mgr).
		Named("secretexport").
		For(&v1alpha1.SecretExport{}).
		WatchesRawSource(r.Secrets.Source(r.exportsOfSecret)).
		WatchesRawSource(r.Clusters.Source(r.exportsOfCluster)).
		WithOptions(options).
		Complete(live.Watch(r))
}

// exportsOfSecret returns the exports that a Secret is the source of, or may hold
// the CA of.
func (r *Reconciler) exportsOfSecret(ctx context.Context, secret metav1.Object) []reconcile.Request {
	return r.exports(ctx, secret.GetNamespace(), func(export *v1alpha1.SecretExport) bool {
		return export.SecretName() == secret.GetName() || r.holdsCA(export, secret.GetName())
	})
}

func (r *Reconciler) exportsOfCluster(ctx context.Context, cluster metav1.Object) []reconcile.Request {
	return r.exports(ctx, cluster.GetNamespace(), func(export *v1alpha1.SecretExport) bool {
		user := export.Spec.Source.PostgresUser
		return user != nil && user.Cluster == cluster.GetName()
	})
}

func (r *Reconciler) holdsCA(export *v1alpha1.SecretExport, secret string) bool {
	user := export.Spec.Source.PostgresUser
	if user == nil {
		return false
	}
	obj, _ := r.Clusters.Get(export.Namespace, user.Cluster)
	cluster, ok := obj.(*pgo.PostgresCluster)
	if !ok {
		return false
	}
	name, _ := pgo.Project(cluster).CASecret()
	return name == secret
}

func (r *Reconciler) exports(ctx context.Context, namespace string, concerns func(*v1alpha1.SecretExport) bool) []reconcile.Request {
	var list v1alpha1.SecretExportList
	if err := r.Client.List(ctx, &list, client.InNamespace(namespace)); err != nil {
		ctrl.LoggerFrom(ctx).Error(err, "listing SecretExports from the cache", "namespace", namespace)
		return nil
	}
	var out []reconcile.Request
	for i := range list.Items {
		if concerns(&list.Items[i]) {
			out = append(out, reconcile.Request{NamespacedName: types.NamespacedName{Namespace: namespace, Name: list.Items[i].Name}})
		}
	}
	return out
}
