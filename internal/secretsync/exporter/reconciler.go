// Package exporter reconciles SecretExports: it reads what the cluster knows,
// lets package proof decide, logs in where that is asked for, and writes the
// export's status. It reads Secrets live and keeps nothing of them.
package exporter

import (
	"context"
	"errors"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/tools/events"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tazzo/rebirth/api/v1alpha1"
	"github.com/tazzo/rebirth/internal/outcome"
	"github.com/tazzo/rebirth/internal/quote"
	"github.com/tazzo/rebirth/internal/secretsync/grants"
	"github.com/tazzo/rebirth/internal/secretsync/informers"
	"github.com/tazzo/rebirth/internal/secretsync/login"
	"github.com/tazzo/rebirth/internal/secretsync/proof"
)

// Reconciler reconciles SecretExports.
type Reconciler struct {
	// Client reads exports from the cache and writes.
	Client client.Client
	// Live reads Secrets.
	Live client.Reader
	// Secrets and Clusters tell what changed, and which version is the present one.
	Secrets  *informers.Set
	Clusters *informers.Set
	Grants   grants.Set
	Login    login.Func
	Events   events.EventRecorder
	Clock    clock.PassiveClock

	failures outcome.Failures
}

// Reconcile implements reconcile.Reconciler.
func (r *Reconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	export := &v1alpha1.SecretExport{}
	if err := r.Client.Get(ctx, req.NamespacedName, export); err != nil {
		r.failures.Over(req.NamespacedName)
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if !export.DeletionTimestamp.IsZero() || export.Spec.Suspend {
		return ctrl.Result{}, nil
	}
	facts, err := r.observe(ctx, export)
	if apierrors.IsForbidden(err) {
		words, _ := r.again(facts, v1alpha1.NoRightsReason, err)
		return r.report(ctx, facts, forbidden(facts, words))
	}
	if err != nil {
		return r.failed(ctx, facts, proof.Due(export.Status.Verification), err)
	}
	plan := proof.Decide(facts)
	if err := r.apply(ctx, facts, plan); err != nil {
		if apierrors.IsForbidden(err) {
			words, _ := r.again(facts, v1alpha1.NoRightsReason, err)
			return r.report(ctx, facts, repairForbidden(facts, plan, words))
		}
		return r.failed(ctx, facts, plan.Verification, err)
	}
	if !plan.Keep {
		r.failures.Over(req.NamespacedName)
	}
	return r.report(ctx, facts, plan)
}

// again notes another failure; see outcome.Failures.
func (r *Reconciler) again(f proof.Facts, reason string, err error) (words string, lasts bool) {
	return r.failures.Again(client.ObjectKeyFromObject(f.Export), reason, quote.Line(err.Error(), quotedLength), r.Clock.Now())
}

// failed has what the API server did not do tried again with back-off, and tells it
// if it lasts.
func (r *Reconciler) failed(ctx context.Context, f proof.Facts, verification *v1alpha1.VerificationStatus, err error) (ctrl.Result, error) {
	words, lasts := r.again(f, v1alpha1.RequestFailedReason, err)
	if !lasts {
		return ctrl.Result{}, err
	}
	_, reportErr := r.report(ctx, f, requestFailed(verification, words))
	return ctrl.Result{}, errors.Join(err, reportErr)
}
