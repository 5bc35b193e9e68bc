package reconciler

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/fluxcd/pkg/apis/meta"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tazzo/rebirth/api/v1alpha1"
	"github.com/tazzo/rebirth/internal/outcome"
	"github.com/tazzo/rebirth/internal/readiness/render"
	"github.com/tazzo/rebirth/internal/readiness/settle"
)

// refusedRetry is how often a gate that somebody has to mend is looked at.
const refusedRetry = 30 * time.Second

// report writes the report's ConfigMap and the status, if they changed.
func (r *Reconciler) report(ctx context.Context, gate *v1alpha1.ReadinessGate, m *memory) (ctrl.Result, error) {
	o := conclude(m.verdict)
	refused, err := r.writeReport(ctx, gate, render.Report(gate, o.Reason, o.Message, m.cni, m.round, m.entries))
	if err != nil {
		return ctrl.Result{}, err
	}
	o.Message += refused
	after := gate.DeepCopy()
	setStatus(after, m)
	o.Set(after)
	if err := r.writeStatus(ctx, gate, after); err != nil {
		return ctrl.Result{}, err
	}
	next := gate.Spec.Interval.Duration - r.Clock.Since(m.lastRound)
	return ctrl.Result{RequeueAfter: max(next, time.Second/10)}, nil
}

// conclude says in Flux' terms what a verdict means.
func conclude(v settle.Verdict) outcome.Outcome {
	o := outcome.Outcome{Class: outcome.Waiting, Message: v.Message}
	switch v.Phase {
	case settle.Open:
		o.Class, o.Reason = outcome.Ready, v1alpha1.GateOpenReason
	case settle.Failing:
		o.Class, o.Reason = outcome.Ready, v1alpha1.GateFailingReason
	case settle.Settling:
		o.Reason = v1alpha1.GateSettlingReason
	case settle.Overdue:
		o.Class, o.Reason = outcome.Stalled, v1alpha1.GateOverdueReason
	default:
		o.Reason = v1alpha1.GateShutReason
	}
	return o
}

func setStatus(gate *v1alpha1.ReadinessGate, m *memory) {
	setHandled(gate)
	s := &gate.Status
	s.Open, s.OpenedOnce = m.verdict.Published(), m.state.OpenedOnce
	s.Since, s.WaitingSince, s.FailingSince = moment(m.state.Since), moment(m.state.WaitingSince), nil
	if m.verdict.Phase == settle.Failing {
		s.FailingSince = moment(m.state.FailingSince)
	}
	s.ClusterUID = m.cluster
	s.CNI = m.cni
	s.Nodes = v1alpha1.GateNodeCounts{Total: int32(m.round.Total), Eligible: int32(m.round.Eligible), Passing: int32(m.round.Passing)}
	s.Failing = render.ForStatus(m.entries)
}

// setHandled writes into the status which spec, and which request to look at it, it is
// the answer to.
func setHandled(gate *v1alpha1.ReadinessGate) {
	gate.Status.ObservedGeneration = gate.Generation
	if at, ok := meta.ReconcileAnnotationValue(gate.Annotations); ok {
		gate.Status.SetLastHandledReconcileRequest(at)
	}
}

func moment(t time.Time) *metav1.Time {
	if t.IsZero() {
		return nil
	}
	out := metav1.NewTime(t).Rfc3339Copy()
	return &out
}

// refuse reports what somebody has to mend. Whatever it is, the gate is not open:
// a verdict of its own is withdrawn.
func (r *Reconciler) refuse(ctx context.Context, gate *v1alpha1.ReadinessGate, reason, message string) (ctrl.Result, error) {
	live, err := r.configMap(ctx, gate, gate.Spec.Publish.ConfigMapName)
	if err != nil {
		return ctrl.Result{}, err
	}
	if live != nil && owns(gate, live) {
		if err := r.withdraw(ctx, live); err != nil {
			return ctrl.Result{}, err
		}
	}
	r.forget(client.ObjectKeyFromObject(gate))
	refused, err := r.writeReport(ctx, gate, render.Refusal(gate, reason, message))
	if err != nil {
		return ctrl.Result{}, err
	}
	after := gate.DeepCopy()
	r.setShut(after)
	outcome.Outcome{Class: outcome.Stalled, Reason: reason, Message: message + refused}.Set(after)
	if err := r.writeStatus(ctx, gate, after); err != nil {
		return ctrl.Result{}, err
	}
	return ctrl.Result{RequeueAfter: refusedRetry}, nil
}

