package readiness_test

import (
	"context"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tazzo/rebirth/api/v1alpha1"
)

func canaries(ctx context.Context) []corev1.Pod {
	GinkgoHelper()
	var pods corev1.PodList
	Expect(admin.List(ctx, &pods, client.InNamespace(releaseNamespace), client.MatchingLabels{"app.kubernetes.io/component": "canary"})).To(Succeed())
	return pods.Items
}

// failSandbox says what the kubelet does when a pod gets no sandbox.
func failSandbox(ctx context.Context, node string) {
	GinkgoHelper()
	now := metav1.Now()
	create(ctx, &corev1.Event{
		ObjectMeta:     metav1.ObjectMeta{Namespace: metav1.NamespaceDefault, GenerateName: "web-"},
		InvolvedObject: corev1.ObjectReference{Kind: "Pod", Namespace: metav1.NamespaceDefault, Name: "web"},
		Reason:         "FailedCreatePodSandBox", Type: corev1.EventTypeWarning,
		Message: `plugin type="flannel" failed (add): loadFlannelSubnetEnv failed`,
		Source:  corev1.EventSource{Component: "kubelet", Host: node}, FirstTimestamp: now, LastTimestamp: now, Count: 1,
	})
}

var _ = Describe("A node on which a pod got no sandbox", func() {
	It("gets one canary pod, by node affinity, and heals by it", func(ctx SpecContext) {
		c := newCluster(ctx, 2)
		for _, n := range c.nodes {
			setRunning(ctx, n.agentPod, n.agent.address.Addr().String(), time.Now().Add(-10*time.Second))
		}
		run(ctx)
		g := newGate(ctx)
		g.expectOpen(ctx)
		Expect(canaries(ctx)).To(BeEmpty(), "nothing asks for one")
		DeferCleanup(func(ctx SpecContext) {
			Eventually(func() []corev1.Pod { return canaries(ctx) }).Should(BeEmpty(), "cleaned up after the gate")
		})

		failSandbox(ctx, "n2")
		g.expectShut(ctx, "node n2, sandbox:", "loadFlannelSubnetEnv failed")
		Consistently(func() int { return len(canaries(ctx)) }).Should(Equal(1))
		canary := canaries(ctx)[0]
		Expect(canary.Spec.NodeName).To(BeEmpty(), "the scheduler has its say")
		term := canary.Spec.Affinity.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution.NodeSelectorTerms[0]
		Expect(term.MatchFields[0].Values).To(ConsistOf("n2"))
		Expect(*canary.Spec.ActiveDeadlineSeconds).To(BeNumerically(">", 0))

		setRunning(ctx, &canary, "127.0.1.99", time.Now())
		before := canary.DeepCopy()
		canary.Status.Phase = corev1.PodSucceeded
		Expect(admin.Status().Patch(ctx, &canary, client.MergeFrom(before))).To(Succeed())
		g.expectOpen(ctx)
		Expect(canaries(ctx)).To(HaveLen(1), "the proof stays")
		remove(ctx, g.ReadinessGate)
	})

	It("gets none where the check is disabled", func(ctx SpecContext) {
		newCluster(ctx, 1)
		failSandbox(ctx, "n1")
		run(ctx)
		g := newGate(ctx, func(s *v1alpha1.ReadinessGateSpec) { s.Checks.Sandbox.Disabled = true })
		g.expectOpen(ctx)
		Expect(canaries(ctx)).To(BeEmpty())
	})
})
