package plan_test

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/tazzo/rebirth/internal/bootstrap/inventory"
	"github.com/tazzo/rebirth/internal/bootstrap/plan"
	"github.com/tazzo/rebirth/internal/bootstrap/spec"
)

var _ = Describe("devices of the tailnet", func() {
	DescribeTable("that a former life has left are removed before the key is minted",
		func(hostname string) {
			f := empty()
			f.Devices = []inventory.Device{offline(device(hostname))}
			p := plan.Create(f)
			Expect(step(p, "mint key").Needs).To(ContainElement("remove device id-" + hostname))
		},
		Entry("of the node's name", "worker-2"),
		Entry("of the name with a number behind it", "worker-2-1"),
	)

	DescribeTable("that are somebody else's stop a create before any machine exists",
		func(change func(*inventory.Device), why string) {
			f := empty()
			d := offline(device("worker-2"))
			change(&d)
			f.Devices = []inventory.Device{d}
			p := plan.Create(f)
			Expect(p.Steps).To(BeEmpty())
			Expect(refusals(p)).To(And(ContainSubstring("device worker-2 (id-worker-2)"), ContainSubstring(why)))
		},
		Entry("connected", func(d *inventory.Device) { d.Connected = true }, "is connected"),
		Entry("with other tags", func(d *inventory.Device) { d.Tags = []string{"tag:other"} }, "is not this cluster's"),
		Entry("with more tags", func(d *inventory.Device) { d.Tags = append(d.Tags, "tag:other") }, "is not this cluster's"),
		Entry("without tags, a person's", func(d *inventory.Device) { d.Tags = nil }, "is not this cluster's"),
	)

	It("are left alone when their names are other ones", func() {
		f := empty()
		f.Devices = []inventory.Device{device("worker-20"), device("worker"), device("worker-2-old"), device("laptop")}
		p := plan.Create(f)
		Expect(refusals(p)).To(BeEmpty())
		Expect(steps(p)).NotTo(ContainElement(HavePrefix("remove")))
	})

	It("are left alone, and stop nothing, when they only look numbered and are in use or somebody's", func() {
		f := empty()
		f.Cluster.Nodes[1].Name = "db"
		others := offline(device("db-3"))
		others.Tags = nil
		f.Devices = []inventory.Device{device("db-2"), others}
		p := plan.Create(f)
		Expect(refusals(p)).To(BeEmpty())
		Expect(steps(p)).NotTo(ContainElement(HavePrefix("remove")))
	})

	It("of another node are not taken for a numbered one of this", func() {
		f := empty()
		f.Cluster.Nodes[1].Name = "node"
		f.Cluster.Nodes[2].Name = "node-2"
		f.Devices = []inventory.Device{offline(device("node-2"))}
		Expect(step(plan.Create(f), "remove device id-node-2").Node).To(Equal("node-2"))
	})

	It("may be connected where their machine is destroyed first", func() {
		f := interrupted(inventory.Foreign)
		f.Devices = []inventory.Device{device("worker-2")}
		Expect(step(plan.Create(f), "remove device id-worker-2").Needs).To(ContainElement("destroy VM 9002"))
	})

	Describe("when they are looked at once more, before new machines join", func() {
		judged := func(f plan.Facts, devices ...inventory.Device) ([]inventory.Device, error) {
			return step(plan.Create(f), "clear devices").Stale(devices)
		}

		It("are removed if a machine that was destroyed since has joined with the key of a dead run", func() {
			late := device("worker-2")
			Expect(judged(interrupted(inventory.Foreign), late, device("laptop"))).To(ConsistOf(late))
		})

		It("are looked at after machines are destroyed and old keys are revoked", func() {
			f := interrupted(inventory.Foreign)
			f.LeftoverKeys = []string{"k1"}
			Expect(step(plan.Create(f), "clear devices").Needs).To(ContainElements("destroy VM 9002", "revoke leftover key k1", "await health of worker-2"))
		})

		It("stop the join if another machine has taken a name meanwhile", func() {
			_, err := judged(empty(), device("worker-2"))
			Expect(err).To(MatchError(And(ContainSubstring("device worker-2"), ContainSubstring("is connected"))))
		})

		It("are left alone where the node is the one that was there", func() {
			f := interrupted(inventory.Running)
			f.HaveSecrets = true
			Expect(steps(plan.Create(f))).NotTo(ContainElement("clear devices"))
		})
	})

	It("that are missing in a finished cluster are a note, with the command that helps", func() {
		f := complete()
		f.Devices = f.Devices[:2]
		p := plan.Create(f)
		Expect(p.Empty()).To(BeTrue())
		Expect(p.Notes).To(ContainElement(ContainSubstring("bootstrap rejoin worker-3")))
	})
})

