package reconciler

import (
	"context"
	"fmt"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tazzo/rebirth/api/v1alpha1"
	"github.com/tazzo/rebirth/internal/readiness/render"
	"github.com/tazzo/rebirth/internal/readiness/settle"
)

// heartbeatsMissed is how many rounds may pass without a heartbeat until a verdict
// is stale: longer than a change of leader takes, shorter than a machine's reboot.
const heartbeatsMissed = 6

// leastStale keeps a gate with a short interval from calling a change of leader stale.
const leastStale = time.Minute

// staleAfter is the age of a heartbeat at which the verdict proves nothing.
func staleAfter(gate *v1alpha1.ReadinessGate) time.Duration {
	return max(heartbeatsMissed*gate.Spec.Interval.Duration, leastStale)
}

// recall returns what is known of the gate. In a new process that is what the
// cluster says: a verdict that somebody kept alive until just now still holds; one
// whose heartbeat stopped, or that another cluster's gate gave, is withdrawn. One that
// is latched needs no heartbeat.
func (r *Reconciler) recall(ctx context.Context, gate *v1alpha1.ReadinessGate) (*memory, error) {
	name := client.ObjectKeyFromObject(gate)
	r.mu.Lock()
	m, ok := r.memory[name]
	r.mu.Unlock()
	if ok && m.uid == gate.UID {
		return m, nil
	}
	m, err := r.coldStart(ctx, gate)
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.memory == nil {
		r.memory = map[types.NamespacedName]*memory{}
	}
	r.memory[name] = m
	return m, nil
}

func (r *Reconciler) coldStart(ctx context.Context, gate *v1alpha1.ReadinessGate) (*memory, error) {
	cluster, err := r.clusterUID(ctx)
	if err != nil {
		return nil, err
	}
	m := &memory{uid: gate.UID, cluster: cluster}
	status := v1alpha1.ReadinessGateStatus{}
	if gate.Status.ClusterUID == cluster {
		status = gate.Status
	}
	m.state, m.entries = settle.Recall(status), render.Recalled(status)
	verdict, err := r.configMap(ctx, gate, gate.Spec.Publish.ConfigMapName)
	if err != nil || verdict == nil || !owns(gate, verdict) {
		return m, err
	}
	why, err := r.stale(ctx, gate, verdict, cluster)
	if err != nil {
		return nil, err
	}
	if why != "" {
		ctrl.LoggerFrom(ctx).Info("withdrawing a stale verdict", "cause", why)
		m.state = settle.State{Since: r.Clock.Now()}
		return m, r.withdraw(ctx, verdict)
	}
	since, generation := render.ReadVerdict(verdict)
	m.state, m.proven = settle.Resume(status, since), generation
	m.verdict = settle.Verdict{Phase: settle.Open, Message: "open since before this controller started"}
	return m, nil
}

// stale says why a verdict that is found proves nothing; "" if it does.
func (r *Reconciler) stale(ctx context.Context, gate *v1alpha1.ReadinessGate, verdict *corev1.ConfigMap, cluster string) (string, error) {
	if was := verdict.Data["cluster_uid"]; was != cluster {
		return fmt.Sprintf("it was given in another cluster (%s, this is %s)", was, cluster), nil
	}
	if gate.Spec.Mode == v1alpha1.GateLatch {
		return "", nil
	}
	lease := &coordinationv1.Lease{}
	err := r.Live.Get(ctx, client.ObjectKey{Namespace: gate.Namespace, Name: gate.Spec.Publish.ConfigMapName}, lease)
	if client.IgnoreNotFound(err) != nil {
		return "", fmt.Errorf("reading the heartbeat Lease %s/%s: %w", gate.Namespace, gate.Spec.Publish.ConfigMapName, err)
	}
	if err != nil || !owns(gate, lease) || lease.Spec.RenewTime == nil {
		return "it has no heartbeat", nil
	}
	switch age := r.Clock.Since(lease.Spec.RenewTime.Time); {
	case age > staleAfter(gate):
		return fmt.Sprintf("its last heartbeat was %s ago", age.Round(time.Second)), nil
	case age < -staleAfter(gate):
		return fmt.Sprintf("its last heartbeat is %s in the future: a clock was wrong, so its age is unknown", -age.Round(time.Second)), nil
	}
	return "", nil
}

// clusterUID is the UID of the namespace kube-system, which is what is commonly
// taken for a cluster's identity.
func (r *Reconciler) clusterUID(ctx context.Context) (string, error) {
	ns := &metav1.PartialObjectMetadata{}
	ns.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("Namespace"))
	if err := r.Live.Get(ctx, client.ObjectKey{Name: metav1.NamespaceSystem}, ns); err != nil {
		return "", fmt.Errorf("reading namespace %s: %w", metav1.NamespaceSystem, err)
	}
	return string(ns.UID), nil
}
