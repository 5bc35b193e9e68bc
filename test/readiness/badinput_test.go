package readiness_test

import (
	"time"

	"github.com/fluxcd/pkg/apis/meta"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/tazzo/rebirth/api/v1alpha1"
)

var _ = Describe("Bad input", func() {
	DescribeTable("is refused by the API server", func(ctx SpecContext, field string, edit func(*v1alpha1.ReadinessGateSpec)) {
		Expect(admin.Create(ctx, aGate("network", edit).ReadinessGate)).To(MatchError(ContainSubstring(field)))
	},
		Entry("an unknown provider", "spec.checks.cni.provider", func(s *v1alpha1.ReadinessGateSpec) { s.Checks.CNI.Provider = "Weave" }),
		Entry("quorum 101", "spec.nodes.quorumPercent", func(s *v1alpha1.ReadinessGateSpec) { s.Nodes.QuorumPercent = 101 }),
		Entry("quorum below 1", "spec.nodes.quorumPercent", func(s *v1alpha1.ReadinessGateSpec) { s.Nodes.QuorumPercent = -1 }),
		Entry("an endpoint that is no address", "spec.checks.endpoints[0].tcp", func(s *v1alpha1.ReadinessGateSpec) {
			s.Checks.Endpoints = []v1alpha1.EndpointCheck{{Name: "vault", TCP: "vault"}}
		}),
		Entry("a payload that is too large", "spec.checks.peers.payload", func(s *v1alpha1.ReadinessGateSpec) { s.Checks.Peers.Payload.Set(1 << 20) }),
	)

	DescribeTable("that only the controller can see is named, and the gate stays shut", func(ctx SpecContext, words string, edit func(*v1alpha1.ReadinessGateSpec)) {
		newCluster(ctx, 1)
		i := run(ctx)
		g := newGate(ctx, edit)
		g.expectShut(ctx, words)
		g.expectNeverOpen(ctx)
		asked := i.requests.Load()
		Consistently(i.requests.Load).WithTimeout(2*time.Second).Should(BeNumerically("<", asked+80), "no hot loop")
	},
		Entry("min above the number of nodes", "1 nodes count, and spec.nodes.min is 3", func(s *v1alpha1.ReadinessGateSpec) { s.Nodes.Min = 3 }),
		Entry("a port beyond 65535", "spec.checks.endpoints[0] (vault)", func(s *v1alpha1.ReadinessGateSpec) {
			s.Checks.Endpoints = []v1alpha1.EndpointCheck{{Name: "vault", TCP: "vault:99999"}}
		}),
		Entry("an interval that is too short", "spec.interval is 10ms", func(s *v1alpha1.ReadinessGateSpec) {
			s.Interval = metav1.Duration{Duration: 10 * time.Millisecond}
		}),
		Entry("a network plugin that is not there", "no DaemonSet of Cilium is there", func(s *v1alpha1.ReadinessGateSpec) { s.Checks.CNI.Provider = v1alpha1.CNICilium }),
	)

	It("of two gates with one ConfigMap stalls the younger one alone", func(ctx SpecContext) {
		newCluster(ctx, 1)
		run(ctx)
		first := newGate(ctx)
		first.expectOpen(ctx)
		second := aGate("second")
		Expect(admin.Create(ctx, second.ReadinessGate)).To(Succeed())
		DeferCleanup(func(ctx SpecContext) { remove(ctx, second.ReadinessGate) })
		Eventually(func() string { return second.ready(ctx).Message }).Should(ContainSubstring("ReadinessGate flux-system/network publishes ConfigMap network-ready too"))
		Expect(apimeta.IsStatusConditionTrue(second.Status.Conditions, meta.StalledCondition)).To(BeTrue())
		first.expectStaysOpen(ctx)
	})

	It("that keeps a gate shut for longer than maxWait is said to be Stalled, and heals", func(ctx SpecContext) {
		c := newCluster(ctx, 1)
		remove(ctx, c.nodes["n1"].flannel)
		run(ctx)
		g := newGate(ctx, func(s *v1alpha1.ReadinessGateSpec) { s.MaxWait = seconds(2) })
		g.expectShut(ctx, "spec.maxWait", "node n1, cni:")
		Expect(apimeta.IsStatusConditionTrue(g.Status.Conditions, meta.StalledCondition)).To(BeTrue())
		c.startFlannel(ctx, "n1")
		g.expectOpen(ctx)
	})
})
