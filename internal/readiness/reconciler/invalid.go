package reconciler

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tazzo/rebirth/api/v1alpha1"
	"github.com/tazzo/rebirth/internal/readiness/probes"
	"github.com/tazzo/rebirth/internal/readiness/render"
)

// leastInterval keeps a gate from keeping the whole cluster busy with probes.
const leastInterval = time.Second

// invalid finds all that the CRD's schema can't: what an agent would refuse, and what
// two gates say together.
func (r *Reconciler) invalid(ctx context.Context, gate *v1alpha1.ReadinessGate) (string, error) {
	var problems []string
	if gate.Spec.Interval.Duration < leastInterval {
		problems = append(problems, fmt.Sprintf("spec.interval is %s, and must be at least %s", gate.Spec.Interval.Duration, leastInterval))
	}
	for _, err := range probes.Validate(gate.Spec.Checks) {
		problems = append(problems, err.Error())
	}
	var gates v1alpha1.ReadinessGateList
	if err := r.Client.List(ctx, &gates, client.InNamespace(gate.Namespace)); err != nil {
		return "", fmt.Errorf("listing the ReadinessGates of namespace %s: %w", gate.Namespace, err)
	}
	for i := range gates.Items {
		other := &gates.Items[i]
		if name := publishedByBoth(gate, other); name != "" && older(other, gate) {
			problems = append(problems, fmt.Sprintf("ReadinessGate %s/%s publishes ConfigMap %s too: delete one of the two, and make it with another spec.publish.configMapName",
				other.Namespace, other.Name, name))
			break
		}
	}
	return strings.Join(problems, "; "), nil
}

// publishedByBoth is the ConfigMap, verdict or report, that both gates would write; ""
// if there is none.
func publishedByBoth(a, b *v1alpha1.ReadinessGate) string {
	if a.Name == b.Name {
		return ""
	}
	for _, name := range published(a) {
		if slices.Contains(published(b), name) {
			return name
		}
	}
	return ""
}

func published(gate *v1alpha1.ReadinessGate) []string {
	verdict := gate.Spec.Publish.ConfigMapName
	return []string{verdict, verdict + render.ReportSuffix}
}

func older(a, b *v1alpha1.ReadinessGate) bool {
	if !a.CreationTimestamp.Equal(&b.CreationTimestamp) {
		return a.CreationTimestamp.Before(&b.CreationTimestamp)
	}
	return a.Name < b.Name
}