// serves reports whether the chart gives rights in the gate's namespace.
func (r *Reconciler) serves(gate *v1alpha1.ReadinessGate) bool {
	return slices.Contains(r.GateNamespaces, gate.Namespace)
}

// reportUnserved says what is missing; nothing can be read or written there.
func (r *Reconciler) reportUnserved(ctx context.Context, gate *v1alpha1.ReadinessGate) (ctrl.Result, error) {
	return ctrl.Result{}, r.reportNoRights(ctx, gate, fmt.Sprintf(
		"readiness-gate has no rights in namespace %s: add it to the chart's values, gateNamespaces: [{namespace: %s, configMaps: [%s]}], or move the gate; if its ConfigMap is still there, delete it, for nobody stands behind it",
		gate.Namespace, gate.Namespace, gate.Spec.Publish.ConfigMapName))
}

// reportForbidden says what the API server refuses. The namespace may have been made
// anew, say, and Flux not yet have put the Role back.
func (r *Reconciler) reportForbidden(ctx context.Context, gate *v1alpha1.ReadinessGate, err error) (ctrl.Result, error) {
	message := fmt.Sprintf("the API server refuses what this gate needs: are the chart's Role and RoleBinding in namespace %s, and no quota in the way? %s", gate.Namespace, err)
	if err := r.reportNoRights(ctx, gate, message); err != nil {
		return ctrl.Result{}, err
	}
	return ctrl.Result{RequeueAfter: refusedRetry}, nil
}

// reportNoRights reports a gate as shut, although a verdict of before may be left:
// nobody stands behind it, and its heartbeat has stopped.
func (r *Reconciler) reportNoRights(ctx context.Context, gate *v1alpha1.ReadinessGate, message string) error {
	after := gate.DeepCopy()
	r.setShut(after)
	outcome.Outcome{Class: outcome.Stalled, Reason: v1alpha1.NoRightsReason, Message: message}.Set(after)
	return r.writeStatus(ctx, gate, after)
}

// setShut writes into the status that the gate is shut, as of now if it was open, and
// that nothing is known: what a round found out before is no longer looked at.
func (r *Reconciler) setShut(gate *v1alpha1.ReadinessGate) {
	setHandled(gate)
	s := &gate.Status
	s.FailingSince, s.Nodes, s.Failing = nil, v1alpha1.GateNodeCounts{}, nil
	if s.Open {
		now := moment(r.Clock.Now())
		s.Open, s.Since, s.WaitingSince = false, now, now
	}
}

// writeReport writes the report's ConfigMap, if it changed. That the API server refuses
// it is no error but a part of the gate's message: with the verdict dealt with, a status
// that denied it would be wrong.
func (r *Reconciler) writeReport(ctx context.Context, gate *v1alpha1.ReadinessGate, wanted *corev1.ConfigMap) (refused string, err error) {
	live, err := r.configMap(ctx, gate, wanted.Name)
	if err != nil {
		return "", err
	}
	if live != nil && !owns(gate, live) {
		return "", nil // somebody else's: the status says everything that it would
	}
	err = named(r.write(ctx, live, wanted), "writing the report", client.ObjectKeyFromObject(wanted))
	if apierrors.IsForbidden(err) {
		return fmt.Sprintf("; but %s", err), nil
	}
	return "", err
}

func (r *Reconciler) writeStatus(ctx context.Context, before, after *v1alpha1.ReadinessGate) error {
	if equality.Semantic.DeepEqual(before.Status, after.Status) {
		return nil
	}
	// A merge patch leaves out what is equal, and the schema wants every count.
	base := before.DeepCopy()
	base.Status.Nodes = v1alpha1.GateNodeCounts{Total: -1, Eligible: -1, Passing: -1}
	if err := r.Client.Status().Patch(ctx, after, client.MergeFrom(base), client.FieldOwner(fieldOwner)); err != nil {
		return client.IgnoreNotFound(fmt.Errorf("writing the status of ReadinessGate %s/%s: %w", before.Namespace, before.Name, err))
	}
	if event, ok := outcome.Transition(before, after); ok {
		r.Events.Eventf(after, nil, event.Type, event.Reason, "Judge", "%s", event.Message)
		ctrl.LoggerFrom(ctx).Info(event.Message, "reason", event.Reason, "open", after.Status.Open)
	}
	return nil
}

func requested(gate *v1alpha1.ReadinessGate) bool {
	at, ok := meta.ReconcileAnnotationValue(gate.Annotations)
	return ok && at != gate.Status.LastHandledReconcileAt
}
