package reconciler

import (
	"context"
	"fmt"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tazzo/rebirth/api/v1alpha1"
	"github.com/tazzo/rebirth/internal/readiness/probes"
)

// leastInterval keeps a gate from keeping the whole cluster busy with probes.
const leastInterval = time.Second

// invalid finds what the CRD's schema can't: what two objects say together.
func (r *Reconciler) invalid(ctx context.Context, gate *v1alpha1.ReadinessGate) (string, error) {
	if gate.Spec.Interval.Duration < leastInterval {
		return fmt.Sprintf("spec.interval is %s, and must be at least %s", gate.Spec.Interval.Duration, leastInterval), nil
	}
	if err := probes.Validate(gate.Spec.Checks); err != nil {
		return err.Error(), nil
	}
	var gates v1alpha1.ReadinessGateList
	if err := r.Client.List(ctx, &gates, client.InNamespace(gate.Namespace)); err != nil {
		return "", fmt.Errorf("listing the ReadinessGates of namespace %s: %w", gate.Namespace, err)
	}
	for i := range gates.Items {
		other := &gates.Items[i]
		if other.Name != gate.Name && other.Spec.Publish.ConfigMapName == gate.Spec.Publish.ConfigMapName && older(other, gate) {
			return fmt.Sprintf("ReadinessGate %s/%s publishes ConfigMap %s too: give one of the two another spec.publish.configMapName",
				other.Namespace, other.Name, gate.Spec.Publish.ConfigMapName), nil
		}
	}
	return "", nil
}

func older(a, b *v1alpha1.ReadinessGate) bool {
	if !a.CreationTimestamp.Equal(&b.CreationTimestamp) {
		return a.CreationTimestamp.Before(&b.CreationTimestamp)
	}
	return a.Name < b.Name
}
