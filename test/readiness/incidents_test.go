package readiness_test

import (
	"net/netip"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/tazzo/rebirth/api/v1alpha1"
	"github.com/tazzo/rebirth/test/coredns"
	"github.com/tazzo/rebirth/test/relay"
)

var _ = Describe("A gate on a network that is broken", func() {
	It("stays shut while Flannel's pod is missing on one of two nodes, names that node, and opens once it runs (R1)", func(ctx SpecContext) {
		c := newCluster(ctx, 2)
		remove(ctx, c.nodes["n2"].flannel)
		run(ctx)
		g := newGate(ctx)
		g.expectShut(ctx, "node n2, cni:", "kube-system/kube-flannel has no pod on this node")
		g.expectNeverOpen(ctx)
		Expect(g.report(ctx)["report"]).To(And(ContainSubstring("n2  cni  failing since"), ContainSubstring("usual cause"), Not(ContainSubstring("n1"))))
		g.ready(ctx)
		Expect(g.Status.Nodes).To(Equal(v1alpha1.GateNodeCounts{Total: 2, Eligible: 2, Passing: 1}))

		c.startFlannel(ctx, "n2")
		g.expectOpen(ctx)
	})

	It("finds a CoreDNS of other names by its Service (R4)", func(ctx SpecContext) {
		c := newCluster(ctx, 1)
		remove(ctx, c.slice)
		remove(ctx, c.service)
		c.serveDNS(ctx, "my-coredns")
		run(ctx)
		g := newGate(ctx, func(s *v1alpha1.ReadinessGateSpec) { s.Checks.DNS.Service = "kube-system/my-coredns" })
		g.expectOpen(ctx)
	})

	It("shuts when CoreDNS crashes, and names it (R5)", func(ctx SpecContext) {
		c := newCluster(ctx, 1)
		run(ctx)
		g := newGate(ctx)
		g.expectOpen(ctx)
		c.setDNSReady(ctx, false)
		g.expectShut(ctx, "dns:", "kube-system/coredns-1 is not Ready")
		c.setDNSReady(ctx, true)
		g.expectOpen(ctx)
	})

	It("shuts when DNS is Ready and says NXDOMAIN (R6)", func(ctx SpecContext) {
		newCluster(ctx, 1)
		Expect(dns.Answer(ctx, coredns.NXDomain())).To(Succeed())
		DeferCleanup(func(ctx SpecContext) { Expect(dns.Answer(ctx, answers)).To(Succeed()) })
		run(ctx)
		g := newGate(ctx)
		g.expectShut(ctx, "node n1, dns:", "NXDomain")
		g.expectNeverOpen(ctx)
		Expect(dns.Answer(ctx, answers)).To(Succeed())
		g.expectOpen(ctx)
	})

	It("stays shut when DNS answers over UDP and not over TCP", func(ctx SpecContext) {
		newCluster(ctx, 1)
		Expect(dnsWay.Refuse(relay.TCP)).To(Succeed())
		DeferCleanup(func() { Expect(dnsWay.Resume(relay.TCP)).To(Succeed()) })
		run(ctx)
		g := newGate(ctx)
		g.expectShut(ctx, "node n1, dns:", dnsAddress+" over TCP")
		Expect(dnsWay.Resume(relay.TCP)).To(Succeed())
		g.expectOpen(ctx)
	})

	It("opens without an endpoint that is optional, and reports it apart (R7)", func(ctx SpecContext) {
		newCluster(ctx, 1)
		run(ctx)
		g := newGate(ctx, func(s *v1alpha1.ReadinessGateSpec) {
			s.Checks.Endpoints = []v1alpha1.EndpointCheck{{Name: "vault", TCP: "127.0.0.1:1"}}
		})
		g.expectOpen(ctx)
		Expect(g.report(ctx)["report"]).To(And(ContainSubstring("n1  endpoint  reported since"), ContainSubstring("endpoint vault (127.0.0.1:1)")))
	})

	It("stays shut without an endpoint that is required (R7)", func(ctx SpecContext) {
		newCluster(ctx, 1)
		run(ctx)
		g := newGate(ctx, func(s *v1alpha1.ReadinessGateSpec) {
			s.Checks.Endpoints = []v1alpha1.EndpointCheck{{Name: "vault", TCP: "127.0.0.1:1", Required: true}}
		})
		g.expectShut(ctx, "node n1, endpoint:", "endpoint vault (127.0.0.1:1)")
	})

	It("keeps its verdict while the API server flaps (R15)", func(ctx SpecContext) {
		newCluster(ctx, 2)
		i := run(ctx)
		g := newGate(ctx, func(s *v1alpha1.ReadinessGateSpec) { s.Hysteresis.CloseAfter = seconds(30) })
		g.expectOpen(ctx)
		uid := g.verdict(ctx).UID
		for range 5 {
			i.cut.Store(true)
			asked := i.requests.Load()
			Eventually(i.requests.Load).Should(BeNumerically(">", asked+2), "rounds without an API server")
			i.cut.Store(false)
			renewed := g.lease(ctx).Spec.RenewTime.Time
			Eventually(func() bool { return g.lease(ctx).Spec.RenewTime.After(renewed) }).Should(BeTrue())
		}
		g.expectStaysOpen(ctx)
		Expect(g.verdict(ctx).UID).To(Equal(uid))
	})

	It("names the agent that can't be asked", func(ctx SpecContext) {
		c := newCluster(ctx, 2)
		run(ctx)
		c.nodes["n2"].agent.stop()
		g := newGate(ctx)
		g.expectShut(ctx, "node n2, agent:", "can't be asked")
	})

	It("names nodes on which no agent is scheduled", func(ctx SpecContext) {
		c := newCluster(ctx, 2)
		remove(ctx, c.nodes["n2"].agentPod)
		run(ctx)
		g := newGate(ctx)
		g.expectShut(ctx, "node n2, agent: no agent's pod is on this node", "events of DaemonSet readiness-gate/readiness-gate-agent")
	})

	It("stays shut while large packets don't reach the other node's agent", func(ctx SpecContext) {
		c := newCluster(ctx, 2)
		c.nodes["n2"].agent.noEchoes.Store(true)
		run(ctx)
		g := newGate(ctx)
		g.expectShut(ctx, "node n1, peers:", "the agent on node n2")
		c.nodes["n2"].agent.noEchoes.Store(false)
		g.expectOpen(ctx)
	})

	It("stays shut while another node's agent answers at an agent's address", func(ctx SpecContext) {
		c := newCluster(ctx, 2)
		setRunning(ctx, c.nodes["n1"].agentPod, netip.MustParseAddr("127.0.1.1").String(), time.Now())
		remove(ctx, c.nodes["n2"].agentPod)
		wrong := pod(releaseNamespace, "agent-n2", "n2")
		wrong.Labels, wrong.OwnerReferences = c.nodes["n1"].agentPod.Labels, c.nodes["n1"].agentPod.OwnerReferences
		wrong.Spec.Containers[0].Ports = c.nodes["n1"].agentPod.Spec.Containers[0].Ports
		create(ctx, wrong)
		setRunning(ctx, wrong, "127.0.1.1", time.Now())
		run(ctx)
		g := newGate(ctx)
		g.expectShut(ctx, "node n2, agent:")
		g.expectNeverOpen(ctx)
	})
})