var _ = Describe("a tailnet that can't be asked", func() {
	unknown := func(f plan.Facts) plan.Facts {
		f.Devices, f.TailnetUnknown = nil, "https://headscale.lan: list devices: unavailable"
		return f
	}
	It("stops a create, and is named with the cause", func() {
		Expect(refusals(plan.Create(unknown(empty())))).To(And(ContainSubstring("the tailnet"), ContainSubstring("headscale.lan")))
	})
	It("stops a rejoin", func() {
		Expect(refusals(plan.Rejoin(unknown(complete()), "worker-2"))).To(ContainSubstring("headscale.lan"))
	})
	It("is no obstacle to a destruction, which says what stays", func() {
		p := plan.Destroy(unknown(complete()))
		Expect(steps(p)).To(ConsistOf("destroy VM 9001", "destroy VM 9002", "destroy VM 9003"))
		Expect(p.Notes).To(ConsistOf(And(ContainSubstring("devices stay"), ContainSubstring("headscale.lan"))))
	})
	It("shows in the status", func() {
		Expect(plan.Status(unknown(complete()))[1].Tailnet).To(Equal("unknown"))
	})
})

var _ = Describe("preflight", func() {
	It("asks the tailnet for a key only where a plan mints one", func() {
		f := complete()
		Expect(steps(plan.Preflight(f.Cluster, plan.Destroy(f)))).To(ConsistOf("check proxmox"))
		Expect(steps(plan.Preflight(f.Cluster, plan.Destroy(f), plan.Create(empty())))).To(ConsistOf("check proxmox", "check tailnet"))
	})
})

var _ = Describe("destroy", func() {
	It("removes machines, then their devices, connected or not", func() {
		f := complete()
		f.Devices[1] = offline(f.Devices[1])
		p := plan.Destroy(f)
		Expect(steps(p)).To(Equal([]string{
			"destroy VM 9001", "destroy VM 9002", "destroy VM 9003",
			"remove device id-controlplane-1", "remove device id-worker-2", "remove device id-worker-3", "clear devices",
		}))
		Expect(step(p, "remove device id-worker-2").Needs).To(ConsistOf("destroy VM 9001", "destroy VM 9002", "destroy VM 9003"))
	})

	It("looks once more for devices that came until their machines were destroyed", func() {
		f := interrupted(inventory.Foreign)
		others := device("worker-3")
		others.Tags = nil
		Expect(step(plan.Destroy(f), "clear devices").Stale([]inventory.Device{device("worker-2"), others})).To(ConsistOf(device("worker-2")))
	})

	It("finds machines that cluster.yaml no longer names, with their devices", func() {
		f := complete()
		f.VMs = append(f.VMs, ownVM(spec.Node{Name: "worker-4", VMID: 9004}, inventory.Complete))
		f.Devices = append(f.Devices, device("worker-4"))
		Expect(steps(plan.Destroy(f))).To(ContainElements("destroy VM 9004", "remove device id-worker-4"))
	})

	It("asks nothing of a cluster that is dead", func() {
		f := complete()
		f.Machines = nil
		Expect(plan.Destroy(f).Steps).To(HaveLen(7))
	})

	It("leaves machines and devices alone that are not the cluster's, and says so", func() {
		f := empty()
		f.VMs = []inventory.VM{foreignVM(9002)}
		f.Devices = []inventory.Device{device("worker-2")}
		p := plan.Destroy(f)
		Expect(p.Empty()).To(BeTrue())
		Expect(p.Notes).To(ContainElements(ContainSubstring("VM 9002 (mail) is not this cluster's"), ContainSubstring("is connected, from a machine")))
	})

	It("leaves a numbered device alone that is connected, for it may be another cluster's node", func() {
		f := complete()
		f.Devices = append(f.Devices, device("worker-2-1"), offline(device("worker-3-1")))
		p := plan.Destroy(f)
		Expect(steps(p)).To(ContainElements("remove device id-worker-2", "remove device id-worker-3-1"))
		Expect(steps(p)).NotTo(ContainElement("remove device id-worker-2-1"))
		Expect(p.Notes).To(ConsistOf(And(ContainSubstring("device worker-2-1"), ContainSubstring("left alone"))))
		Expect(refusals(plan.Create(plan.AfterDestroy(f)))).To(BeEmpty(), "a rebirth goes on")
	})

	DescribeTable("refuses as a whole where one machine may not be removed",
		func(change func(*inventory.VM), why string) {
			f := complete()
			change(&f.VMs[2])
			p := plan.Destroy(f)
			Expect(p.Steps).To(BeEmpty())
			Expect(refusals(p)).To(And(ContainSubstring("VM 9003"), ContainSubstring(why)))
		},
		Entry("protected", func(vm *inventory.VM) { vm.Protected = true }, "protection is on"),
		Entry("a template", func(vm *inventory.VM) { vm.Template = true }, "is a template"),
	)

	It("leaves nothing for a create to trip over", func() {
		after := plan.AfterDestroy(complete())
		p := plan.Create(after)
		Expect(refusals(p)).To(BeEmpty())
		Expect(steps(p)).To(ContainElements("create controlplane-1", "create worker-2", "create worker-3"))
	})
})

