package secrets

import (
	"context"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tazzo/rebirth/api/v1alpha1"
	"github.com/tazzo/rebirth/internal/secretsync/externalsecret"
	"github.com/tazzo/rebirth/test/demo/show"
	"github.com/tazzo/rebirth/test/demo/stage"
	"github.com/tazzo/rebirth/test/flux"
	"github.com/tazzo/rebirth/test/operator"
)

// bringBack has Flux look again at what it applied: namespaces, then the chart's Roles
// in them and the export. Left alone it would at the next interval.
func (a *Act) bringBack(ctx context.Context) error {
	inFlux := func(name string) client.ObjectKey { return client.ObjectKey{Namespace: flux.Namespace, Name: name} }
	if err := a.stage.Reconcile(ctx, flux.Kustomization, inFlux(namespacesKustomization)); err != nil {
		return err
	}
	if err := a.stage.Appear(ctx, &corev1.Namespace{}, client.ObjectKey{Name: databaseNamespace}); err != nil {
		return err
	}
	if err := a.stage.Reconcile(ctx, flux.HelmRelease, client.ObjectKey{Namespace: programName, Name: programName}); err != nil {
		return err
	}
	if err := a.stage.Reconcile(ctx, flux.Kustomization, inFlux(databaseKustomization)); err != nil {
		return err
	}
	return a.stage.Appear(ctx, &v1alpha1.SecretExport{}, client.ObjectKey{Namespace: databaseNamespace, Name: userName})
}

// seed plays External Secrets: the ExternalSecret's policies have it write the
// Secret once, without an owner.
func (a *Act) seed(ctx context.Context, password string) error {
	if err := a.stage.Appear(ctx, stage.Kind(externalsecret.GroupVersionKind), client.ObjectKey{Namespace: consumerNamespace, Name: secretName}); err != nil {
		return err
	}
	return a.stage.Admin.Create(ctx, &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: consumerNamespace, Name: secretName},
		Data:       map[string][]byte{"user": []byte(userName), "password": []byte(password)},
	})
}

// plant creates the Secret that PGO takes a user's password from, if its owner
// puts it there before the cluster.
func (a *Act) plant(ctx context.Context, password string) error {
	return a.stage.Admin.Create(ctx, &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: databaseNamespace, Name: secretName, Labels: map[string]string{
			operator.ClusterLabel: clusterName, operator.RoleLabel: "pguser", operator.UserLabel: userName,
		}},
		Data: map[string][]byte{"password": []byte(password)},
	})
}

// deleteNamespace deletes the database's namespace and waits until it is gone.
func (a *Act) deleteNamespace(ctx context.Context) error {
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: databaseNamespace}}
	if err := a.stage.Admin.Delete(ctx, namespace); err != nil {
		return err
	}
	for {
		err := a.stage.Admin.Get(ctx, client.ObjectKeyFromObject(namespace), namespace)
		switch {
		case apierrors.IsNotFound(err):
			return nil
		case err != nil:
			return err
		case !show.Wait(ctx, 50*time.Millisecond):
			return context.Cause(ctx)
		}
	}
}

// setRepair is what the export's owner does who reads the way out.
func (a *Act) setRepair(ctx context.Context) error {
	var export v1alpha1.SecretExport
	if err := a.stage.Admin.Get(ctx, client.ObjectKey{Namespace: databaseNamespace, Name: userName}, &export); err != nil {
		return err
	}
	before := export.DeepCopy()
	export.Spec.Repair = v1alpha1.RepairReapplyVerifier
	return a.stage.Admin.Patch(ctx, &export, client.MergeFrom(before))
}
