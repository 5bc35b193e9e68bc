package rollout

import (
	"fmt"
	"strings"

	"github.com/agnivade/levenshtein"

	"github.com/tazzo/rebirth/api/v1alpha1"
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

// nearest returns the existing name of that kind that was most likely meant: one
// that contains the given name or is contained in it, else one that differs in
// less than half of its letters; "" if there is none. Workloads are sorted, so of
// two equally near ones the first wins.
func nearest(ref v1alpha1.WorkloadReference, workloads []Workload) string {
	best, bestContains, bestDistance := "", false, 0
	for _, w := range workloads {
		if w.Kind != ref.Kind {
			continue
		}
		contains := strings.Contains(w.Name, ref.Name) || strings.Contains(ref.Name, w.Name)
		distance := levenshtein.ComputeDistance(ref.Name, w.Name)
		if !contains && 2*distance >= max(len(ref.Name), len(w.Name)) {
			continue
		}
		if best == "" || contains && !bestContains || contains == bestContains && distance < bestDistance {
			best, bestContains, bestDistance = w.Name, contains, distance
		}
	}
	return best
}
