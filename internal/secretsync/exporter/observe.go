package exporter

import (
	"context"
	"fmt"
	"time"

	"github.com/fluxcd/pkg/apis/meta"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tazzo/rebirth/api/v1alpha1"
	"github.com/tazzo/rebirth/internal/secretsync/informers"
	"github.com/tazzo/rebirth/internal/secretsync/login"
	"github.com/tazzo/rebirth/internal/secretsync/metrics"
	"github.com/tazzo/rebirth/internal/secretsync/pgo"
	"github.com/tazzo/rebirth/internal/secretsync/proof"
	"github.com/tazzo/rebirth/internal/secretsync/redact"
)

// observe reads what the decision needs, and no Secret that it doesn't need.
func (r *Reconciler) observe(ctx context.Context, export *v1alpha1.SecretExport) (proof.Facts, error) {
	f := proof.Facts{
		Now:         r.Clock.Now().Truncate(time.Second), // what a status can hold
		Export:      export,
		Requested:   requested(export),
		Granted:     r.Grants.Export(export.Namespace, export.SecretName()),
		SeenVersion: version(r.Secrets, export.Namespace, export.SecretName()),
	}
	r.observeCluster(&f)
	if !proof.NeedsSource(f) {
		return f, nil
	}
	if err := r.readSource(ctx, &f); err != nil {
		return f, err
	}
	if err := r.readCA(ctx, &f); err != nil {
		return f, err
	}
	if proof.LoginDue(f) {
		result := r.Login(ctx, target(f))
		metrics.Verifications.WithLabelValues(string(result.Outcome)).Inc()
		f.Login = &result
	}
	return f, nil
}

func (r *Reconciler) observeCluster(f *proof.Facts) {
	user := f.Export.Spec.Source.PostgresUser
	if user == nil {
		return
	}
	obj, known := r.Clusters.Get(f.Export.Namespace, user.Cluster)
	f.ClusterKnown = known
	cluster, ok := obj.(*pgo.PostgresCluster)
	if !ok {
		return
	}
	projection := pgo.Project(cluster)
	f.Cluster = &projection
	name, _ := projection.CASecret()
	f.CAGranted = r.Grants.Export(f.Export.Namespace, name)
	f.SeenCAVersion = version(r.Secrets, f.Export.Namespace, name)
}

func (r *Reconciler) readSource(ctx context.Context, f *proof.Facts) error {
	secret := &corev1.Secret{}
	err := r.Live.Get(ctx, client.ObjectKey{Namespace: f.Export.Namespace, Name: f.Export.SecretName()}, secret)
	if err != nil {
		return ignoreNotFound(err, "reading source Secret %s/%s", f.Export.Namespace, f.Export.SecretName())
	}
	f.Source = &proof.Source{ResourceVersion: secret.ResourceVersion, Type: secret.Type, Data: redact.Data(secret.Data)}
	if f.Cluster != nil {
		if culprit, ok := pgo.Owned(secret, *f.Cluster); !ok {
			f.Source.NotOwned, f.Source.Orphaned = culprit, pgo.Orphaned(secret, *f.Cluster)
		}
	}
	return nil
}

func (r *Reconciler) readCA(ctx context.Context, f *proof.Facts) error {
	if f.Cluster == nil || !f.CAGranted {
		return nil
	}
	name, key := f.Cluster.CASecret()
	secret := &corev1.Secret{}
	if err := r.Live.Get(ctx, client.ObjectKey{Namespace: f.Export.Namespace, Name: name}, secret); err != nil {
		return ignoreNotFound(err, "reading the CA's Secret %s/%s", f.Export.Namespace, name)
	}
	if certificates := proof.Certificates(secret.Data[key]); certificates != "" {
		f.CA = &proof.CA{ResourceVersion: secret.ResourceVersion, PEM: certificates}
	}
	return nil
}

func target(f proof.Facts) login.Target {
	data := f.Source.Data
	t := login.Target{
		Host: string(data["host"]), Port: string(data["port"]),
		User: string(data["user"]), Database: string(data["dbname"]),
		Password: redact.Text(data["password"]),
	}
	if f.CA != nil {
		t.CA = []byte(f.CA.PEM)
	}
	return t
}

// version is the resourceVersion that the informer knows, or "".
func version(set *informers.Set, namespace, name string) string {
	if obj, known := set.Get(namespace, name); known && obj != nil {
		return obj.GetResourceVersion()
	}
	return ""
}

func requested(export *v1alpha1.SecretExport) bool {
	at, ok := meta.ReconcileAnnotationValue(export.Annotations)
	return ok && at != export.Status.LastHandledReconcileAt
}

func ignoreNotFound(err error, format string, args ...any) error {
	if client.IgnoreNotFound(err) == nil {
		return nil
	}
	return fmt.Errorf(format+": %w", append(args, err)...)
}
