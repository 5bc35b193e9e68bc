package importer

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tazzo/rebirth/internal/secretsync/eso"
	"github.com/tazzo/rebirth/internal/secretsync/metrics"
	"github.com/tazzo/rebirth/internal/secretsync/mirror"
)

// fieldOwner is what secret-sync writes as.
const fieldOwner = "secret-sync"

// applied is what apply did.
type applied struct {
	// version of the mirror after the write, or as it was found in order.
	version string
	// created is when the mirror was, by the API server's clock.
	created time.Time
	// wrote: the mirror was created or updated.
	wrote bool
}

// apply makes the one write of the plan. Every write is tied to what was read: a
// create fails if something is there, an update or delete if it has changed.
func (r *Reconciler) apply(ctx context.Context, f mirror.Facts, plan mirror.Plan) (applied, error) {
	switch plan.Action {
	case mirror.Create:
		return r.create(ctx, f, plan.Mirror.Secret())
	case mirror.Update:
		secret := plan.Mirror.Secret().DeepCopy()
		if err := r.Client.Update(ctx, secret, client.FieldOwner(fieldOwner)); err != nil {
			return applied{}, fmt.Errorf("updating mirror %s/%s: %w", secret.Namespace, secret.Name, err)
		}
		return r.written(ctx, f, secret, "updated"), nil
	case mirror.Delete:
		return applied{}, r.delete(ctx, plan.Mirror.Secret())
	case mirror.Freeze:
		return applied{}, eso.Freeze(ctx, r.Client, *f.External)
	case mirror.Thaw:
		return applied{}, eso.Thaw(ctx, r.Client, *f.External)
	}
	if plan.Mirror != nil {
		secret := plan.Mirror.Secret()
		return applied{version: secret.ResourceVersion, created: secret.CreationTimestamp.Time}, nil
	}
	return applied{}, nil
}

// create fails if a Secret of that name is there by now: a server-side apply would
// merge the two.
func (r *Reconciler) create(ctx context.Context, f mirror.Facts, secret *corev1.Secret) (applied, error) {
	secret = secret.DeepCopy()
	if err := r.Client.Create(ctx, secret, client.FieldOwner(fieldOwner)); err != nil {
		return applied{}, fmt.Errorf("creating mirror %s/%s: %w", secret.Namespace, secret.Name, err)
	}
	return r.written(ctx, f, secret, "created"), nil
}

func (r *Reconciler) delete(ctx context.Context, secret *corev1.Secret) error {
	err := r.Client.Delete(ctx, secret, client.Preconditions{UID: &secret.UID, ResourceVersion: &secret.ResourceVersion})
	if err != nil {
		return ignoreNotFound(err, "deleting mirror %s/%s", secret.Namespace, secret.Name)
	}
	ctrl.LoggerFrom(ctx).Info("mirror deleted, for consent was withdrawn", "secret", secret.Name)
	return nil
}

func (r *Reconciler) written(ctx context.Context, f mirror.Facts, secret *corev1.Secret, how string) applied {
	latency := r.Clock.Since(f.Source.ChangedAt)
	metrics.MirrorLatency.Observe(latency.Seconds())
	ctrl.LoggerFrom(ctx).Info("mirror "+how, "secret", secret.Name, "revision", f.Export.Status.Revision)
	return applied{version: secret.ResourceVersion, created: secret.CreationTimestamp.Time, wrote: true}
}
