package importer

import (
	"context"
	"fmt"
	"time"

	"github.com/fluxcd/pkg/apis/meta"
	"github.com/fluxcd/pkg/runtime/conditions"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tazzo/rebirth/api/v1alpha1"
	"github.com/tazzo/rebirth/internal/outcome"
	"github.com/tazzo/rebirth/internal/secretsync/metrics"
	"github.com/tazzo/rebirth/internal/secretsync/mirror"
)

// missingRetry is how often a listed workload that doesn't exist is looked for.
const missingRetry = 30 * time.Second

// externalRetry is how often an ExternalSecret that Git has to change is looked
// at: nobody watches them.
const externalRetry = 30 * time.Second

// report writes the status, if it changed, and the events that the change is worth.
func (r *Reconciler) report(ctx context.Context, f mirror.Facts, plan mirror.Plan, done applied, restarts restarted) (ctrl.Result, error) {
	after := f.Import.DeepCopy()
	handleRequest(after)
	after.Status.ObservedGeneration = after.Generation
	setSource(after, f, plan)
	setTarget(after, f, plan, done)
	setRestart(after, restarts)
	withRestarts(plan.Outcome, restarts).Set(after)
	if err := r.writeStatus(ctx, f.Import, after); err != nil {
		return ctrl.Result{}, err
	}
	r.announceRestarts(after, restarts)
	return ctrl.Result{RequeueAfter: r.next(plan, restarts)}, nil
}

// reportRefused reports what the API server refused or failed to do; nothing was
// written.
func (r *Reconciler) reportRefused(ctx context.Context, f mirror.Facts, class outcome.Class, reason, message string) (ctrl.Result, error) {
	after := f.Import.DeepCopy()
	handleRequest(after)
	after.Status.ObservedGeneration = after.Generation
	if after.Status.Target != nil {
		after.Status.Target.ResourceVersion = "" // looked at again, whatever the cache says
	}
	outcome.Outcome{
		Class: class, Reason: reason, Message: message,
		Conditions: []outcome.Condition{outcome.False(v1alpha1.SyncedCondition, reason, message)},
	}.Set(after)
	return ctrl.Result{RequeueAfter: refusedRetry}, r.writeStatus(ctx, f.Import, after)
}

func (r *Reconciler) writeStatus(ctx context.Context, before, after *v1alpha1.SecretImport) error {
	if equality.Semantic.DeepEqual(before.Status, after.Status) {
		return nil
	}
	if err := r.Client.Status().Patch(ctx, after, client.MergeFrom(before), client.FieldOwner(fieldOwner)); err != nil {
		return client.IgnoreNotFound(fmt.Errorf("writing the status of SecretImport %s/%s: %w", before.Namespace, before.Name, err))
	}
	if after.ResourceVersion != before.ResourceVersion {
		r.own.wrote(client.ObjectKeyFromObject(before), before.ResourceVersion, r.Clock.Now())
	}
	if event, ok := outcome.Transition(before, after); ok {
		r.Events.Eventf(after, nil, event.Type, event.Reason, "Mirror", "%s", event.Message)
		ctrl.LoggerFrom(ctx).Info(event.Message, "reason", event.Reason, "ready", conditions.IsReady(after))
		if conditions.IsStalled(after) {
			metrics.Refusals.WithLabelValues(event.Reason).Inc()
		}
	}
	if taken := conditions.Get(after, v1alpha1.TakenOverCondition); taken != nil && !conditions.Has(before, v1alpha1.TakenOverCondition) {
		r.Events.Eventf(after, nil, corev1.EventTypeNormal, taken.Reason, "TakeOver", "%s", taken.Message)
	}
	return nil
}

func (r *Reconciler) announceRestarts(imp *v1alpha1.SecretImport, restarts restarted) {
	for _, done := range restarts.done {
		r.Events.Eventf(imp, nil, corev1.EventTypeNormal, v1alpha1.RestartedReason, "Restart",
			"restarted %s %s, which held an older value of Secret %s", done.Kind, done.Name, imp.Status.Target.Name)
	}
}

