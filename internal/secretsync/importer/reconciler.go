// Package importer reconciles SecretImports: it reads what the cluster knows,
// lets package mirror decide about the Secret and package rollout about the
// processes that read it, and writes what they decided. It reads Secrets live and
// keeps nothing of them.
package importer

import (
	"context"
	"errors"
	"time"

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
	"github.com/tazzo/rebirth/internal/secretsync/mirror"
)

// Reconciler reconciles SecretImports.
type Reconciler struct {
	// Client reads imports, exports and namespaces from the cache, and writes.
	Client client.Client
	// Live reads Secrets, ExternalSecrets, workloads and pods.
	Live client.Reader
	// Secrets tells what changed, and which version is the present one.
	Secrets *informers.Set
	Grants  grants.Set
	Events  events.EventRecorder
	Clock   clock.PassiveClock

	own      ownWrites
	first    unreported
	failures outcome.Failures
}

// Reconcile implements reconcile.Reconciler.
func (r *Reconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	imp := &v1alpha1.SecretImport{}
	err := r.Client.Get(ctx, req.NamespacedName, imp)
	pass, written := r.first.take(req.NamespacedName, imp.ResourceVersion)
	if err != nil {
		r.own.forget(req.NamespacedName)
		r.failures.Over(req.NamespacedName)
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	switch {
	case !imp.DeletionTimestamp.IsZero() || imp.Spec.Suspend:
		return ctrl.Result{}, nil
	case written:
		pass.facts.Now = r.Clock.Now()
		return r.conclude(ctx, pass)
	case r.own.pending(req.NamespacedName, imp.ResourceVersion, r.Clock.Now()):
		return ctrl.Result{RequeueAfter: conflictRetry}, nil
	}
	facts, err := r.observe(ctx, imp)
	if err != nil {
		return r.failed(ctx, facts, err)
	}
	plan := mirror.Decide(facts)
	done, err := r.apply(ctx, facts, plan)
	if err != nil {
		return r.failed(ctx, facts, err)
	}
	if done.wrote {
		r.first.keep(req.NamespacedName, firstPass{facts, plan, done})
		return ctrl.Result{RequeueAfter: secondPass}, nil
	}
	return r.conclude(ctx, firstPass{facts, plan, done})
}

// conclude looks at the processes and reports.
func (r *Reconciler) conclude(ctx context.Context, pass firstPass) (ctrl.Result, error) {
	key := client.ObjectKeyFromObject(pass.facts.Import)
	restarts, err := r.restart(ctx, pass)
	switch {
	case err == nil:
		r.failures.Over(key)
	case apierrors.IsForbidden(err):
		words, _ := r.again(key, v1alpha1.NoRightsReason, err)
		restarts, err = forbidden(pass.facts, restarts, words), nil
	default:
		words, _ := r.again(key, v1alpha1.RestartPendingReason, err)
		restarts = notYet(pass.facts, restarts, words)
	}
	// The mirror is written: that is reported, whatever became of the restarts.
	result, reportErr := r.report(ctx, pass.facts, pass.plan, pass.done, restarts)
	if err != nil || reportErr != nil {
		return ctrl.Result{}, errors.Join(err, reportErr)
	}
	return result, nil
}

const (
	// refusedRetry is how often a refused request is tried again: no event tells
	// that a Role came, or that a policy or a webhook changed its mind.
	refusedRetry = 30 * time.Second
	// conflictRetry is when to look again after somebody else wrote first.
	conflictRetry = time.Second
	// quotedLength is how much of an API server's words a message takes.
	quotedLength = 500
)

// again notes another failure; see outcome.Failures.
func (r *Reconciler) again(key client.ObjectKey, reason string, err error) (words string, lasts bool) {
	return r.failures.Again(key, reason, quote.Line(err.Error(), quotedLength), r.Clock.Now())
}

// failed sorts the errors of the API server: what somebody has to mend becomes a
// condition, a lost race another look. Everything else is tried again with back-off,
// and told if it lasts.
func (r *Reconciler) failed(ctx context.Context, f mirror.Facts, err error) (ctrl.Result, error) {
	key := client.ObjectKeyFromObject(f.Import)
	switch {
	case apierrors.IsForbidden(err):
		words, _ := r.again(key, v1alpha1.NoRightsReason, err)
		return r.reportRefused(ctx, f, outcome.Stalled, v1alpha1.NoRightsReason, "the API server refuses what the chart's Roles should allow; are the chart's values right, and the Roles there? ("+words+")")
	case apierrors.IsInvalid(err):
		words, _ := r.again(key, v1alpha1.InvalidSpecReason, err)
		return r.reportRefused(ctx, f, outcome.Stalled, v1alpha1.InvalidSpecReason, "the API server does not accept the mirror: "+words)
	case apierrors.IsConflict(err), apierrors.IsAlreadyExists(err):
		ctrl.LoggerFrom(ctx).V(1).Info("somebody wrote first; looking again", "cause", err.Error())
		return ctrl.Result{RequeueAfter: conflictRetry}, nil
	}
	words, lasts := r.again(key, v1alpha1.RequestFailedReason, err)
	if !lasts {
		return ctrl.Result{}, err
	}
	_, reportErr := r.reportRefused(ctx, f, outcome.Waiting, v1alpha1.RequestFailedReason, "trying again what the API server did not do: "+words)
	return ctrl.Result{}, errors.Join(err, reportErr)
}
