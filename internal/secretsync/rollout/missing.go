package rollout

import (
	"fmt"

	"github.com/tazzo/rebirth/api/v1alpha1"
	"github.com/tazzo/rebirth/internal/nearest"
)

// absence is a listed workload that doesn't exist.
type absence struct {
	ref     v1alpha1.WorkloadReference
	nearest string
}

// String names the field, the workload and the way out.
func (a absence) String() string {
	said := fmt.Sprintf("spec.restart.workloads names %s/%s, which this namespace doesn't have", a.ref.Kind, a.ref.Name)
	if a.nearest == "" {
		return said
	}
	return fmt.Sprintf("%s: did you mean %s/%s?", said, a.ref.Kind, a.nearest)
}

// nearestTo is the existing workload of that kind that was most likely meant.
// Workloads are sorted, so of two equally near ones the first wins.
func nearestTo(ref v1alpha1.WorkloadReference, workloads []Workload) string {
	var names []string
	for _, w := range workloads {
		if w.Kind == ref.Kind {
			names = append(names, w.Name)
		}
	}
	return nearest.Name(ref.Name, names)
}
