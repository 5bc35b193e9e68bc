package plan_test

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/tazzo/rebirth/internal/bootstrap/inventory"
	"github.com/tazzo/rebirth/internal/bootstrap/plan"
)

var _ = Describe("status", func() {
	It("is OK for each node of a finished cluster", func() {
		for _, node := range plan.Status(complete()) {
			Expect(node.OK).To(BeTrue(), "%+v", node)
			Expect(node.VM).To(Equal("running"))
			Expect(node.Tailnet).To(Equal(node.Node + " connected"))
			Expect(node.Drift).To(BeEmpty())
		}
	})

	It("has a line for each node of cluster.yaml where nothing is", func() {
		nodes := plan.Status(empty())
		Expect(nodes).To(HaveLen(3))
		Expect(nodes[0]).To(Equal(plan.NodeStatus{
			Node: "controlplane-1", Role: "controlplane", VMID: 9001, VM: "absent", Talos: "unreachable", Tailnet: "missing",
			Verdict: "create: there is no such machine",
		}))
	})

	DescribeTable("is not OK",
		func(change func(*plan.Facts), expected func(plan.NodeStatus)) {
			f := complete()
			change(&f)
			node := plan.Status(f)[1]
			Expect(node.OK).To(BeFalse())
			expected(node)
		},
		Entry("for a machine that is stopped", func(f *plan.Facts) { f.VMs[1].Running = false },
			func(n plan.NodeStatus) { Expect(n.VM).To(Equal("stopped")) }),
		Entry("for somebody else's machine", func(f *plan.Facts) { f.VMs[1] = foreignVM(9002) },
			func(n plan.NodeStatus) { Expect(n.VM).To(Equal("not ours")) }),
		Entry("for a node that doesn't answer", func(f *plan.Facts) { f.Machines[1].Stage = inventory.Unreachable },
			func(n plan.NodeStatus) { Expect(n.Talos).To(Equal("unreachable")) }),
		Entry("for a node that the tailnet has forgotten", func(f *plan.Facts) { f.Devices = f.Devices[:1] },
			func(n plan.NodeStatus) { Expect(n.Tailnet).To(Equal("missing")) }),
	)

	It("says what differs from cluster.yaml", func() {
		f := complete()
		f.VMs[1].Cores, f.VMs[1].Host = 8, "pve2"
		Expect(plan.Status(f)[1].Drift).To(ConsistOf(
			"host: pve2, and cluster.yaml says pve",
			"cores: 8, and cluster.yaml says 0",
		))
	})
})