var _ = Describe("A gate that is open", func() {
	It("shuts once rounds failed for closeAfter, and no sooner", func(ctx SpecContext) {
		c := newCluster(ctx, 1)
		run(ctx)
		g := newGate(ctx, func(s *v1alpha1.ReadinessGateSpec) { s.Hysteresis.CloseAfter = seconds(4) })
		g.expectOpen(ctx)
		c.nodes["n1"].agent.stop()
		Eventually(func() string { return g.ready(ctx).Reason }).Should(Equal(v1alpha1.GateFailingReason))
		Expect(g.exists(ctx, "")).To(Succeed())
		g.expectShut(ctx, "node n1, agent:")
	})

	It("keeps its verdict with mode Latch", func(ctx SpecContext) {
		c := newCluster(ctx, 1)
		run(ctx)
		g := newGate(ctx, func(s *v1alpha1.ReadinessGateSpec) { s.Mode = v1alpha1.GateLatch })
		g.expectOpen(ctx)
		c.nodes["n1"].agent.stop()
		Eventually(func() string { return g.ready(ctx).Message }).Should(ContainSubstring("open for good"))
		g.expectStaysOpen(ctx)
	})

	It("needs only the quorum, where the first opening needed all", func(ctx SpecContext) {
		c := newCluster(ctx, 3)
		run(ctx)
		quorum := func(s *v1alpha1.ReadinessGateSpec) { s.Checks.Peers.Disabled = true; s.Nodes.QuorumPercent = 60 }
		remove(ctx, c.nodes["n3"].flannel)
		g := newGate(ctx, quorum)
		g.expectShut(ctx, "node n3, cni:")
		c.startFlannel(ctx, "n3")
		g.expectOpen(ctx)
		remove(ctx, c.nodes["n3"].flannel)
		Eventually(func() int32 { g.ready(ctx); return g.Status.Nodes.Passing }).Should(BeEquivalentTo(2))
		g.expectStaysOpen(ctx)
		remove(ctx, c.nodes["n2"].flannel)
		g.expectShut(ctx, "nodes n2 and n3, cni:")
	})

	It("gives a node that joins its time", func(ctx SpecContext) {
		c := newCluster(ctx, 1)
		run(ctx)
		g := newGate(ctx, func(s *v1alpha1.ReadinessGateSpec) {
			s.Nodes.NewNodeGrace = seconds(6)
			s.Hysteresis.CloseAfter = seconds(1)
		})
		g.expectOpen(ctx)
		n := c.join(ctx, 1)
		remove(ctx, n.agentPod)
		Eventually(func() string { return g.report(ctx)["report"] }).Should(ContainSubstring("n2  nodes  excused"))
		g.expectStaysOpen(ctx)
		g.expectShut(ctx, "node n2, agent:")
	})

	It("does not open again over a node that joined while it was shut, and fails", func(ctx SpecContext) {
		c := newCluster(ctx, 1)
		run(ctx)
		g := newGate(ctx, func(s *v1alpha1.ReadinessGateSpec) { s.Nodes.NewNodeGrace = seconds(600) })
		g.expectOpen(ctx)
		remove(ctx, c.nodes["n1"].flannel)
		g.expectShut(ctx, "node n1, cni:")
		remove(ctx, c.join(ctx, 1).agentPod)
		c.startFlannel(ctx, "n1")
		g.expectShut(ctx, "node n2, agent:")
		g.expectNeverOpen(ctx)
	})

	It("does not shut because every node is young once it opened", func(ctx SpecContext) {
		newCluster(ctx, 2)
		run(ctx)
		g := newGate(ctx, func(s *v1alpha1.ReadinessGateSpec) {
			s.Nodes.NewNodeGrace = seconds(600)
			s.Hysteresis.CloseAfter = seconds(1)
		})
		g.expectOpen(ctx)
		g.expectStaysOpen(ctx)
		g.ready(ctx)
		Expect(g.Status.Nodes.Eligible).To(BeEquivalentTo(2))
	})

	It("does without a node that is switched off", func(ctx SpecContext) {
		c := newCluster(ctx, 2)
		run(ctx)
		g := newGate(ctx, func(s *v1alpha1.ReadinessGateSpec) { s.Hysteresis.CloseAfter = seconds(10) })
		g.expectOpen(ctx)
		c.nodes["n2"].agent.stop()
		c.nodes["n2"].setReady(ctx, false, time.Now())
		Eventually(func() string { return g.report(ctx)["report"] }).Should(ContainSubstring("n2  nodes  excused"))
		g.expectOpen(ctx)
		g.expectStaysOpen(ctx)
	})
})