var _ = Describe("rejoin", func() {
	forgotten := func() plan.Facts {
		f := complete()
		f.HaveSecrets = true
		f.Devices = f.Devices[:2]
		for i := range f.Machines {
			f.Machines[i].Stage = inventory.Running
		}
		return f
	}

	It("mints a key for the one node, and touches nothing else", func() {
		Expect(steps(plan.Rejoin(forgotten(), "worker-3"))).To(Equal([]string{"mint key", "join worker-3", "revoke key"}))
	})

	It("leaves a device alone that only looks numbered", func() {
		f := forgotten()
		f.Devices = append(f.Devices, device("worker-3-1"))
		Expect(steps(plan.Rejoin(f, "worker-3"))).To(Equal([]string{"mint key", "join worker-3", "revoke key"}))
	})

	It("does nothing for a node that is in the tailnet", func() {
		f := forgotten()
		f.Machines[1].TailnetAddresses = f.Devices[1].Addresses
		p := plan.Rejoin(f, "worker-2")
		Expect(p.Empty()).To(BeTrue())
		Expect(p.Notes).To(ConsistOf(ContainSubstring("nothing to do")))
	})

	DescribeTable("is refused where it can't help",
		func(change func(*plan.Facts), node, why string) {
			f := forgotten()
			change(&f)
			p := plan.Rejoin(f, node)
			Expect(p.Steps).To(BeEmpty())
			Expect(refusals(p)).To(ContainSubstring(why))
		},
		Entry("an unknown node", func(*plan.Facts) {}, "worker-9", "is not in cluster.yaml; its nodes are [controlplane-1 worker-2 worker-3]"),
		Entry("no tailnet", func(f *plan.Facts) { f.Cluster.Tailnet = nil }, "worker-3", "is not in cluster.yaml"),
		Entry("no secrets", func(f *plan.Facts) { f.HaveSecrets = false; f.Machines[2].Stage = inventory.Foreign }, "worker-3", "talos.secrets"),
		Entry("other secrets", func(f *plan.Facts) { f.Machines[2].Stage = inventory.Foreign }, "worker-3", "refuses talos.secrets"),
		Entry("a node that is off", func(f *plan.Facts) { f.Machines[2].Stage = inventory.Unreachable }, "worker-3", "does not answer at 192.168.1.73"),
		Entry("a node that no create has finished", func(f *plan.Facts) { f.VMs = interrupted(inventory.Running).VMs }, "worker-3", "bootstrap create"),
		Entry("a machine that is somebody else's", func(f *plan.Facts) { f.VMs[2] = foreignVM(9003) }, "worker-3", "is not this cluster's"),
		Entry("a name that another machine uses", func(f *plan.Facts) { f.Devices = append(f.Devices, device("worker-3")) }, "worker-3", "is another machine's"),
	)
})
