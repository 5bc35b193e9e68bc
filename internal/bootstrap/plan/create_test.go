package plan_test

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/tazzo/rebirth/internal/bootstrap/inventory"
	"github.com/tazzo/rebirth/internal/bootstrap/plan"
	"github.com/tazzo/rebirth/internal/bootstrap/spec"
)

var _ = Describe("create", func() {
	It("makes everything where nothing is, each after what it needs", func() {
		p := plan.Create(empty())
		Expect(refusals(p)).To(BeEmpty())
		Expect(steps(p)).To(Equal([]string{
			"download image to pve",
			"create controlplane-1", "start controlplane-1", "await controlplane-1", "configure controlplane-1", "await configuration of controlplane-1",
			"create worker-2", "start worker-2", "await worker-2", "configure worker-2", "await configuration of worker-2",
			"create worker-3", "start worker-3", "await worker-3", "configure worker-3", "await configuration of worker-3",
			"start etcd", "await health of controlplane-1", "await health of worker-2", "await health of worker-3",
			"clear devices", "mint key", "join controlplane-1", "join worker-2", "join worker-3", "revoke key",
			"finish controlplane-1", "finish worker-2", "finish worker-3",
		}))
		Expect(step(p, "create worker-2").Needs).To(ConsistOf("download image to pve"))
		Expect(step(p, "configure worker-2").Needs).To(ConsistOf("await worker-2"))
		Expect(step(p, "start etcd").Needs).To(ConsistOf("await configuration of controlplane-1"))
		Expect(step(p, "await health of worker-3").Needs).To(ConsistOf("start etcd", "await configuration of worker-3"))
		Expect(step(p, "mint key").Needs).To(ConsistOf("clear devices", "await health of controlplane-1", "await health of worker-2", "await health of worker-3"))
		Expect(step(p, "revoke key").Needs).To(ConsistOf("join controlplane-1", "join worker-2", "join worker-3"))
		Expect(step(p, "finish worker-2").Needs).To(ContainElements("revoke key", "await health of worker-2"))
	})

	It("gives every step a title, a reason and a phase", func() {
		for _, step := range plan.Create(empty()).Steps {
			Expect(step.Title).NotTo(BeEmpty(), step.ID)
			Expect(step.Reason).NotTo(BeEmpty(), step.ID)
			Expect(step.Phase).NotTo(BeEmpty(), step.ID)
		}
	})

	It("plans only steps whose needs stand before them", func() {
		for name, f := range map[string]plan.Facts{"nothing": empty(), "maintenance": interrupted(inventory.Maintenance), "foreign": interrupted(inventory.Foreign), "unreachable": interrupted(inventory.Unreachable)} {
			seen := map[string]bool{}
			for _, step := range plan.Create(f).Steps {
				Expect(seen).NotTo(HaveKey(step.ID), name)
				for _, need := range step.Needs {
					Expect(seen).To(HaveKey(need), "%s: %s needs %s", name, step.ID, need)
				}
				seen[step.ID] = true
			}
		}
	})

	It("does nothing for a finished cluster", func() {
		p := plan.Create(complete())
		Expect(p.Empty()).To(BeTrue(), "%v %v", steps(p), refusals(p))
		Expect(p.Notes).To(ConsistOf(ContainSubstring("is complete: there is nothing to do")))
	})

	It("hands the Secret over once, when the API answers", func() {
		f := empty()
		f.Cluster.HandOver.Secret = &spec.HandOverSecret{Namespace: "flux-system", Name: "git"}
		Expect(step(plan.Create(f), "apply secret").Needs).To(ContainElements("await health of controlplane-1", "await health of worker-3"))
		f = complete()
		f.Cluster.HandOver.Secret = &spec.HandOverSecret{Namespace: "flux-system", Name: "git"}
		Expect(plan.Create(f).Empty()).To(BeTrue())
	})

	It("mints no key for a cluster without a tailnet", func() {
		f := empty()
		f.Cluster.Tailnet = nil
		Expect(steps(plan.Create(f))).NotTo(ContainElements("mint key", "clear devices"))
	})

	It("starts a finished machine that is stopped, and nothing else", func() {
		f := complete()
		f.VMs[1].Running = false
		Expect(steps(plan.Create(f))).To(ConsistOf("start worker-2"))
	})

	Describe("a machine that isn't ours", func() {
		DescribeTable("is never touched, and named",
			func(change func(*inventory.VM), why string) {
				f := complete()
				change(&f.VMs[1])
				p := plan.Create(f)
				Expect(p.Steps).To(BeEmpty())
				Expect(refusals(p)).To(And(ContainSubstring("VM 9002 (worker-2)"), ContainSubstring(why)))
			},
			Entry("somebody else's", func(vm *inventory.VM) { *vm = foreignVM(9002) }, "is not this cluster's"),
			Entry("without the tag", func(vm *inventory.VM) { vm.Tags = nil }, "lacks the tag"),
			Entry("without the marker", func(vm *inventory.VM) { vm.Description = "my notes" }, "lacks the tag"),
			Entry("half made by a task that died", func(vm *inventory.VM) { vm.Tags, vm.Description, vm.Lock = nil, "", "create" }, "qm unlock 9002"),
			Entry("another cluster's", func(vm *inventory.VM) {
				vm.Tags = []string{"rebirth-office"}
				vm.Description = inventory.Marker{Cluster: "office", Node: "worker-2", VM: 9002, Run: "r", Life: inventory.Complete}.String()
			}, "is not this cluster's"),
			Entry("another node's", func(vm *inventory.VM) {
				vm.Description = inventory.Marker{Cluster: clusterName, Node: "worker-9", VM: 9002, Run: "r", Life: inventory.Complete}.String()
			}, "is this cluster's node worker-9"),
			Entry("a copy of another", func(vm *inventory.VM) {
				*vm = copyOf(ownVM(spec.Node{Name: "worker-2", VMID: 7002}, inventory.Complete), 9002)
			}, "is a copy of VM 7002"),
		)

		It("is left alone and named when it is a copy of one that is", func() {
			f := complete()
			f.VMs = append(f.VMs, copyOf(f.VMs[1], 9999))
			p := plan.Create(f)
			Expect(p.Empty()).To(BeTrue())
			Expect(p.Notes).To(ContainElement(HavePrefix("VM 9999 (Copy-of-worker-2) is a copy of VM 9002: it is left alone")))
			p = plan.Destroy(f)
			Expect(steps(p)).To(ContainElement("destroy VM 9002"))
			Expect(steps(p)).NotTo(ContainElement("destroy VM 9999"))
			Expect(p.Notes).To(ContainElement(HavePrefix("VM 9999 (Copy-of-worker-2) is a copy of VM 9002: it is left alone")))
		})

		It("is refused when it answers at a node's address", func() {
			f := empty()
			f.Machines = []inventory.Machine{{Node: "worker-2", Stage: inventory.Maintenance}}
			Expect(refusals(plan.Create(f))).To(ContainSubstring("another machine has it"))
		})
	})

	It("names every refusal at once", func() {
		f := empty()
		f.VMs = []inventory.VM{foreignVM(9001), foreignVM(9003)}
		Expect(plan.Create(f).Refusals).To(HaveLen(2))
	})

	It("leaves a machine alone that cluster.yaml no longer names, and says so", func() {
		f := complete()
		gone := ownVM(spec.Node{Name: "worker-4", VMID: 9004}, inventory.Complete)
		f.VMs = append(f.VMs, gone)
		p := plan.Create(f)
		Expect(p.Empty()).To(BeTrue())
		Expect(p.Notes).To(ContainElement(ContainSubstring("VM 9004 (worker-4)")))
	})

	Describe("a node added to a finished cluster", func() {
		var f plan.Facts
		BeforeEach(func() {
			f = complete()
			f.VMs, f.Machines, f.Devices = f.VMs[:2], f.Machines[:2], f.Devices[:2]
		})
		It("is refused where the cluster's secrets are gone", func() {
			Expect(refusals(plan.Create(f))).To(And(ContainSubstring("worker-3"), ContainSubstring("talos.secrets")))
		})
		It("is made with the secrets, and etcd left alone", func() {
			f.HaveSecrets = true
			p := plan.Create(f)
			Expect(refusals(p)).To(BeEmpty())
			Expect(steps(p)).To(ContainElements("create worker-3", "join worker-3", "finish worker-3"))
			Expect(steps(p)).NotTo(ContainElements("start etcd"))
			Expect(steps(p)).NotTo(ContainElement(ContainSubstring("worker-2")))
		})
	})

	It("refuses to change machine.certSANs of a live cluster (B5)", func() {
		f := complete()
		f.HaveSecrets = true
		f.Cluster.Talos.MachineCertSANs = []string{"talos.example.com"}
		for i := range f.Machines {
			f.Machines[i].Stage = inventory.Running
		}
		Expect(refusals(plan.Create(f))).To(And(HavePrefix("talos.machineCertSANs"), ContainSubstring("PKI")))
	})
})