// next is when to look again although nothing happened; 0 is never.
func (r *Reconciler) next(plan mirror.Plan, restarts restarted) time.Duration {
	switch {
	case plan.Action == mirror.Freeze, plan.Action == mirror.Thaw:
		return conflictRetry
	case plan.Outcome.Reason == v1alpha1.ExternalSecretNotSeedReason:
		return externalRetry
	case !plan.LookAgain.IsZero():
		return max(plan.LookAgain.Sub(r.Clock.Now()), time.Second)
	case !restarts.plan.WaitUntil.IsZero():
		return max(restarts.plan.WaitUntil.Sub(r.Clock.Now()), time.Second)
	case len(restarts.done) < len(restarts.plan.Restarts):
		return conflictRetry
	case restarts.plan.Reason == v1alpha1.WorkloadMissingReason:
		return missingRetry
	default:
		return 0
	}
}

func handleRequest(imp *v1alpha1.SecretImport) {
	if at, ok := meta.ReconcileAnnotationValue(imp.Annotations); ok {
		imp.Status.SetLastHandledReconcileRequest(at)
	}
}

func setSource(imp *v1alpha1.SecretImport, f mirror.Facts, plan mirror.Plan) {
	if !plan.InOrder || plan.Keep {
		return
	}
	imp.Status.Source = &v1alpha1.ImportSourceStatus{
		Export:           f.Export.Namespace + "/" + f.Export.Name,
		NamespaceUID:     f.ExportNamespace.UID,
		ExportUID:        string(f.Export.UID),
		ExportGeneration: f.Export.Generation,
		Revision:         f.Export.Status.Revision,
		OnRevoke:         f.Export.Spec.OnRevoke,
	}
}

func setTarget(imp *v1alpha1.SecretImport, f mirror.Facts, plan mirror.Plan, done applied) {
	if plan.Frozen != nil {
		imp.Status.FrozenExternalSecret = *plan.Frozen
	}
	switch {
	case plan.Forget:
		imp.Status.Target = nil
	case done.version != "":
		imp.Status.Target = &v1alpha1.ImportTargetStatus{Name: mirror.TargetName(f.Import, f.Export), ResourceVersion: done.version, Generation: imp.Generation}
		if newest := plan.Changed.Newest(); !newest.IsZero() {
			imp.Status.Target.ChangedAt = &metav1.Time{Time: newest}
		}
	case imp.Status.Target == nil || imp.Status.Target.Name != mirror.TargetName(f.Import, allowedExport(f)):
		// Its name alone, so that a change of the Secret in its place wakes us.
		if name := mirror.TargetName(f.Import, allowedExport(f)); name != "" {
			imp.Status.Target = &v1alpha1.ImportTargetStatus{Name: name}
		}
	}
}

// allowedExport is the export, if this import may know of it.
func allowedExport(f mirror.Facts) *v1alpha1.SecretExport {
	if f.Export != nil && mirror.Names(f.Export, f.Namespace) {
		return f.Export
	}
	return nil
}

func setRestart(imp *v1alpha1.SecretImport, restarts restarted) {
	if !restarts.looked {
		return
	}
	status := imp.Status.Restart.DeepCopy()
	if status == nil {
		status = &v1alpha1.ImportRestartStatus{}
	}
	if at := restarts.plan.HandledUpTo; !at.IsZero() && len(restarts.done) == len(restarts.plan.Restarts) {
		status.HandledUpTo = &metav1.Time{Time: at}
	}
	if len(restarts.done) > 0 {
		status.Last = restarts.done[:min(len(restarts.done), 256)]
	}
	if status.HandledUpTo != nil || status.Last != nil {
		imp.Status.Restart = status
	}
}

// withRestarts adds what became of the restarts to the outcome of the mirror.
func withRestarts(o outcome.Outcome, restarts restarted) outcome.Outcome {
	if !restarts.looked {
		return o
	}
	p := restarts.plan
	o.Conditions = append(o.Conditions, outcome.Condition{Type: v1alpha1.RestartedCondition, Status: p.Status, Reason: p.Reason, Message: p.Message})
	if p.Status != metav1.ConditionFalse {
		return o
	}
	o.Class, o.Reason, o.Message = outcome.Waiting, p.Reason, p.Message
	if p.Reason == v1alpha1.WorkloadMissingReason || p.Reason == v1alpha1.NoRightsReason {
		o.Class = outcome.Stalled
	}
	return o
}
