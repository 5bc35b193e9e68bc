package readiness_test

import (
	"context"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tazzo/rebirth/api/v1alpha1"
)

// shownOpen is what a person and a printcolumn see of status.open; nil is nothing.
func (g gate) shownOpen(ctx context.Context) any {
	GinkgoHelper()
	object := &unstructured.Unstructured{}
	object.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind(v1alpha1.ReadinessGateKind))
	Expect(admin.Get(ctx, client.ObjectKeyFromObject(g), object)).To(Succeed())
	open, _, err := unstructured.NestedFieldNoCopy(object.Object, "status", "open")
	Expect(err).NotTo(HaveOccurred())
	return open
}

var _ = Describe("A gate", func() {
	It("of which a client in Go says no more than the name of its ConfigMap has the defaults where zero makes no sense", func(ctx SpecContext) {
		g := aGate("network")
		g.Spec = v1alpha1.ReadinessGateSpec{Publish: v1alpha1.PublishSpec{ConfigMapName: "network-ready"}}
		createGate(ctx, g)
		Expect(g.Spec.Interval.Duration).To(Equal(10 * time.Second))
		Expect(g.Spec.Checks.Peers.Payload.String()).To(Equal("8Ki"))
		Expect(g.Spec.Nodes).To(And(HaveField("Min", BeEquivalentTo(1)), HaveField("QuorumPercent", BeEquivalentTo(90))))
		Expect(g.Spec.Checks.CNI.Provider).To(Equal(v1alpha1.CNIAuto))
	})

	It("says that it is not open, in so many words, from the first moment on", func(ctx SpecContext) {
		c := newCluster(ctx, 1)
		remove(ctx, c.nodes["n1"].flannel)
		g := newGate(ctx)
		Expect(g.shownOpen(ctx)).To(BeFalse())
		run(ctx)
		g.expectShut(ctx, "node n1, cni:")
		Expect(g.shownOpen(ctx)).To(BeFalse())
		c.startFlannel(ctx, "n1")
		g.expectOpen(ctx)
		Expect(g.shownOpen(ctx)).To(BeTrue())
		remove(ctx, c.nodes["n1"].flannel)
		g.expectShut(ctx, "node n1, cni:")
		Expect(g.shownOpen(ctx)).To(BeFalse())
	})

	// waits is one that a controller left shut.
	waits := func(ctx context.Context, maxWait int) gate {
		GinkgoHelper()
		c := newCluster(ctx, 1)
		remove(ctx, c.nodes["n1"].flannel)
		first := run(ctx)
		g := newGate(ctx, func(s *v1alpha1.ReadinessGateSpec) { s.MaxWait = seconds(maxWait) })
		g.expectShut(ctx, "node n1, cni:")
		first.stop()
		g.ready(ctx)
		Expect(g.Status.WaitingSince).NotTo(BeNil())
		return g
	}

	It("that is shut goes on waiting for maxWait when the controller starts anew", func(ctx SpecContext) {
		g := waits(ctx, 4)
		since := *g.Status.WaitingSince
		Eventually(func() time.Duration { return time.Since(since.Time) }).Should(BeNumerically(">", 4*time.Second))
		run(ctx)
		Eventually(func() string { return g.ready(ctx).Reason }).WithTimeout(3 * time.Second).Should(Equal(v1alpha1.GateOverdueReason))
		Expect(*g.Status.WaitingSince).To(Equal(since))
	})

	It("that was shut in another cluster begins to wait here", func(ctx SpecContext) {
		g := waits(ctx, 3600)
		before := g.DeepCopy()
		old := metav1.NewTime(time.Now().Add(-24 * time.Hour).Truncate(time.Second))
		g.Status.ClusterUID, g.Status.WaitingSince, g.Status.Failing[0].Since = "another", &old, old
		Expect(admin.Status().Patch(ctx, g.ReadinessGate, client.MergeFrom(before))).To(Succeed())
		run(ctx)
		Eventually(func() string { g.ready(ctx); return g.Status.ClusterUID }).Should(Equal(clusterUID()))
		Expect(g.Status.WaitingSince.Time).To(BeTemporally("~", time.Now(), time.Minute))
		Expect(g.Status.Failing[0].Since.Time).To(BeTemporally("~", time.Now(), time.Minute))
		Expect(g.ready(ctx).Reason).To(Equal(v1alpha1.GateShutReason))
	})
})
