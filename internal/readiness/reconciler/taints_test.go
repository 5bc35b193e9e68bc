package reconciler

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

var _ = Describe("A taint that keeps the agents away", func() {
	agents := func(tolerations ...corev1.Toleration) appsv1.DaemonSet {
		ds := appsv1.DaemonSet{ObjectMeta: metav1.ObjectMeta{Namespace: "rebirth", Name: "agent", Labels: map[string]string{componentLabel: agentComponent}}}
		ds.Spec.Template.Spec.Tolerations = tolerations
		return ds
	}
	gpu := corev1.Taint{Key: "gpu", Value: "only", Effect: corev1.TaintEffectNoSchedule}

	DescribeTable("is named",
		func(expected string, ds appsv1.DaemonSet, taints ...corev1.Taint) {
			r := &Reconciler{Namespace: "rebirth"}
			others := appsv1.DaemonSet{ObjectMeta: metav1.ObjectMeta{Namespace: "kube-system", Name: "kube-flannel"}}
			Expect(r.agentTaint([]appsv1.DaemonSet{others, ds}, &corev1.Node{Spec: corev1.NodeSpec{Taints: taints}})).To(Equal(expected))
		},
		Entry("if nothing tolerates it", "gpu=only:NoSchedule", agents(), gpu),
		Entry("behind one that is tolerated", "gpu=only:NoSchedule", agents(corev1.Toleration{Key: "a", Operator: corev1.TolerationOpExists}), corev1.Taint{Key: "a", Effect: corev1.TaintEffectNoExecute}, gpu),
		Entry("not if it is tolerated", "", agents(corev1.Toleration{Key: "gpu", Value: "only"}), gpu),
		Entry("not if all are", "", agents(corev1.Toleration{Operator: corev1.TolerationOpExists}), gpu),
		Entry("not if it is only a wish", "", agents(), corev1.Taint{Key: "gpu", Effect: corev1.TaintEffectPreferNoSchedule}),
		Entry("not if the DaemonSet controller tolerates it for all", "", agents(), corev1.Taint{Key: "node.kubernetes.io/unschedulable", Effect: corev1.TaintEffectNoSchedule}),
		Entry("not if there are no agents", "", appsv1.DaemonSet{}, gpu),
	)
})
