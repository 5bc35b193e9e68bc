package importer

import (
	"context"
	"fmt"
	"time"

	"github.com/fluxcd/pkg/runtime/conditions"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tazzo/rebirth/api/v1alpha1"
	"github.com/tazzo/rebirth/internal/secretsync/metrics"
	"github.com/tazzo/rebirth/internal/secretsync/mirror"
	"github.com/tazzo/rebirth/internal/secretsync/rollout"
)

// restarted is what restart decided and did.
type restarted struct {
	// looked: processes were looked at, so plan says something.
	looked bool
	plan   rollout.Plan
	done   []v1alpha1.WorkloadRestart
}

// restart looks for processes that hold an older value than the mirror, and
// restarts them. It does nothing until the mirror is in order, and nothing once
// every process was looked at for the newest change.
func (r *Reconciler) restart(ctx context.Context, pass firstPass) (restarted, error) {
	f, plan := pass.facts, pass.plan
	if !plan.InOrder {
		return restarted{}, nil
	}
	name, changed, created := mirror.TargetName(f.Import, f.Export), plan.Changed, pass.done.created
	switch {
	case plan.Keep && lookedThrough(f.Import), !plan.Keep && handled(f.Import, changed.Newest()):
		return restarted{}, nil
	case plan.Keep:
		var err error
		if changed, created, err = r.readChanged(ctx, f.Import.Namespace, name); err != nil {
			return restarted{}, err
		}
	}
	facts, err := r.observeProcesses(ctx, f, name, changed)
	if err != nil {
		return restarted{}, err
	}
	facts.MirrorCreated = created
	out := restarted{looked: true, plan: rollout.Decide(facts)}
	out.done, err = rollout.Apply(ctx, r.Client, f.Import.Namespace, rollout.FieldOwner(f.Import.Name), out.plan.Restarts)
	for _, done := range out.done {
		metrics.Restarts.WithLabelValues(f.Import.Namespace, done.Kind, "asked").Inc()
	}
	if err != nil {
		metrics.Restarts.WithLabelValues(f.Import.Namespace, "", "failed").Inc()
	}
	return out, err
}

// forbidden is what a restart ended in that the API server refused.
func forbidden(f mirror.Facts, so restarted, words string) restarted {
	out := unfinished(f, so, v1alpha1.NoRightsReason, fmt.Sprintf("the mirror is in order, but the API server refuses what the chart's Role in namespace %s should allow about workloads; is the Role there? (%s)",
		f.Import.Namespace, words))
	out.plan.WaitUntil = f.Now.Add(refusedRetry)
	return out
}

// notYet is what a restart ended in that failed, and is tried again.
func notYet(f mirror.Facts, so restarted, words string) restarted {
	return unfinished(f, so, v1alpha1.RestartPendingReason, "not restarted yet: "+words)
}

// unfinished keeps what was restarted so far, and has the rest looked at again.
func unfinished(f mirror.Facts, so restarted, reason, message string) restarted {
	return restarted{looked: true, done: so.done, plan: rollout.Plan{
		HandledUpTo: handledUpTo(f.Import),
		Status:      metav1.ConditionFalse,
		Reason:      reason,
		Message:     message,
	}}
}

func (r *Reconciler) observeProcesses(ctx context.Context, f mirror.Facts, secret string, changed mirror.Changed) (rollout.Facts, error) {
	workloads, pods, err := rollout.Observe(ctx, r.Live, f.Import.Namespace, secret, f.Import.Spec.Restart)
	return rollout.Facts{
		Now:         f.Now,
		Import:      f.Import.Name,
		Secret:      secret,
		Changed:     changed,
		HandledUpTo: handledUpTo(f.Import),
		Spec:        f.Import.Spec.Restart,
		Workloads:   workloads,
		Pods:        pods,
	}, err
}

// readChanged reads the moments of a mirror that is in order, and when it was
// created, without its data.
func (r *Reconciler) readChanged(ctx context.Context, namespace, name string) (mirror.Changed, time.Time, error) {
	secret := &metav1.PartialObjectMetadata{}
	secret.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("Secret"))
	if err := r.Live.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, secret); err != nil {
		return nil, time.Time{}, fmt.Errorf("reading the metadata of mirror %s/%s: %w", namespace, name, err)
	}
	return mirror.ReadChanged(secret.Annotations), secret.CreationTimestamp.Time, nil
}

// lookedThrough reports whether the mirror that the status describes needs no
// further look at processes.
func lookedThrough(imp *v1alpha1.SecretImport) bool {
	newest := time.Time{}
	if changed := imp.Status.Target.ChangedAt; changed != nil {
		newest = changed.Time
	}
	return handled(imp, newest)
}

// handled reports whether processes were looked at since the change, and since
// the spec said how, and nothing was left to do.
func handled(imp *v1alpha1.SecretImport, newest time.Time) bool {
	if t := imp.Status.Target; t == nil || t.Generation != imp.Generation || conditions.IsFalse(imp, v1alpha1.RestartedCondition) {
		return false
	}
	return imp.Spec.Restart.Mode == v1alpha1.RestartModeNever || newest.IsZero() || !newest.After(handledUpTo(imp))
}

func handledUpTo(imp *v1alpha1.SecretImport) time.Time {
	if imp.Status.Restart == nil || imp.Status.Restart.HandledUpTo == nil {
		return time.Time{}
	}
	return imp.Status.Restart.HandledUpTo.Time
}
