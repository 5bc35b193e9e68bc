package pods

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/go-logr/logr"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
)

// absent says why no agent runs on the node. pod is meant for it, and not scheduled;
// nil if there is none.
func absent(ds *appsv1.DaemonSet, node *corev1.Node, pod *corev1.Pod) string {
	switch {
	case ds == nil:
		return "no agent's pod is on this node, for its DaemonSet is missing"
	case pod != nil:
		return fmt.Sprintf("the agent's pod %s/%s is not scheduled yet: %s", pod.Namespace, pod.Name, cmp.Or(Unschedulable(pod), "is the scheduler running?"))
	}
	spec := ds.Spec.Template.Spec
	if taint := untolerated(spec.Tolerations, node.Spec.Taints); taint != nil {
		return fmt.Sprintf("no agent's pod is on this node, for it does not tolerate the node's taint %s: set the chart's value agent.tolerations", taint.ToString())
	}
	if selector := labels.SelectorFromSet(spec.NodeSelector); !selector.Matches(labels.Set(node.Labels)) {
		return fmt.Sprintf("no agent's pod is on this node, for its nodeSelector %s does not match the node's labels: set the chart's value agent.nodeSelector", selector)
	}
	return fmt.Sprintf("no agent's pod is on this node: look at the events of DaemonSet %s/%s", ds.Namespace, ds.Name)
}

// nodeConditionTaints begin like this. The DaemonSet controller tolerates them for
// every DaemonSet, and what they stand for is named by the node's conditions.
const nodeConditionTaints = "node.kubernetes.io/"

// untolerated is the first taint that keeps pods away and that nothing tolerates.
func untolerated(tolerations []corev1.Toleration, taints []corev1.Taint) *corev1.Taint {
	for i := range taints {
		taint := &taints[i]
		if taint.Effect == corev1.TaintEffectPreferNoSchedule || strings.HasPrefix(taint.Key, nodeConditionTaints) {
			continue
		}
		if !slices.ContainsFunc(tolerations, func(t corev1.Toleration) bool { return t.ToleratesTaint(logr.Discard(), taint, false) }) {
			return taint
		}
	}
	return nil
}
