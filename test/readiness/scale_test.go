package readiness_test

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/tazzo/rebirth/api/v1alpha1"
)

var _ = Describe("A cluster of 1000 nodes", func() {
	const nodes = 1000

	It("is asked and judged, every node of it, in one round", func(ctx SpecContext) {
		newCluster(ctx, nodes)
		run(ctx)
		g := newGate(ctx, func(s *v1alpha1.ReadinessGateSpec) {
			s.Interval = seconds(5)
			s.Hysteresis.OpenAfter = 1
			s.Nodes.SettleFor = seconds(0)
			s.Nodes.Min = nodes
		})
		Eventually(func(e Gomega) { e.Expect(g.ready(ctx).Reason).To(Equal(v1alpha1.GateOpenReason), g.ready(ctx).Message) }).
			WithTimeout(time.Minute).WithPolling(time.Second).Should(Succeed())
		Expect(g.Status.Nodes).To(Equal(v1alpha1.GateNodeCounts{Total: nodes, Eligible: nodes, Passing: nodes}))
	})
})
