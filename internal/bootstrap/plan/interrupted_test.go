package plan_test

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/tazzo/rebirth/internal/bootstrap/inventory"
	"github.com/tazzo/rebirth/internal/bootstrap/plan"
)

var _ = Describe("create after an interrupted create", func() {
	It("goes on where Talos waits for its configuration", func() {
		p := plan.Create(interrupted(inventory.Maintenance))
		Expect(steps(p)).To(ContainElements("configure worker-2", "start etcd"))
		Expect(steps(p)).NotTo(ContainElement(HavePrefix("create")))
		Expect(steps(p)).NotTo(ContainElement(HavePrefix("destroy")))
	})

	It("goes on under the run that made the machines", func() {
		f := interrupted(inventory.Maintenance)
		f.VMs, f.Machines = f.VMs[:2], f.Machines[:2]
		p := plan.Create(f)
		Expect(step(p, "create worker-3").Marker.Run).To(Equal(formerRun))
		Expect(step(p, "finish worker-2").Marker.Run).To(Equal(formerRun))
	})

	DescribeTable("makes machines anew from which nobody can go on",
		func(stage inventory.Stage, life inventory.Life, haveSecrets bool, why string) {
			f := left(stage, life)
			f.HaveSecrets = haveSecrets
			p := plan.Create(f)
			Expect(refusals(p)).To(BeEmpty())
			Expect(step(p, "destroy VM 9002").Reason).To(ContainSubstring(why))
			Expect(step(p, "create worker-2").Needs).To(ContainElement("destroy VM 9002"))
		},
		Entry("Talos never came up", inventory.Unreachable, inventory.New, false, "before Talos came up"),
		Entry("Talos no longer answers", inventory.Unreachable, inventory.Unfinished, true, "Talos does not answer"),
		Entry("its secrets died with the run", inventory.Foreign, inventory.Unfinished, false, "took its secrets with it"),
		Entry("it has other secrets", inventory.Foreign, inventory.Unfinished, true, "other secrets"),
	)

	DescribeTable("asks before it destroys what may hold something",
		func(change func(*plan.Facts), asks ...string) {
			f := left(inventory.Unreachable, inventory.New)
			change(&f)
			p := plan.Create(f)
			Expect(refusals(p)).To(BeEmpty())
			Expect(steps(p.Doomed())).To(Equal(append([]string{}, asks...)))
			if len(asks) > 0 {
				Expect(p.Notes).To(ContainElement(And(HavePrefix("create destroys only if somebody says yes: VM 9001 (controlplane-1: "), ContainSubstring("VM 9003 (worker-3: "))))
			}
		},
		Entry("but not machines that were never configured", func(*plan.Facts) {}),
		Entry("but not machines that wait for their configuration", func(f *plan.Facts) {
			*f = left(inventory.Maintenance, inventory.Unfinished)
		}),
		Entry("a machine that was configured and doesn't answer, and all that go with it", func(f *plan.Facts) {
			f.VMs[1] = ownVM(f.Cluster.Nodes[1], inventory.Unfinished)
		}, "destroy VM 9001", "destroy VM 9002", "destroy VM 9003"),
		Entry("a machine that was configured and is stopped", func(f *plan.Facts) {
			f.VMs[1] = ownVM(f.Cluster.Nodes[1], inventory.Unfinished)
			f.VMs[1].Running = false
		}, "destroy VM 9001", "destroy VM 9002", "destroy VM 9003"),
		Entry("a machine that somebody else has configured", func(f *plan.Facts) {
			f.Machines[1].Stage = inventory.Foreign
		}, "destroy VM 9001", "destroy VM 9002", "destroy VM 9003"),
		Entry("the machines of an etcd that has lost a member", func(f *plan.Facts) {
			*f = left(inventory.Running, inventory.Unfinished)
			f.HaveSecrets = true
			f.Cluster.Nodes[1].Role = "controlplane"
			f.Machines[0].Bootstrapped = true
			f.VMs[1] = ownVM(f.Cluster.Nodes[1], inventory.New)
			f.Machines[1].Stage = inventory.Unreachable
		}, "destroy VM 9001", "destroy VM 9002", "destroy VM 9003"),
	)

	DescribeTable("is in doubt about nodes that run, and don't answer",
		func(change func(*plan.Facts), doubtful ...string) {
			f := left(inventory.Running, inventory.Unfinished)
			f.HaveSecrets = true
			f.Machines[1].Stage = inventory.Unreachable
			change(&f)
			Expect(append([]string{}, f.InDoubt()...)).To(Equal(append([]string{}, doubtful...)))
		},
		Entry("and were configured", func(*plan.Facts) {}, "worker-2"),
		Entry("but not where nobody could open them", func(f *plan.Facts) { f.HaveSecrets = false }),
		Entry("but not about one that is stopped", func(f *plan.Facts) { f.VMs[1].Running = false }),
		Entry("but not about one that was never configured", func(f *plan.Facts) { f.VMs[1] = ownVM(f.Cluster.Nodes[1], inventory.New) }),
		Entry("but not about one that a create has finished", func(f *plan.Facts) { f.VMs[1] = ownVM(f.Cluster.Nodes[1], inventory.Complete) }),
		Entry("but not about somebody else's", func(f *plan.Facts) { f.VMs[1] = foreignVM(9002) }),
	)

	It("notes that a machine has a configuration before it sends one", func() {
		p := plan.Create(interrupted(inventory.Maintenance))
		Expect(step(p, "configure worker-2").Marker.Life).To(Equal(inventory.Unfinished))
		Expect(step(plan.Create(empty()), "create worker-2").Marker.Life).To(Equal(inventory.New))
	})

	It("goes on with configured nodes when it has their secrets", func() {
		f := interrupted(inventory.Running)
		f.HaveSecrets = true
		f.Machines[0].Bootstrapped = true
		p := plan.Create(f)
		Expect(steps(p)).NotTo(ContainElement("start etcd"))
		Expect(steps(p)).NotTo(ContainElement(HavePrefix("destroy")))
		Expect(steps(p)).To(ContainElements("await health of controlplane-1", "join worker-2", "finish worker-2"))
	})

	It("starts etcd anew when a member of it was lost", func() {
		f := interrupted(inventory.Running)
		f.HaveSecrets = true
		f.Cluster.Nodes[1].Role = "controlplane"
		f.Machines[0].Bootstrapped = true
		f.Machines[1].Stage = inventory.Unreachable
		p := plan.Create(f)
		Expect(steps(p)).To(ContainElements("destroy VM 9001", "destroy VM 9002", "destroy VM 9003", "start etcd"))
	})

	It("starts etcd anew when a member may have been lost, of one that only boots", func() {
		f := interrupted(inventory.Booting)
		f.HaveSecrets = true
		f.Cluster.Nodes[1].Role = "controlplane"
		f.Machines[0].Stage = inventory.Unreachable
		p := plan.Create(f)
		Expect(steps(p)).To(ContainElements("destroy VM 9001", "destroy VM 9002", "destroy VM 9003", "start etcd"))
	})

	It("asks a configured control plane for etcd before a new one, which would make a second", func() {
		f := interrupted(inventory.Booting)
		f.HaveSecrets = true
		f.Cluster.Nodes[1].Role = "controlplane"
		f.VMs = f.VMs[1:]
		f.Machines[0].Stage = inventory.Unreachable
		Expect(step(plan.Create(f), "start etcd").Node).To(Equal("worker-2"))
	})

	It("only marks what is left, when it died between two marks", func() {
		f := complete()
		f.VMs[1] = ownVM(f.Cluster.Nodes[1], inventory.Unfinished)
		p := plan.Create(f)
		Expect(steps(p)).To(ConsistOf("finish worker-2"))
		Expect(step(p, "finish worker-2").Marker).To(Equal(inventory.Marker{Cluster: clusterName, Node: "worker-2", VM: 9002, Run: formerRun, Life: inventory.Complete}))
	})

	It("never replaces a machine that a create has finished", func() {
		f := complete()
		for i := range f.Machines {
			f.Machines[i].Stage = inventory.Unreachable
		}
		Expect(steps(plan.Create(f))).To(BeEmpty())
	})

	It("refuses to replace a protected machine", func() {
		f := interrupted(inventory.Foreign)
		f.VMs[1].Protected = true
		Expect(refusals(plan.Create(f))).To(ContainSubstring("Switch the protection off"))
	})

	It("revokes the auth key that it left, before it mints another", func() {
		f := interrupted(inventory.Maintenance)
		f.LeftoverKeys = []string{"k1"}
		p := plan.Create(f)
		Expect(step(p, "revoke leftover key k1").KeyID).To(Equal("k1"))
		Expect(step(p, "mint key").Needs).To(ContainElement("revoke leftover key k1"))
	})

	Describe("when a node had joined already", func() {
		It("takes the key from it and mints none", func() {
			f := interrupted(inventory.Running)
			f.HaveSecrets = true
			for i, node := range f.Cluster.Nodes {
				d := device(node.Name)
				f.Devices = append(f.Devices, d)
				f.Machines[i].TailnetAddresses = d.Addresses
			}
			p := plan.Create(f)
			Expect(steps(p)).To(ContainElements("take key from controlplane-1", "take key from worker-2"))
			Expect(steps(p)).NotTo(ContainElement("mint key"))
		})
	})
})
