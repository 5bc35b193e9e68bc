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
		func(stage inventory.Stage, haveSecrets bool, why string) {
			f := interrupted(stage)
			f.HaveSecrets = haveSecrets
			p := plan.Create(f)
			Expect(refusals(p)).To(BeEmpty())
			Expect(step(p, "destroy VM 9002").Reason).To(ContainSubstring(why))
			Expect(step(p, "create worker-2").Needs).To(ContainElement("destroy VM 9002"))
		},
		Entry("Talos never came up", inventory.Unreachable, false, "before Talos came up"),
		Entry("its secrets died with the run", inventory.Foreign, false, "took its secrets with it"),
		Entry("it has other secrets", inventory.Foreign, true, "other secrets"),
	)

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

	It("only marks what is left, when it died between two marks", func() {
		f := complete()
		f.VMs[1] = ownVM(f.Cluster.Nodes[1], inventory.Unfinished)
		p := plan.Create(f)
		Expect(steps(p)).To(ConsistOf("finish worker-2"))
		Expect(step(p, "finish worker-2").Marker).To(Equal(inventory.Marker{Cluster: clusterName, Node: "worker-2", Run: formerRun, Life: inventory.Complete}))
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
