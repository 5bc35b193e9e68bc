package exporter

import (
	"context"
	"fmt"
	"time"

	"github.com/fluxcd/pkg/apis/meta"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tazzo/rebirth/api/v1alpha1"
	"github.com/tazzo/rebirth/internal/outcome"
	"github.com/tazzo/rebirth/internal/secretsync/metrics"
	"github.com/tazzo/rebirth/internal/secretsync/proof"
)

// forbiddenRetry is how often a refused request is tried again: no event tells
// that a Role came.
const forbiddenRetry = 30 * time.Second

// quotedLength is how much of an API server's words a message takes.
const quotedLength = 500

// report writes the status, if it changed, and the event that the change is worth.
func (r *Reconciler) report(ctx context.Context, f proof.Facts, plan proof.Plan) (ctrl.Result, error) {
	result := ctrl.Result{RequeueAfter: plan.RequeueAfter}
	before, after := f.Export, f.Export.DeepCopy()
	setStatus(after, f, plan)
	if equality.Semantic.DeepEqual(before.Status, after.Status) {
		return result, nil
	}
	if err := r.Client.Status().Patch(ctx, after, client.MergeFrom(before), client.FieldOwner(FieldOwner)); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(fmt.Errorf("writing the status of SecretExport %s/%s: %w", before.Namespace, before.Name, err))
	}
	if event, ok := outcome.Transition(before, after); ok {
		r.Events.Eventf(after, nil, event.Type, event.Reason, "Prove", "%s", event.Message)
		ctrl.LoggerFrom(ctx).Info(event.Message, "reason", event.Reason, "ready", plan.Outcome.Class == outcome.Ready)
		if plan.Outcome.Class == outcome.Stalled {
			metrics.Refusals.WithLabelValues(event.Reason).Inc()
		}
	}
	return result, nil
}

func setStatus(export *v1alpha1.SecretExport, f proof.Facts, plan proof.Plan) {
	if at, ok := meta.ReconcileAnnotationValue(export.Annotations); ok {
		export.Status.SetLastHandledReconcileRequest(at)
	}
	if plan.Keep {
		return
	}
	export.Status.ObservedGeneration = export.Generation
	export.Status.Verification = plan.Verification
	if plan.Repair != nil {
		export.Status.Repair = plan.Repair
	}
	if p := plan.Publish; p != nil {
		if export.Status.Revision != p.Revision {
			now := metav1.NewTime(f.Now)
			export.Status.RevisionTime = &now
		}
		export.Status.Revision, export.Status.CA, export.Status.CAResourceVersion = p.Revision, p.CA, p.CAResourceVersion
	}
	plan.Outcome.Set(export)
}

// forbidden is the plan when the API server refuses what the chart should allow.
func forbidden(f proof.Facts, words string) proof.Plan {
	return noRights(fmt.Sprintf("the API server refuses what the chart's Role in namespace %s should allow; is the Role there? (%s)", f.Export.Namespace, words))
}

// repairForbidden goes on with the record of attempts, or the refusal would have
// to become final anew each time.
func repairForbidden(f proof.Facts, plan proof.Plan, words string) proof.Plan {
	refused := noRights(fmt.Sprintf("spec.repair: ReapplyVerifier needs the chart's value exports: [{namespace: %s, repair: true}] (%s)", f.Export.Namespace, words))
	refused.Verification = plan.Verification
	return refused
}

// requestFailed is the plan while requests fail, and nobody knows more than before.
func requestFailed(verification *v1alpha1.VerificationStatus, words string) proof.Plan {
	message := "trying again what the API server did not do: " + words
	return proof.Plan{
		Outcome: outcome.Outcome{
			Class: outcome.Waiting, Reason: v1alpha1.RequestFailedReason, Message: message,
			Conditions: []outcome.Condition{outcome.Unknown(v1alpha1.VerifiedCondition, v1alpha1.RequestFailedReason, message)},
		},
		Verification: verification,
	}
}

func noRights(message string) proof.Plan {
	return proof.Plan{
		Outcome: outcome.Outcome{
			Class: outcome.Stalled, Reason: v1alpha1.NoRightsReason, Message: message,
			Conditions: []outcome.Condition{outcome.Unknown(v1alpha1.VerifiedCondition, v1alpha1.NoRightsReason, message)},
		},
		RequeueAfter: forbiddenRetry,
	}
}
