package readiness_test

import (
	"context"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tazzo/rebirth/api/v1alpha1"
)

func canaries(ctx context.Context) []corev1.Pod {
	GinkgoHelper()
	var pods corev1.PodList
	Expect(admin.List(ctx, &pods, client.InNamespace(releaseNamespace), client.MatchingLabels{"app.kubernetes.io/component": "canary"})).To(Succeed())
	return pods.Items
}

// finish plays the kubelet: the canary pod got its sandbox, ran and ended.
func finish(ctx context.Context, canary *corev1.Pod) {
	GinkgoHelper()
	setRunning(ctx, canary, "127.0.1.99", time.Now())
	before := canary.DeepCopy()
	canary.Status.Phase = corev1.PodSucceeded
	Expect(admin.Status().Patch(ctx, canary, client.MergeFrom(before))).To(Succeed())
}

// later is a controller to which it is later than to everybody else.
func later(by time.Duration) func(*settings) {
	return func(s *settings) { s.clock = aheadClock{s.clock, by} }
}

type aheadClock struct {
	clock.WithTicker
	by time.Duration
}

func (c aheadClock) Now() time.Time { return c.WithTicker.Now().Add(c.by) }

func (c aheadClock) Since(t time.Time) time.Duration { return c.Now().Sub(t) }

// failSandbox says what the kubelet does when somebody's pod gets no sandbox.
func failSandbox(ctx context.Context, node string) {
	GinkgoHelper()
	failSandboxOf(ctx, metav1.NamespaceDefault, "web", node)
}

// failSandboxOf is that of the pod of this name.
func failSandboxOf(ctx context.Context, namespace, name, node string) {
	GinkgoHelper()
	now := metav1.Now()
	create(ctx, &corev1.Event{
		ObjectMeta:     metav1.ObjectMeta{Namespace: namespace, GenerateName: name + "-"},
		InvolvedObject: corev1.ObjectReference{Kind: "Pod", Namespace: namespace, Name: name},
		Reason:         "FailedCreatePodSandBox", Type: corev1.EventTypeWarning,
		Message: `plugin type="flannel" failed (add): loadFlannelSubnetEnv failed`,
		Source:  corev1.EventSource{Component: "kubelet", Host: node}, FirstTimestamp: now, LastTimestamp: now, Count: 1,
	})
}

var _ = Describe("A node on which a pod got no sandbox", func() {
	It("gets one canary pod, by node affinity, fails only if that gets none either, and heals by it", func(ctx SpecContext) {
		newCluster(ctx, 2)
		run(ctx)
		g := newGate(ctx)
		g.expectOpen(ctx)
		Expect(canaries(ctx)).To(BeEmpty(), "nothing asks for one")
		DeferCleanup(func(ctx SpecContext) {
			Eventually(func() []corev1.Pod { return canaries(ctx) }).Should(BeEmpty(), "cleaned up after the gate")
		})

		failSandbox(ctx, "n2")
		Eventually(func() int { return len(canaries(ctx)) }).Should(Equal(1))
		g.expectStaysOpen(ctx) // anybody can write such an event
		g.ready(ctx)
		Expect(g.Status.Nodes.Passing).To(BeEquivalentTo(2))

		canary := canaries(ctx)[0]
		failSandboxOf(ctx, canary.Namespace, canary.Name, "n2")
		g.expectShut(ctx, "node n2, sandbox:", "loadFlannelSubnetEnv failed")
		Expect(canaries(ctx)).To(ConsistOf(HaveField("UID", canary.UID)))
		Expect(canary.Spec.NodeName).To(BeEmpty(), "the scheduler has its say")
		term := canary.Spec.Affinity.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution.NodeSelectorTerms[0]
		Expect(term.MatchFields[0].Values).To(ConsistOf("n2"))
		Expect(*canary.Spec.ActiveDeadlineSeconds).To(BeNumerically(">", 0))

		finish(ctx, &canary)
		g.expectOpen(ctx)
		Expect(canaries(ctx)).To(HaveLen(1), "the proof stays")
		remove(ctx, g.ReadinessGate)
	})

	It("is one of at most ten that get a canary pod at a time, and has its turn", func(ctx SpecContext) {
		c := newCluster(ctx, 12)
		run(ctx)
		g := newGate(ctx)
		for name := range c.nodes {
			failSandbox(ctx, name)
		}
		underWay := func() (names []string) {
			for _, pod := range canaries(ctx) {
				if pod.Status.Phase == corev1.PodPending {
					names = append(names, pod.Name)
				}
			}
			return names
		}
		Eventually(underWay).Should(HaveLen(10))
		Consistently(underWay).Should(HaveLen(10))
		for _, pod := range canaries(ctx) {
			finish(ctx, &pod)
		}
		Eventually(underWay).Should(HaveLen(2))
		for _, pod := range canaries(ctx) {
			if pod.Status.Phase == corev1.PodPending {
				finish(ctx, &pod)
			}
		}
		g.expectOpen(ctx)
		Expect(canaries(ctx)).To(HaveLen(12), "one proof for each node")
	})

	It("loses a canary pod that takes longer than five minutes, also by a controller that did not send it", func(ctx SpecContext) {
		newCluster(ctx, 1)
		failSandbox(ctx, "n1")
		first := run(ctx)
		newGate(ctx)
		Eventually(func() []corev1.Pod { return canaries(ctx) }).Should(HaveLen(1))
		stuck := canaries(ctx)[0]
		first.stop()
		run(ctx, later(6*time.Minute))
		Eventually(func() []corev1.Pod { return canaries(ctx) }).ShouldNot(ContainElement(HaveField("UID", stuck.UID)))
	})

	It("keeps no canary pod of a gate that was deleted while no controller ran", func(ctx SpecContext) {
		newCluster(ctx, 1)
		failSandbox(ctx, "n1")
		first := run(ctx)
		g := newGate(ctx)
		Eventually(func() []corev1.Pod { return canaries(ctx) }).Should(HaveLen(1))
		first.stop()
		remove(ctx, g.ReadinessGate)
		run(ctx)
		Eventually(func() []corev1.Pod { return canaries(ctx) }).Should(BeEmpty())
	})

	It("is told what the scheduler says of a canary pod that finds no room", func(ctx SpecContext) {
		c := newCluster(ctx, 1)
		setRunning(ctx, c.nodes["n1"].flannel, "192.0.2.1", time.Now().Add(time.Second)) // after the agent
		run(ctx)
		g := newGate(ctx)
		Eventually(func() []corev1.Pod { return canaries(ctx) }).Should(HaveLen(1))
		canary := canaries(ctx)[0]
		before := canary.DeepCopy()
		canary.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Reason: corev1.PodReasonUnschedulable, Message: "0/1 nodes are available: 1 Too many pods."}}
		Expect(admin.Status().Patch(ctx, &canary, client.MergeFrom(before))).To(Succeed())
		g.expectShut(ctx, "node n1, sandbox: no pod has started here since", "is not scheduled: 0/1 nodes are available: 1 Too many pods.")
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
