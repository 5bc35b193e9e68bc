package importer

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/fluxcd/pkg/apis/meta"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tazzo/rebirth/api/v1alpha1"
	"github.com/tazzo/rebirth/internal/secretsync/eso"
	"github.com/tazzo/rebirth/internal/secretsync/mirror"
	"github.com/tazzo/rebirth/internal/secretsync/redact"
)

// observe reads what the decision needs: first what tells whether the import may
// have anything, from the cache; then, only if so, the Secrets.
func (r *Reconciler) observe(ctx context.Context, imp *v1alpha1.SecretImport) (mirror.Facts, error) {
	f := mirror.Facts{
		Now:       r.Clock.Now(),
		Import:    imp,
		Requested: requested(imp),
		Granted:   r.Grants.Import(imp.Namespace),
	}
	if err := observeConsent(ctx, r.Client, &f); err != nil {
		return f, err
	}
	if mirror.NeedsTarget(f) {
		// A cache may be behind, each of the two by another time.
		if err := observeConsent(ctx, r.Live, &f); err != nil {
			return f, err
		}
	}
	target := mirror.TargetName(imp, allowedExport(f))
	if err := r.observeRivals(ctx, &f, target); err != nil {
		return f, err
	}
	f.SeenVersion = r.seenVersion(imp.Namespace, target)
	switch {
	case mirror.NeedsSecrets(f):
		return f, r.readSecrets(ctx, &f, target)
	case mirror.NeedsTarget(f):
		return f, r.readTarget(ctx, &f, target)
	}
	return f, nil
}

// seenVersion is the resourceVersion that the informer knows, or "".
func (r *Reconciler) seenVersion(namespace, name string) string {
	if obj, known := r.Secrets.Get(namespace, name); known && obj != nil {
		return obj.GetResourceVersion()
	}
	return ""
}

func observeConsent(ctx context.Context, reader client.Reader, f *mirror.Facts) (err error) {
	if f.Namespace, err = namespace(ctx, reader, f.Import.Namespace); err != nil {
		return err
	}
	if f.ExportNamespace, err = namespace(ctx, reader, f.Import.Spec.From.Namespace); err != nil {
		return err
	}
	export := &v1alpha1.SecretExport{}
	f.Export = nil
	err = reader.Get(ctx, client.ObjectKey{Namespace: f.Import.Spec.From.Namespace, Name: f.Import.Spec.From.Name}, export)
	if client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("reading SecretExport %s/%s: %w", f.Import.Spec.From.Namespace, f.Import.Spec.From.Name, err)
	}
	if err == nil && export.DeletionTimestamp.IsZero() {
		f.Export = export
	}
	return nil
}

func namespace(ctx context.Context, reader client.Reader, name string) (mirror.Namespace, error) {
	ns := &metav1.PartialObjectMetadata{}
	ns.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("Namespace"))
	if err := reader.Get(ctx, client.ObjectKey{Name: name}, ns); err != nil {
		return mirror.Namespace{Name: name}, ignoreNotFound(err, "reading namespace %s", name)
	}
	return mirror.Namespace{Name: name, UID: string(ns.UID), Labels: ns.Labels, Terminating: !ns.DeletionTimestamp.IsZero()}, nil
}

// observeRivals finds the imports that have a better right to the target.
func (r *Reconciler) observeRivals(ctx context.Context, f *mirror.Facts, target string) error {
	if target == "" {
		return nil
	}
	var list v1alpha1.SecretImportList
	if err := r.Client.List(ctx, &list, client.InNamespace(f.Import.Namespace), client.MatchingFields{targetIndex: target}); err != nil {
		return fmt.Errorf("listing the SecretImports of namespace %s: %w", f.Import.Namespace, err)
	}
	for i := range list.Items {
		other := &list.Items[i]
		if other.Name != f.Import.Name && mirror.TargetName(other, nil) == target && mirror.Precedes(other, f.Import, target) {
			f.Rivals = append(f.Rivals, other.Name)
		}
	}
	slices.Sort(f.Rivals)
	return nil
}

func (r *Reconciler) readSecrets(ctx context.Context, f *mirror.Facts, target string) error {
	source := &corev1.Secret{}
	key := client.ObjectKey{Namespace: f.Export.Namespace, Name: f.Export.SecretName()}
	switch err := r.Live.Get(ctx, key, source); {
	case err == nil:
		f.Source = &mirror.Source{ResourceVersion: source.ResourceVersion, ChangedAt: changedAt(source), Type: source.Type, Data: redact.Data(source.Data)}
	case client.IgnoreNotFound(err) != nil:
		return fmt.Errorf("reading source Secret %s: %w", key, err)
	}
	if err := r.readTarget(ctx, f, target); err != nil {
		return err
	}
	if name := mirror.ExternalSecretName(f.Import, target); name != "" {
		external, err := eso.Observe(ctx, r.Live, f.Import.Namespace, name)
		if err != nil {
			return err
		}
		f.External = &external
	}
	return nil
}

func (r *Reconciler) readTarget(ctx context.Context, f *mirror.Facts, target string) error {
	live := &corev1.Secret{}
	if err := r.Live.Get(ctx, client.ObjectKey{Namespace: f.Import.Namespace, Name: target}, live); err != nil {
		return ignoreNotFound(err, "reading target Secret %s/%s", f.Import.Namespace, target)
	}
	f.Target = mirror.NewLive(live)
	return nil
}

// changedAt is the newest time at which the API server noted a change of a field.
func changedAt(secret *corev1.Secret) time.Time {
	newest := secret.CreationTimestamp.Time
	for _, entry := range secret.ManagedFields {
		if entry.Time != nil && entry.Time.After(newest) {
			newest = entry.Time.Time
		}
	}
	return newest
}

func requested(imp *v1alpha1.SecretImport) bool {
	at, ok := meta.ReconcileAnnotationValue(imp.Annotations)
	return ok && at != imp.Status.LastHandledReconcileAt
}

func ignoreNotFound(err error, format string, args ...any) error {
	if client.IgnoreNotFound(err) == nil {
		return nil
	}
	return fmt.Errorf(format+": %w", append(args, err)...)
}
