package reconciler

import (
	"context"
	"fmt"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tazzo/rebirth/api/v1alpha1"
	"github.com/tazzo/rebirth/internal/readiness/render"
)

// fieldOwner is what readiness-gate writes as.
const fieldOwner = "readiness-gate"

// publish makes the verdict's ConfigMap exist just as long as the verdict says so,
// and the heartbeat go on. A ConfigMap that is not the gate's own is left alone:
// conflict says whose it is.
func (r *Reconciler) publish(ctx context.Context, gate *v1alpha1.ReadinessGate, m *memory) (conflict string, err error) {
	name := gate.Spec.Publish.ConfigMapName
	live, err := r.configMap(ctx, gate, name)
	if err != nil {
		return "", err
	}
	if live != nil && !owns(gate, live) {
		return foreign("ConfigMap", live), nil
	}
	if !m.verdict.Published() {
		if live != nil {
			err = r.withdraw(ctx, live)
		}
		return "", err
	}
	// The heartbeat goes first: a verdict without one is stale.
	if conflict, err := r.heartbeat(ctx, gate); err != nil || conflict != "" {
		return conflict, err
	}
	wanted := render.Verdict(gate, m.proven, m.cluster, m.state.Since)
	if err := r.write(ctx, live, wanted); err != nil {
		return "", fmt.Errorf("publishing ConfigMap %s/%s: %w", gate.Namespace, name, err)
	}
	if live == nil {
		ctrl.LoggerFrom(ctx).Info("verdict published", "configMap", name)
	}
	return "", nil
}

// write makes the live ConfigMap, nil if there is none, the wanted one, if they differ.
// What a gate of the same name made before is taken over, or it would be collected
// as garbage.
func (r *Reconciler) write(ctx context.Context, live, wanted *corev1.ConfigMap) error {
	switch {
	case live == nil:
		return r.Client.Create(ctx, wanted, client.FieldOwner(fieldOwner))
	case upToDate(live, wanted):
		return nil
	}
	wanted.ResourceVersion = live.ResourceVersion
	return r.Client.Update(ctx, wanted, client.FieldOwner(fieldOwner))
}

func upToDate(live, wanted *corev1.ConfigMap) bool {
	return equality.Semantic.DeepEqual(live.Data, wanted.Data) &&
		live.Labels[render.WatchLabel] == wanted.Labels[render.WatchLabel] &&
		metav1.GetControllerOf(live).UID == metav1.GetControllerOf(wanted).UID
}

func (r *Reconciler) withdraw(ctx context.Context, verdict *corev1.ConfigMap) error {
	err := r.Client.Delete(ctx, verdict, client.Preconditions{UID: &verdict.UID})
	if client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("withdrawing ConfigMap %s/%s: %w", verdict.Namespace, verdict.Name, err)
	}
	ctrl.LoggerFrom(ctx).Info("verdict withdrawn", "configMap", verdict.Name)
	return nil
}

// heartbeat renews the Lease that says that somebody stands behind the verdict. One
// that is not the gate's own, a leader election's, say, is left alone: conflict says so.
func (r *Reconciler) heartbeat(ctx context.Context, gate *v1alpha1.ReadinessGate) (conflict string, err error) {
	now := metav1.NewMicroTime(r.Clock.Now())
	lease := &coordinationv1.Lease{}
	key := client.ObjectKey{Namespace: gate.Namespace, Name: gate.Spec.Publish.ConfigMapName}
	err = r.Live.Get(ctx, key, lease)
	if apierrors.IsNotFound(err) {
		lease = &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{
			Namespace: key.Namespace, Name: key.Name, Labels: map[string]string{v1alpha1.ManagedByLabel: fieldOwner},
			OwnerReferences: render.OwnedBy(gate),
		}}
		lease.Spec.RenewTime = &now
		return "", named(r.Client.Create(ctx, lease, client.FieldOwner(fieldOwner)), "creating the heartbeat Lease", key)
	}
	if err != nil {
		return "", named(err, "reading the heartbeat Lease", key)
	}
	if !owns(gate, lease) {
		return foreign("Lease", lease), nil
	}
	if beatLately(gate, lease, now.Time) {
		return "", nil
	}
	lease.OwnerReferences, lease.Spec.RenewTime = render.OwnedBy(gate), &now
	return "", named(r.Client.Update(ctx, lease, client.FieldOwner(fieldOwner)), "renewing the heartbeat Lease", key)
}

// beatLately reports whether the gate's Lease need not be renewed yet. One of the
// future, by a clock that was wrong, would never be renewed otherwise, and that of a
// gate before it would be collected as garbage.
func beatLately(gate *v1alpha1.ReadinessGate, lease *coordinationv1.Lease, now time.Time) bool {
	last := lease.Spec.RenewTime
	return metav1.IsControlledBy(lease, gate) && last != nil && now.Sub(last.Time).Abs() < gate.Spec.Interval.Duration/2
}

func (r *Reconciler) configMap(ctx context.Context, gate *v1alpha1.ReadinessGate, name string) (*corev1.ConfigMap, error) {
	key := client.ObjectKey{Namespace: gate.Namespace, Name: name}
	live := &corev1.ConfigMap{}
	if err := r.Live.Get(ctx, key, live); err != nil {
		if apierrors.IsNotFound(err) {
			return nil, nil
		}
		return nil, named(err, "reading ConfigMap", key)
	}
	return live, nil
}

// owns reports whether the gate controls the ConfigMap or Lease. A gate of the same
// name with another UID is the same gate of a former life.
func owns(gate *v1alpha1.ReadinessGate, object client.Object) bool {
	owner := metav1.GetControllerOf(object)
	return owner != nil && owner.APIVersion == v1alpha1.GroupVersion.String() && owner.Kind == v1alpha1.ReadinessGateKind &&
		owner.Name == gate.Name && object.GetLabels()["kustomize.toolkit.fluxcd.io/name"] == ""
}

// foreign says of an object that the gate does not own what can be done.
func foreign(kind string, object client.Object) string {
	return fmt.Sprintf("%s %s/%s is not this gate's: delete it and take it out of Git, or make a gate with another spec.publish.configMapName",
		kind, object.GetNamespace(), object.GetName())
}

func named(err error, doing string, key client.ObjectKey) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s %s: %w", doing, key, err)
}
