package reconciler

import (
	"slices"
	"strings"

	"github.com/go-logr/logr"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
)

// nodeConditionTaints begin like this. The DaemonSet controller tolerates them for
// every DaemonSet, and what they stand for is named by the node's conditions.
const nodeConditionTaints = "node.kubernetes.io/"

// agentTaint is a taint that keeps the agents from the node, "" if there is none.
func (r *Reconciler) agentTaint(daemonSets []appsv1.DaemonSet, node *corev1.Node) string {
	agents := slices.IndexFunc(daemonSets, func(ds appsv1.DaemonSet) bool {
		return ds.Namespace == r.Namespace && ds.Labels[componentLabel] == agentComponent
	})
	if agents < 0 {
		return ""
	}
	tolerations := daemonSets[agents].Spec.Template.Spec.Tolerations
	for i := range node.Spec.Taints {
		taint := &node.Spec.Taints[i]
		if taint.Effect == corev1.TaintEffectPreferNoSchedule || strings.HasPrefix(taint.Key, nodeConditionTaints) {
			continue
		}
		if !slices.ContainsFunc(tolerations, func(t corev1.Toleration) bool { return t.ToleratesTaint(logr.Discard(), taint, false) }) {
			return taint.ToString()
		}
	}
	return ""
}
