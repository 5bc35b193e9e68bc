package readiness_test

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/tazzo/rebirth/api/v1alpha1"
)

var _ = Describe("A cluster of 200 nodes", func() {
	It("is asked and judged, every node of it, in one round", func(ctx SpecContext) {
		newCluster(ctx, 200)
		run(ctx)
		g := newGate(ctx, func(s *v1alpha1.ReadinessGateSpec) {
			s.Hysteresis.OpenAfter = 1
			s.Nodes.SettleFor = seconds(0)
			s.Nodes.Min = 200
		})
		Eventually(func(e Gomega) { e.Expect(g.ready(ctx).Reason).To(Equal(v1alpha1.GateOpenReason), g.ready(ctx).Message) }).WithTimeout(60e9).Should(Succeed())
		Expect(g.Status.Nodes).To(Equal(v1alpha1.GateNodeCounts{Total: 200, Eligible: 200, Passing: 200}))
	})
})
