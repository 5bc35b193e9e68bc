package readiness_test

import (
	"net"
	"net/netip"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/tazzo/rebirth/api/v1alpha1"
)

var _ = Describe("An upgrade of the agents", func() {
	It("has the new one serve before the old one goes, on a few nodes at a time", func() {
		strategy := agents.Spec.UpdateStrategy.RollingUpdate
		Expect(*strategy.MaxSurge).To(Equal(intstr.FromString("5%")))
		Expect(*strategy.MaxUnavailable).To(Equal(intstr.FromInt32(0)))
		Expect(agents.Spec.Template.Spec.HostNetwork).To(BeFalse(), "two could not listen on one port")
		Expect(agents.Spec.Template.Spec.Containers[0].Ports).To(HaveEach(HaveField("HostPort", BeZero())))
	})

	It("fails no node at any moment", func(ctx SpecContext) {
		c := newCluster(ctx, 2)
		run(ctx)
		g := newGate(ctx)
		g.expectOpen(ctx)
		n := c.nodes["n2"]
		old, oldPod := n.agent, n.agentPod
		DeferCleanup(old.stop)
		expectNoFailure := func(when string) {
			GinkgoHelper()
			Consistently(func(e Gomega) {
				e.Expect(g.ready(ctx).Reason).To(Equal(v1alpha1.GateOpenReason), "%s", g.ready(ctx).Message)
				e.Expect(g.Status.Nodes.Passing).To(BeEquivalentTo(2))
			}).Should(Succeed(), when)
		}

		address := unusedAddress("127.0.1.3")
		n.agentPod = agentPod("agent-n2-new", "n2", address.Port())
		Expect(admin.Create(ctx, n.agentPod)).To(Succeed())
		setStarted(ctx, n.agentPod, address.Addr().String(), time.Now(), corev1.ConditionFalse)
		expectNoFailure("the new one runs, and does not serve yet")

		n.agent = startAgentAt("n2", address.String())
		setRunning(ctx, n.agentPod, address.Addr().String(), time.Now())
		expectNoFailure("both serve")

		old.stop()
		expectNoFailure("the old one has ended, and its pod is still there")

		remove(ctx, oldPod)
		expectNoFailure("the new one is alone")
	})
})

// unusedAddress has a port of that IP that nobody listens on.
func unusedAddress(ip string) netip.AddrPort {
	GinkgoHelper()
	listener, err := net.Listen("tcp4", net.JoinHostPort(ip, "0"))
	Expect(err).NotTo(HaveOccurred())
	defer listener.Close()
	return netip.MustParseAddrPort(listener.Addr().String())
}
